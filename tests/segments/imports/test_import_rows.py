"""A bad row costs that row, whatever is bad about it; a bad file is refused in a sentence."""

import csv
import gzip
import io
import random
import time
from datetime import date
from pathlib import Path

import pytest

from optiengine.lib.safe_text import safe_cell
from segments.errors import ImportRefused
from segments.imports.file_format import detect_format
from segments.imports.preview_file import preview_file
from segments.models import Customer
from tests.segments.importing import NOW, counts, import_bytes, import_text, rejected, warned

pytestmark = [pytest.mark.django_db, pytest.mark.long]


@pytest.fixture(autouse=True)
def data_dir(settings, tmp_path):
    settings.DATA_DIR = tmp_path


GOOD = "id,first_name,note\n1,Anna,a\n2,Bruno,b\n"


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("9,Eve,x,y", "The row has 4 cells"),
        ('9,"Eve"x,c', "A quote is misplaced or not closed, or the cell is too long."),
        ('9,"Eve,c', "A quote is misplaced or not closed, or the cell is too long."),
        (f"9,Eve,{'c' * 200_000}", "longer than 131072 characters"),
        (f'9,Eve,"{"c" * 200_000}"', "too long"),
        (f"9,Eve,{'c' * 2_000_000}", "too long"),
        (",Eve,c", "customer ID is missing"),
        (
            "1.23E+15,Eve,c",
            "altered by a spreadsheet",
        ),
        (f"{'9' * 101},Eve,c", "longer than 100"),
    ],
)
def test_a_bad_row_costs_only_itself(tmp_path, row, reason):
    job = import_text(tmp_path, f"{GOOD}{row}\n4,Dora,d\n")

    assert counts(job) == (4, 3, 0, 0, 1)
    assert list(rejected(job)) == [4]
    assert reason in rejected(job)[4]
    assert Customer.objects.filter(external_id="4").exists()


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("9,Eve", "The row has 2 cells"),
        ("9,E\0ve,c", "NUL"),
        (f"9,{'E' * 101},c", "at most 100 characters"),
        (f"9,Eve,{'c' * 1_001}", "“note” is longer than 1000"),
    ],
)
def test_a_strict_import_rejects_a_row_for_any_of_its_cells(tmp_path, row, reason):
    job = import_text(tmp_path, f"{GOOD}{row}\n4,Dora,d\n", strict=True)

    assert counts(job) == (4, 3, 0, 0, 1)
    assert reason in rejected(job)[4]


def test_short_rows_are_filled_up_and_rows_of_delimiters_are_none(tmp_path):
    text = "id,first_name,last_name,note\n1,Anna\n,,,\n2,Bob,Bin,b,,\n , ,,\n3\n4,Eve,Ode,x,y\n"
    job = import_text(tmp_path, text)

    assert counts(job) == (4, 3, 0, 0, 1)
    assert "The row has 5 cells" in rejected(job)[7]
    stored = Customer.objects.order_by("external_id")
    assert list(stored.values_list("external_id", "first_name", "attributes__note")) == [
        ("1", "Anna", None),
        ("2", "Bob", "b"),
        ("3", "", None),
    ]
    assert counts(import_text(tmp_path, text, strict=True)) == (4, 0, 0, 0, 4)


@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("line", ["customer_id,email,note", "customer_id,email,remark"])
def test_a_header_that_is_repeated_is_no_customer(tmp_path, mark, line):
    """As in files that were put together from several."""
    text = f"customer_id,email,note\nC1,a@example.com,x\n{mark}{line}\nC2,b@example.com,\n"
    job = import_text(tmp_path, text)

    assert counts(job) == (3, 2, 0, 0, 1)
    assert "The row repeats the headings." in rejected(job)[3]
    assert set(Customer.objects.values_list("external_id", flat=True)) == {"C1", "C2"}


def test_columns_with_one_name_are_numbered(tmp_path):
    job = import_text(tmp_path, "id,Tag,Tag,Tag (2),Tag\n1,a,b,c,d\n")
    assert counts(job) == (1, 1, 0, 0, 0)
    tags = {"Tag": "a", "Tag (3)": "b", "Tag (2)": "c", "Tag (4)": "d"}
    assert Customer.objects.get().attributes == tags


@pytest.mark.parametrize("quote", ["", '"'])
def test_what_databases_write_for_nothing_is_an_empty_cell(tmp_path, quote):
    """Null is a surname, NULL is none."""
    rows = "1,Ann,Null,NULL\n2,NULL,\\N,\\N\n3,(null),NULLO,#N/A\n4,<NA> , \\N,NaT\n"
    job = import_text(tmp_path, f"id,first_name,{quote}last_name{quote},birth_date\n{rows}")
    assert (counts(job), warned(job)) == ((4, 4, 0, 0, 0), {})
    names = Customer.objects.order_by("external_id").values_list("first_name", "last_name")
    assert list(names) == [("Ann", "Null"), ("", ""), ("", "NULLO"), ("", "")]


def test_text_over_the_limit_is_cut_with_a_warning(tmp_path):
    text = f'id,first_name,last_name,note\n1,{"E" * 101},"Two\nlines",{"c" * 1_001}\n'
    job = import_text(tmp_path, text)

    assert counts(job) == (1, 1, 0, 0, 0)
    customer = Customer.objects.get()
    assert (customer.first_name, customer.last_name) == ("E" * 100, "Two lines")
    assert customer.attributes == {"note": "c" * 1_000}
    assert job.n_warnings == 2
    assert [warning["column"] for warning in job.warnings] == ["first_name", "note"]
    assert warned(job)[2] == (
        "first name was cut to 100 characters. “note” is longer than 1000 characters."
    )


def test_a_cell_that_cannot_be_read_keeps_the_stored_value(tmp_path):
    head = "id,phone,birth_date,first_name,points\n"
    import_text(tmp_path, head + "1,+351912345678,1980-02-29,Anna,5\n")
    for empty in ("keep", "clear"):
        job = import_bytes(
            tmp_path,
            (head + "1,n/a,soon,Ann\0,5\0\n").encode(),
            encoding="utf-8",
            empty=empty,
        )
        assert counts(job) == (1, 0, 0, 1, 0)
        assert job.n_warnings == 4
        assert warned(job)[2] == (
            "phone: “n/a” is not a valid phone number. first name: “Ann�” is too long. Use one "
            "line of at most 100 characters. birth date: “soon” is not a valid date from 1900 to "
            "today. Use YYYY-MM-DD or choose another date format. “points” contains unreadable "
            "bytes."
        )
        customer = Customer.objects.get()
        assert (customer.phone, customer.birth_date) == ("+351912345678", date(1980, 2, 29))
        assert (customer.first_name, customer.attributes) == ("Anna", {"points": 5})


def test_warnings_come_back_with_the_rejected_rows_to_be_corrected(tmp_path):
    text = "id,phone,note\n1,n/a,x\n,1,y\n3,call me,z\n"
    job = import_text(tmp_path, text)
    assert counts(job) == (3, 2, 0, 0, 1)
    with Path(job.rejected_path).open(encoding="utf-8-sig", newline="") as file:
        levels = [(row["rejected_line"], row["rejected_level"]) for row in csv.DictReader(file)]
    assert levels == [("2", "warning"), ("3", "error"), ("4", "warning")]

    corrected = Path(job.rejected_path).read_text().replace("n/a", "+351912345678")
    job = import_text(tmp_path, corrected)
    assert counts(job) == (3, 0, 1, 1, 1)
    assert Customer.objects.get(external_id="1").phone == "+351912345678"
    assert "rejected_level" not in Customer.objects.get(external_id="1").attributes


def test_warnings_of_rows_that_are_rejected_later_are_not_counted(tmp_path):
    import_text(tmp_path, "id\n1\n")
    job = import_text(tmp_path, "id,phone\n1,n/a\n2,n/a\n", mode="create")
    assert counts(job) == (2, 1, 0, 0, 1)
    assert (job.n_warnings, list(warned(job))) == (1, [3])


def test_warnings_of_many_columns_are_grouped_by_column(tmp_path):
    rows = "".join(f"{i},n/a,Mars,x@y\n" for i in range(1, 31))
    job = import_text(tmp_path, f"id,phone,time_zone,email\n{rows}")
    assert counts(job) == (30, 30, 0, 0, 0)
    assert [(w["column"], w["n_cells"], len(w["samples"])) for w in job.warnings] == [
        ("phone", 30, 5),
        ("time_zone", 30, 5),
        ("email", 30, 5),
    ]


def test_bytes_that_are_not_of_the_encoding_cost_their_cell(tmp_path):
    text = "id,first_name,note\n" + "".join(f"{i},Çağla,ü\n" for i in range(1, 21))
    content = text.encode() + b"99,Ren\xe9,x\n9\xe9,Eve,x\n"
    job = import_bytes(tmp_path, content)

    assert counts(job) == (22, 21, 0, 0, 1)
    assert list(warned(job)) == [22]
    assert "not a valid ID" in rejected(job)[23]
    customer = Customer.objects.get(external_id="99")
    assert (customer.first_name, customer.attributes) == ("", {"note": "x"})


def test_bytes_that_are_not_of_the_encoding_cost_their_row_in_a_strict_import(tmp_path):
    rows = "".join(f"{i},Çağla,ü\n" for i in range(1, 21))
    job = import_bytes(
        tmp_path, f"id,first_name,note\n{rows}".encode() + b"99,Ren\xe9,x\n", strict=True
    )

    assert job.encoding == "utf-8"
    assert counts(job) == (21, 20, 0, 0, 1)
    assert "not valid utf-8" in rejected(job)[22]


def test_a_cell_may_hold_line_breaks_delimiters_and_quotes(tmp_path):
    job = import_text(tmp_path, 'id,note\n1,"a, ""b""\nc"\n2,5" pipe\n3,\\.\n')

    assert counts(job) == (3, 3, 0, 0, 0)
    notes = dict(Customer.objects.values_list("external_id", "attributes__note"))
    assert notes == {"1": 'a, "b"\nc', "2": '5" pipe', "3": "\\."}


@pytest.mark.parametrize(
    ("encoding", "newline", "delimiter"),
    [
        ("utf-8", "\n", ","),
        ("utf-8", "\r", "|"),
        ("utf-8-sig", "\r\n", ";"),
        ("utf-16", "\r\n", "\t"),
        ("utf-16-le", "\n", ","),
        ("utf-16-be", "\r", ";"),
        ("cp1252", "\r\n", ";"),
        ("cp1252", "\n", "|"),
    ],
)
def test_encodings_line_ends_and_delimiters_are_found(tmp_path, encoding, newline, delimiter):
    names = ["José", "Müller", "Zoë", "François", "Peña", "Ørsted", "Ångström", "Weiß"]
    lines = ["id;first_name;note"] + [
        f"{i};{name};für später" for i, name in enumerate(names, start=1)
    ]
    text = newline.join(lines).replace(";", delimiter)
    path = tmp_path / "file.csv"
    path.write_bytes(text.encode(encoding))

    shown = preview_file(path, "customers", at=NOW)

    assert shown.format.delimiter == delimiter
    assert [row.cells[1] for row in shown.rows] == names
    assert [row.problem for row in shown.rows] == [""] * 8
    assert shown.mapping == {"external_id": "id", "first_name": "first_name"}
    assert shown.extras == ("note",)


def test_a_preview_stores_nothing_and_says_what_is_wrong(tmp_path):
    path = tmp_path / "file.csv"
    path.write_text("Customer ID,E-Mail,Country\n1,a@b.example,PT\n2,nonsense,Atlantis\n")

    shown = preview_file(path, "customers", at=NOW)

    assert shown.mapping == {"external_id": "Customer ID", "email": "E-Mail", "country": "Country"}
    assert shown.rows[0].problem == ""
    assert shown.rows[1].problem == ""
    assert "“nonsense” is not a valid e-mail" in shown.rows[1].warning
    assert "“Atlantis” is not a valid country" in shown.rows[1].warning
    assert not Customer.objects.exists()


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty"),
        (b" \n\n", "empty"),
        (b"name,city\nAnna,Porto\n", "No column is mapped to external_id"),
        (b"id" + b"".join(b",c%d" % i for i in range(2_000)) + b"\n", "2001 columns"),
        (b'"id,name\n1,a\n', "header line"),
        (b"PK\x03\x04rest of a workbook", "another kind of document"),
        (gzip.compress(gzip.compress(b"id\n1\n", mtime=0), mtime=0), "another archive"),
        (gzip.compress(GOOD.encode(), mtime=0)[:-4], "damaged"),
    ],
)
def test_a_file_that_is_none_is_refused_in_a_sentence(tmp_path, content, reason):
    with pytest.raises(ImportRefused, match=reason):
        import_bytes(tmp_path, content)


def test_a_file_with_only_a_header_is_an_import_of_no_rows(tmp_path):
    assert counts(import_text(tmp_path, "id,email\n")) == (0, 0, 0, 0, 0)


def test_a_packed_file_is_read_and_a_bomb_is_not(tmp_path):
    assert counts(import_bytes(tmp_path, gzip.compress(GOOD.encode()))) == (2, 2, 0, 0, 0)

    bomb = tmp_path / "bomb.csv.gz"
    with gzip.open(bomb, "wb") as file:
        file.write(b"id,first_name\n")
        for _ in range(64):
            file.write(bytes(1 << 20))
    job = import_bytes(tmp_path, bomb.read_bytes(), encoding="utf-8")
    assert (job.status, Customer.objects.count()) == ("failed", 2)
    assert "far more" in job.error


def test_a_file_that_changed_since_its_preview_is_refused(tmp_path):
    from segments.imports.import_file import create_import, run_import

    path = tmp_path / "file.csv"
    path.write_text(GOOD)
    job = create_import(kind="customers", path=path, at=NOW)
    path.write_text(GOOD.replace("Anna", "Eve"))

    assert "changed since" in run_import(job).error
    assert not Customer.objects.exists()


def test_rejected_cells_are_no_formulas_and_come_back_as_they_were(tmp_path):
    evil = ["=1+1", "+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "＝1"]
    harmless = ["-12.5", "+351 912 345 678", "plain"]
    cells = evil + harmless
    text = "id,email,note\n" + "".join(
        f"{i},nonsense,{cell}\n" for i, cell in enumerate(cells, start=1)
    )
    job = import_text(tmp_path, text, strict=True)

    with Path(job.rejected_path).open(encoding="utf-8-sig", newline="") as file:
        notes = [row["note"] for row in csv.DictReader(file)]
    assert notes == [f"'{cell}" for cell in evil] + harmless

    corrected = Path(job.rejected_path).read_bytes().replace(b"nonsense", b"")
    assert counts(import_bytes(tmp_path, corrected)) == (8, 8, 0, 0, 0)
    stored = dict(Customer.objects.values_list("external_id", "attributes"))
    assert [stored[str(i)]["note"] for i in range(1, 6)] == evil
    assert "rejected_line" not in stored["1"]


def test_a_line_break_hides_no_formula_among_rejected_cells(tmp_path):
    cells = ["-2\n*cmd|' /C calc'!A0", "\nplain", "-1\n", "7\n=1"]
    file = io.StringIO()
    writer = csv.writer(file)
    writer.writerow(["id", "email", "note", "more"])
    writer.writerows([number, "nonsense", cell, "x"] for number, cell in enumerate(cells))
    job = import_text(tmp_path, file.getvalue(), strict=True)

    with Path(job.rejected_path).open(encoding="utf-8-sig", newline="") as rejected_file:
        notes = [row["note"] for row in csv.DictReader(rejected_file)]
    assert notes == [safe_cell(cell) for cell in cells]


def test_malformed_rows_among_good_ones_never_stop_an_import(tmp_path):
    """Seeded rubbish between good rows: each good row is stored, each other has a reason."""
    chance = random.Random(7)  # noqa: S311 - test data
    alphabet = ['"', ",", "\0", "\x1a", "é", "\u202e", "\u200b", "x", " ", "'", "\t", "1e999"]
    lines, good = ["id,email,birth_date"], []
    for number in range(1, 3_001):
        if chance.random() < 0.4:
            rubbish = "".join(chance.choices(alphabet, k=chance.randint(1, 9)))
            lines.append(f'"{number}{rubbish}')  # a quote that no later good line can close
        else:
            good.append(str(number))
            lines.append(f"{number},c{number}@shop.example,1980-02-{1 + number % 28:02d}")
    job = import_text(tmp_path, "\n".join(lines) + "\n")

    n_rows, n_created, _, _, n_rejected = counts(job)
    assert n_rows == n_created + n_rejected
    stored = set(Customer.objects.values_list("external_id", flat=True))
    assert set(good) <= stored
    assert len(rejected(job)) == n_rejected
    assert all(rejected(job).values())


def test_long_runs_of_one_character_are_read_in_bounded_time(tmp_path):
    path = tmp_path / "zeros.csv"
    path.write_bytes(b"id,note\n1,a\n" + b"x" * (20 << 20) + b"\n2,b\n")
    started = time.monotonic()
    assert detect_format(path).columns == ("id", "note")
    job = import_bytes(tmp_path, path.read_bytes())
    assert counts(job) == (3, 2, 0, 0, 1)
    assert time.monotonic() - started < 60
