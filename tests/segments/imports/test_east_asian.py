"""East Asian files are read in their encoding, and never silently in another."""

import pytest
from django.core.management import CommandError, call_command
from hypothesis import given, settings
from hypothesis import strategies as st

from segments.imports.east_asian import east_asian
from segments.imports.file_format import EncodingNotClear, detect_encoding
from segments.models import Customer

CHINESE = "客户编号,姓,名\n1,王,小明\n2,李,晓红\n3,张,建国\n4,欧阳,婷婷\n"
TAIWANESE = "編號,姓,名\n1,王,小明\n2,李,曉紅\n3,張,建國\n4,歐陽,婷婷\n"
JAPANESE = "番号,姓,名\n1,山田,太郎\n2,佐藤,花子\n3,スズキ,イチロー\n"
KATAKANA = "ﾊﾞﾝｺﾞｳ,ﾅﾏｴ\n1,ﾔﾏﾀﾞ ﾀﾛｳ\n2,ｻﾄｳ ﾊﾅｺ\n3,ｽｽﾞｷ ｲﾁﾛｰ\n"
KOREAN = "번호,이름,도시\n1,김민수,서울특별시\n2,이영희,부산광역시\n3,박지훈,대구\n"


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        (CHINESE, "gb18030"),
        (TAIWANESE, "big5"),
        (JAPANESE, "cp932"),
        (JAPANESE, "euc_jp"),
        (KATAKANA, "cp932"),
        (CHINESE * 50, "utf-16-le"),
        (JAPANESE, "utf-16-be"),
        ("客户编号姓名" * 20 + ",上海上海\n" + "王小明李晓红" * 20 + ",北京\n", "utf-16-le"),
        (KOREAN, "cp949"),
    ],
)
def test_an_encoding_is_found(text, encoding):
    assert detect_encoding(text.encode(encoding)) == encoding
    assert detect_encoding(text.encode()) == "utf-8"


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("José,Müller\nFrançois,Weiß\n", "cp1252"),
        ("PROMOÇÃO,DESCRIÇÃO\n", "cp1252"),
        ("Łukasz,Świętochłowice\nŻaneta,Gdańsk\n", "cp1250"),
        ("Иванов,Мария\nПетров,Москва\n", "cp1251"),
        ("Νίκος,Αθήνα\nΓιώργος,Πάτρα\n", "cp1253"),
        ("İpek,Çağla\nŞule,Gökçe\n", "cp1254"),
    ],
)
def test_other_scripts_are_not_taken_for_east_asian(text, encoding):
    assert east_asian(text.encode(encoding)) == []


@pytest.mark.parametrize(
    ("text", "encoding", "other"),
    [
        ("김민,서울\n", "cp949", "gb18030"),
        ("ИВАН\nПЕТР\n", "cp1251", "gb18030"),
        ("כהן,שרה\nלוי,רחל\nאברהם,דוד\n", "cp1255", "cp1251"),
    ],
)
def test_what_reads_well_in_two_encodings_is_asked(text, encoding, other):
    with pytest.raises(EncodingNotClear, match="Choose the one that reads well") as refusal:
        detect_encoding(f"id,name\n{text}".encode(encoding))
    assert {encoding, other} <= set(refusal.value.names)


SYLLABLES = [chr(code) for code in range(0xAC00, 0xD7A4)]
COMMON = [s for s in SYLLABLES if len(s.encode("euc_kr", "ignore")) == 2]
HANZI = [bytes((a, b)).decode("gb2312") for a in range(0xB0, 0xD7) for b in range(0xA1, 0xFF)]


@settings(max_examples=100, deadline=None)
@given(
    st.sampled_from([("cp949", COMMON), ("gb18030", HANZI)]).flatmap(
        lambda chosen: st.tuples(
            st.just(chosen[0]),
            st.lists(
                st.text(st.sampled_from(chosen[1]), min_size=2, max_size=4),
                min_size=1,
                max_size=40,
            ).filter(lambda names: len(set("".join(names))) >= 8),  # one sign thrice is no text
        )
    )
)
def test_random_names_are_read_in_their_encoding_or_asked_about(chosen):
    encoding, names = chosen
    names_found = east_asian("\n".join(names).encode(encoding))
    assert encoding in names_found


@pytest.mark.django_db
def test_a_command_names_the_option_for_an_encoding_that_is_not_clear(settings, tmp_path):
    settings.DATA_DIR = tmp_path
    path = tmp_path / "file.csv"
    path.write_bytes("id,first_name\n1,김민\n".encode("cp949"))

    with pytest.raises(CommandError, match=r"--encoding.*gb18030.*cp949 \(1,김민\)"):
        call_command("import_customers", str(path))
    call_command("import_customers", str(path), "--encoding=cp949")
    assert Customer.objects.get().first_name == "김민"


@pytest.mark.django_db
def test_a_chinese_spreadsheet_is_imported(settings, tmp_path):
    settings.DATA_DIR = tmp_path
    path = tmp_path / "file.csv"
    text = CHINESE.replace("客户编号,姓,名", "customer_id,last_name,first_name")
    path.write_bytes(text.encode("gbk"))

    call_command("import_customers", str(path))

    names = list(Customer.objects.order_by("external_id").values_list("last_name", "first_name"))
    assert names == [("王", "小明"), ("李", "晓红"), ("张", "建国"), ("欧阳", "婷婷")]


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("Müller,Gärtner\nJosé,François\nJürgen,Grün\n", "cp850"),
        ("Müller,Gärtner\nJosé,François\nJürgen,Grün\n", "cp1252"),
        ("Иванов,Мария\nПетров,Москва\nЩербаков,Ольга\n", "cp866"),
        ("Иванов,Мария\nПетров,Москва\nЩербаков,Ольга\n", "koi8-r"),
        ("Иванов,Мария\nПетров,Москва\nЩербаков,Ольга\n", "cp1251"),
        ("محمد,فاطمة\nأحمد,خالد\nعلي,سعيد\n", "cp1256"),
        ("Łukasz,Wójcik\nMałgorzata,Gdańsk\nZdzisław,Kraków\n", "iso8859-2"),
    ],
)
def test_names_are_read_in_other_encodings_of_one_byte(text, encoding):
    sample = f"customer_id,name,city\n{text}".encode(encoding)
    assert sample.decode(detect_encoding(sample)) == f"customer_id,name,city\n{text}"
