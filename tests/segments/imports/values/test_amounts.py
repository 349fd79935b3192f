"""Amounts in the spellings that systems and people write, against a slow formatter."""

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segments.imports.values.amounts import Amounts
from segments.imports.values.column import Unclear
from segments.imports.values.currencies import Currencies, heading_currency


def spell(*cells, mark="auto", home="EUR", n_plain=0):
    reader = Amounts(mark, home=home)
    reader.look(cells, [1] * len(cells))
    if reader.wants_plain():
        reader.look_at_plain(n_plain)
    return reader, reader.spell(cells)


@pytest.mark.parametrize(
    ("cell", "spelling"),
    [
        ("1,234.56", "1234.56"),
        ("1.234,56", "1234.56"),
        ("1 234,50", "1234.50"),
        ("1\u00a0234,50", "1234.50"),
        ("1\u202f234\u202f567,5", "1234567.5"),
        ("1'234.50", "1234.50"),
        ("1’234.50", "1234.50"),
        ("12,34,567.80", "1234567.80"),
        ("1,234,567", "1234567"),
        ("1.234.567", "1234567"),
        ("7,00", "7.00"),
        ("5,5", "5.5"),
        ("0,125", "0.1250"),
        ("1234,567", "1234.5670"),
        ("1.234,567", "1234.5670"),
        (".5", "0.5"),
        ("5,50 €", "5.50"),
        ("€5.50", "5.50"),
        ("€ -5.50", "-5.50"),
        ("EUR 12.00", "12.00"),
        ("12.00EUR", "12.00"),
        ("$5.50", "5.50 USD"),
        ("-$5.50", "-5.50 USD"),
        ("USD 12.00", "12.00 USD"),
        ("$5.50 CAD", "5.50 CAD"),
        ("R$ 1.234,56", "1234.56 BRL"),
        ("12,50 zł", "12.50 PLN"),
        ("(3.00)", "-3.00"),
        ("($3.00)", "-3.00 USD"),
        ("3.00-", "-3.00"),
        ("−3.00", "-3.00"),
        ("(0.00)", "0.00"),
        ("007", "7"),
        ("$(3.00)", "-3.00 USD"),
        ("(3.00) USD", "-3.00 USD"),
        ("€ (1.234,50)", "-1234.50"),
        ("-", "0"),
        ("EUR -", "0"),
        ("-,-- €", "0"),
        ("$ -   ", "0 USD"),
        ("–", "0"),
        ("'12.50", "12.50"),
        ('="12.50"', "12.50"),
        ("'-1.234,50", "-1234.50"),
        ("12.340000000000002", "12.340000000"),
        ("19.999999999999996", "20.000000000"),
        ("0,1200000000001", "0.120000000"),
        ("USD$ 12.50", "12.50 USD"),
        ("١٬٢٣٤٫٥٠", "1234.50"),
        ("12.50 CR", Unclear("debit")),
        ("DR 12.50", Unclear("debit")),
        ("$(3.00", None),
        ("(3.00) (4.00)", None),
        ("EUR", None),
        ("12 kr", Unclear("currency")),
        ("5.50 $ EUR", None),
        ("5 apples", None),
        ("1e5", None),
        ("1,23,4", None),
        ("1.23.456,7", None),
        ("1,234.567.890", None),
        ("(3.00", None),
        ("--3", None),
        ("(-3.00)", None),
        ("12.", "12.00"),
        ("12,-", "12.00"),
        ("1.234,-- €", "1234.00"),
        ("￥１，０００．５０", Unclear("currency")),
        ("１，０００．５０", "1000.50"),
        ("٥٫٥", "5.5"),
        ("5²", None),
        ("5.50.", None),
        ("5%", None),
        ("", None),
        ("12345678901234", None),
    ],
)
def test_a_spelling_is_read(cell, spelling):
    assert spell(cell)[1] == [spelling]


def test_three_digits_after_a_mark_are_read_by_the_rest_of_the_column():
    reader, spellings = spell("25.000", "1.234,56")
    assert (reader.question(), reader.understanding()) == ("", "comma")
    assert spellings == ["25000", "1234.56"]

    reader, spellings = spell("25.000", "0.125")
    assert reader.understanding() == "point"
    assert spellings == ["25.0000", "0.1250"]

    reader, spellings = spell("25,000", n_plain=3)  # beside cells such as 5.50
    assert spellings == ["25000"]


def test_three_digits_after_a_mark_are_a_question_where_the_column_does_not_settle_it():
    reader, spellings = spell("25.000", "7")
    assert reader.question() == "decimal"
    assert spellings == [Unclear("mark"), "7"]

    assert spell("25.000", mark=".")[1] == ["25.0000"]
    assert spell("25.000", mark=",")[1] == ["25000"]


def test_three_digits_are_refused_where_the_column_contradicts_itself():
    assert spell("25.000", "5,50", "5.50")[1] == [Unclear("mark"), "5.50", "5.50"]
    assert spell("25.000", "1.234,56", mark=".")[1] == [Unclear("mark"), Unclear("mark_differs")]


def test_one_odd_mark_among_many_is_named():
    reader = Amounts("auto", home="EUR")
    reader.look(["1,234.50", "5,50"], [1000, 1])
    assert reader.spell(["1,234.50", "5,50", "1,234"]) == [
        "1234.50",
        Unclear("mark_differs"),
        "1234",
    ]


def test_a_sign_of_several_currencies_is_the_organisations():
    assert spell("$5.50", home="CAD")[1] == ["5.50"]
    assert spell("12 kr", home="NOK")[1] == ["12"]
    assert spell("£5", home="EUR")[1] == ["5 GBP"]
    assert Currencies("EUR").spell(["usd", "€", "¥", "gold", "US Dollars"]) == [
        "USD",
        "EUR",
        Unclear("currency"),
        None,
        "USD",
    ]


@pytest.mark.parametrize(
    ("heading", "currency", "rest"),
    [
        ("Amount (USD)", "USD", "Amount"),
        ("Total [£] net", "GBP", "Total net"),
        ("amount_usd", "USD", "amount"),
        ("Total in €", "EUR", "Total"),
        ("Umsatz EUR", "EUR", "Umsatz"),
        ("Price $", "USD", "Price"),
        ("Price (¥)", Unclear("currency"), "Price"),
        ("Total all", "", "Total all"),  # lek is no word of headings
        ("Grand Total (Base)", "", "Grand Total (Base)"),
        ("Order #", "", "Order #"),
        ("amount", "", "amount"),
        ("USD", "", "USD"),
    ],
)
def test_a_heading_may_name_the_currency(heading, currency, rest):
    assert heading_currency(heading, "EUR") == (currency, rest)


def written(cents, mark, group, style):
    """The slow reference: an amount with thousands, decimals, sign and currency."""
    whole, decimals = divmod(abs(cents), 100)
    digits, groups = str(whole), []
    while digits:
        digits, three = digits[:-3], digits[-3:]
        groups.insert(0, three)
    text = f"{group.join(groups)}{mark}{decimals:02d}"
    if cents < 0:
        return {"(": f"({text})", "after": f"{text}-", "euro": f"-{text} €"}.get(style, f"-{text}")
    return f"{text} €" if style == "euro" else text


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.integers(-(10**12), 10**12), min_size=1, max_size=20),
    st.sampled_from([(".", ","), (",", "."), (",", " "), (",", "\u202f"), (".", "'"), (".", "")]),
    st.sampled_from(["minus", "(", "after", "euro"]),
    st.booleans(),
)
def test_a_column_in_one_spelling_reads_as_it_was_written(cents, marks, style, is_given):
    mark, group = marks
    cells = [written(amount, mark, group, style) for amount in cents]

    reader, spellings = spell(*cells, mark=mark if is_given else "auto")

    assert [Decimal(spelling) * 100 for spelling in spellings] == cents
    assert reader.question() == ""
    assert not any(len(spelling.partition(".")[2]) == 3 for spelling in spellings)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.integers(1, 999_999), min_size=1, max_size=20),
    st.sampled_from([".", ","]),
)
def test_numbers_with_only_thousands_are_never_decimals(numbers, group):
    cells = [f"{number:,}".replace(",", group) for number in numbers]
    reader, spellings = spell(*cells)
    for number, spelling in zip(numbers, spellings, strict=True):
        assert spelling == str(number) if number < 1000 else isinstance(spelling, Unclear)
    assert reader.question() == ("decimal" if max(numbers) >= 1000 else "")


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet="0123456789.,' -()€$USD", max_size=16))
def test_rubbish_is_no_amount_and_no_fault(cell):
    (spelling,) = spell(cell)[1]
    if isinstance(spelling, str):
        Decimal(spelling.split(" ")[0])
