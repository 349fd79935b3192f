"""How cells become values, in SQL: each reading gives the value, or NULL where it is none.

`x` is the SQL of a cell: text, trimmed, NULL where empty. CASE guards every cast, because
PostgreSQL promises no order inside AND.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime

from django.utils.functional import Promise
from psycopg.sql import quote

from segments import ids
from segments.addresses import BLANK_CLASS, INVISIBLE_CLASS, MIXED_SCRIPTS_PATTERN
from segments.imports.known_exports.order_states import STATES
from segments.imports.values.amounts import Amounts
from segments.imports.values.column import Reader
from segments.imports.values.currencies import Currencies, currency_codes, heading_currency
from segments.imports.values.headings import normal
from segments.imports.values.moments import Moments
from segments.imports.values.yes_no import NO, YES
from segments.shapes import EARLIEST_BIRTH, EMAIL, EMAIL_IDNA, KIND, MAX_KIND, PHONE, YEARLESS

UNREADABLE = "\ufffd"  # replaces bytes in a cell that were not of the file's encoding


def ascii_digits(pattern: str) -> str:
    """A pattern whose \\d means 0 to 9: by some collations it is any script's digit for
    PostgreSQL, but its casts read only these."""
    return pattern.replace(r"\d", "[0-9]")


DATES = ("auto", "iso", "dmy", "mdy")  # what 03/04/2026 means; auto: what the column says
MOMENT = ascii_digits(
    r"^[12]\d{3}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d{1,9})?)?( ?(Z|z|[+-]\d\d(:?\d\d)?))?)?$"
)
AMOUNT = ascii_digits(r"^[+-]?\d{1,13}(\.(\d{1,2}|\d{4,9}))?$")
WITH_POINT = ascii_digits(r"^[+-]?\d{1,13}\.(\d{1,2}|\d{4,9})$")
PROBABILITY = ascii_digits(r"^(0|1|0?\.\d{1,17}|[01]\.\d{1,17}|[1-9](\.\d+)?[eE]-\d\d?)$")
DECIMALS = ("auto", ".", ",")  # the decimal mark; auto: what the column says
ZONELESS = ascii_digits(r"^\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d{1,9})?)?$")
IS_DAY = "({x} LIKE '1___-__-__' OR {x} LIKE '2___-__-__')"  # far cheaper than the expression


@dataclass(frozen=True)
class Respelling:
    """Cells that `reading` would not take are read from their column as a whole, each once.

    is_odd : SQL over {x} of the cells that need it. reader : a new one for a column. plain : SQL
    of cells that do not need it but could settle what others leave open. option : the import's
    option that answers what the column leaves open.
    """

    is_odd: str
    reader: Callable[[], Reader]
    plain: str = "false"
    option: str = ""


EDGES = f"^[{INVISIBLE_CLASS}{BLANK_CLASS}]+|[{INVISIBLE_CLASS}{BLANK_CLASS}]+$"
AROUND_WORDS = r"^[\s'\"’“”«».!;,]+|[\s'\"’“”«».!;,]+$"
# Ids that are as they are, which is nearly all: nothing in them that a spreadsheet makes.
# Its length is compared apart: counted repeats make PostgreSQL's matcher many times slower.
NUMBER_AS_TEXT = r"^'[-+=@0-9][^']*$"
PLAIN_ID = r"^[A-Za-z0-9_:/|~@ -]+$"


@dataclass(frozen=True)
class Field:
    """One of our fields: which headers mean it, how its cells are read, what refuses a cell.

    `reading` holds `{x}` for the cell's SQL. `refusal` may hold %s for the cell. A row whose cell
    cannot be read is rejected if the field `decides_row`, because the row would then say something
    else; otherwise the cell is left out with a warning. Texts longer than `max_length` are cut.
    """

    name: str
    label: str | Promise
    reading: str
    refusal: str | Promise
    aliases: tuple[str, ...] = ()
    is_required: bool = False
    decides_row: bool = False
    max_length: int | None = None
    respelling: "Respelling | None" = None
    is_moment: bool = False  # where it has no zone, its column's heading may say UTC
    # SQL of a cell {x} that counts before those of other columns which say the same; empty: only
    # one column is read.
    counts_first: str = ""
    shares_column: bool = False  # its column may be that of other fields as well
    is_money: bool = False  # its column's heading may name the currency

    def sql(self, x: str) -> str:
        return self.reading.replace("{x}", x)

    def rejects_row(self, *, strict: bool) -> bool:
        """Whether a cell that cannot be read costs its row."""
        return strict or self.decides_row or self.is_required

    def answers_to(self, header: str) -> bool:
        names = {normal(header)}
        if self.is_money:
            names.add(normal(heading_currency(header, "")[1]))
        return not names.isdisjoint({normal(self.name), *self.aliases})


def is_readable(x: str) -> str:
    """SQL of whether a cell holds no bytes that are not of the file's encoding."""
    return f"strpos({x}, '{UNREADABLE}') = 0"


def is_error(x: str) -> str:
    """SQL of whether a cell holds what a spreadsheet shows for a formula without a result."""
    return f"(starts_with({x}, '#') AND {x} ~ {quote(ids.SPREADSHEET_ERROR)})"


def text(max_length: int) -> str:
    return (
        f"CASE WHEN length({{x}}) <= {max_length} AND strpos({{x}}, E'\\n') = 0 "
        f"AND {is_readable('{x}')} THEN {{x}} END"
    )


def cut(x: str, max_length: int) -> str:
    """SQL of a text's first characters, in one line."""
    return f"left(replace({x}, E'\\n', ' '), {max_length})"


def kind(meanings: Mapping[str, str], *, is_state: bool = False) -> str:
    """An event's kind; meanings : kinds by what cells say, without regard to case, hyphens and
    underscores. is_state : the cells are states of orders, and what is none has no kind."""
    otherwise = "NULL" if is_state else shape(KIND, MAX_KIND, "lower({x})")
    known = {_spoken(word): meant for word, meant in STATES.items()} if is_state else {}
    known |= {_spoken(cell): meant.lower() for cell, meant in meanings.items()}
    if not known:
        return otherwise
    whens = " ".join(f"WHEN {quote(cell)} THEN {quote(meant)}" for cell, meant in known.items())
    return f"CASE translate(lower(btrim({{x}})), '-_', '  ') {whens} ELSE {otherwise} END"


def _spoken(cell: str) -> str:
    return " ".join(cell.replace("-", " ").replace("_", " ").split()).lower()


def shape(pattern: str, max_length: int, value: str = "{x}") -> str:
    return (
        f"CASE WHEN length({{x}}) <= {max_length} "
        f'AND {{x}} COLLATE "C" ~ {quote(pattern)} THEN {value} END'
    )


# What stands below a table, where its rows are added up.
TOTALS = frozenset(
    {"total", "totals", "grand total", "subtotal", "sub-total", "sum", "summe", "gesamt"}
    | {"gesamtsumme", "insgesamt", "total général", "total general", "totale", "somme", "suma"}
    | {"totaal", "razem", "total geral"}
)
COUNT_OF_ROWS = r"^\([0-9]+ rows?\)$"  # below what a database prints


def identifier(
    *, is_customer: bool = False, is_new: bool = False, may_be_nobody: bool = False
) -> str:
    """An id with its leading zeros, as segments.ids.read_id reads it.

    is_customer : a customer who is stored under just what the cell says is meant by it; and what
    stands for nobody is no id. is_new : of a list of customers, one of whom may have the id 0.
    may_be_nobody : what stands for nobody is read as an empty text.
    """
    words = (ids.NOBODY - {"0"} if is_new else ids.NOBODY) | TOTALS
    nobody = f"lower({{x}}) = ANY (ARRAY[{', '.join(map(quote, sorted(words)))}])"
    is_plain = f'length({{x}}) <= {ids.MAX_ID} AND {{x}} COLLATE "C" ~ {quote(PLAIN_ID)}'
    refused = [f"length(a) > {ids.MAX_ID}", "a = ''", f"a ~ '[[:cntrl:]{UNREADABLE}]'"]
    patterns = (ids.SPREADSHEET_ERROR, ids.GROUPED, COUNT_OF_ROWS)
    refused += [f"a ~ {quote(pattern)}" for pattern in patterns]
    known = "NULL"
    if is_customer:
        longest = max(map(len, words))
        is_plain += f" AND (length({{x}}) > {longest} OR NOT {nobody})"
        refused.append(nobody.replace("{x}", "a"))
        known = "(SELECT c.external_id FROM segments_customer c WHERE c.external_id = {x})"
    parts = f"regexp_match(a, {quote(ids.WHOLE_EXPONENT)})"
    seen = f"regexp_replace({{x}}, {quote(f'[{INVISIBLE_CLASS}]')}, '', 'g')"
    meant = f"translate({seen}, {quote(ids.LIKE)}, {quote(ids.MEANT)})"
    odd = (
        f"(SELECT CASE WHEN {' OR '.join(refused)} THEN NULL "
        f"WHEN a ~ {quote(ids.DECIMAL)} THEN substring(a FROM {quote(ids.DECIMAL)}) "
        f"WHEN a ~ {quote(ids.EXPONENT)} THEN CASE WHEN a ~ {quote(ids.WHOLE_EXPONENT)} "
        f"THEN CASE WHEN length(({parts})[2]) = ({parts})[3]::int "
        f"THEN ({parts})[1] || ({parts})[2] END END ELSE a END FROM "
        f"(SELECT regexp_replace(coalesce(substring(b FROM {quote(ids.FORMULA)}), "
        f"substring(b FROM {quote(ids.MARKED_AS_TEXT)}), b), {quote(EDGES)}, '', 'g') AS a FROM "
        f"(SELECT normalize(regexp_replace({meant}, {quote(EDGES)}, '', 'g'), NFC) AS b) m) n)"
    )
    otherwise = f"WHEN {nobody} THEN ''" if may_be_nobody else ""
    return f"CASE WHEN {is_plain} THEN {{x}} {otherwise} ELSE coalesce({known}, {odd}) END"


IN_BRACKETS = r"^[^<>@]*<([^<>]+)>$"  # Anna Roth <anna@example.com>
AROUND_EMAIL = r"^(mailto:|['\"])+|[.,;'\"]+$"
# Of an address a: no label of its domain mixes Latin letters with look-alikes.
IS_OF_ONE_SCRIPT = f"lower(split_part(a, '@', 2)) !~ {quote(MIXED_SCRIPTS_PATTERN)}"


def email() -> str:
    """An address in ASCII as it is; one with other letters without its invisible characters, if
    its domain can be one. What stands around an address is taken off, where only one is named.
    """
    inside = f"coalesce(substring(a FROM {quote(IN_BRACKETS)}), a)"
    cleaned = (
        f"(SELECT {_email('a', EMAIL_IDNA, also=IS_OF_ONE_SCRIPT)} FROM "
        f"(SELECT regexp_replace({inside}, {quote(AROUND_EMAIL)}, '', 'gi') AS a FROM "
        f"(SELECT {bare('{x}')} AS a) l) m)"
    )
    is_plain = "octet_length({x}) = length({x}) AND NOT starts_with({x}, chr(39))"
    plain = f"CASE WHEN {is_plain} THEN {_email('{x}', EMAIL)} END"
    return f"CASE WHEN {{x}} IS NOT NULL THEN coalesce({plain}, {cleaned}) END"


def _email(x: str, pattern: str, also: str = "true") -> str:
    local, domain = f"split_part({x}, '@', 1)", f"split_part({x}, '@', 2)"
    return (
        f"CASE WHEN length({x}) <= 254 AND strpos({x}, '@') <= 65 AND strpos({x}, '..') = 0 "
        f'THEN CASE WHEN {x} COLLATE "C" ~ {quote(pattern)} AND {also} '
        f"THEN {local} || '@' || lower({domain}) END END"
    )


def bare(x: str) -> str:
    """SQL of a text without its invisible characters, and the blanks around it."""
    unseen = f"regexp_replace({x}, {quote(f'[{INVISIBLE_CLASS}]')}, '', 'g')"
    return f"normalize(regexp_replace({unseen}, {quote(EDGES)}, '', 'g'), NFC)"


def phone() -> str:
    """A number as it is written, but for the apostrophe that a spreadsheet puts before it."""
    return (
        f"CASE WHEN length({{x}}) <= 40 AND {{x}} ~ {quote(PHONE)} "
        "AND {x} !~ '[[:cntrl:]]' THEN ltrim({x}, chr(39)) END"
    )


def one_of(values: Iterable[str], x: str = "{x}") -> str:
    """Long lists are looked up by hash."""
    return f"CASE WHEN {is_one_of(values, x)} THEN {x} END"


def is_one_of(values: Iterable[str], x: str = "{x}") -> str:
    listed = ", ".join(quote(value) for value in sorted(values))
    return f"{x} = ANY (ARRAY[{listed}])"


def words(meanings: Mapping[str, str]) -> str:
    """SQL values by word: {"yes": "true"}; without regard to case, hyphens and underscores."""
    by_value: dict[str, set[str]] = {}
    for word, value in meanings.items():
        by_value.setdefault(value, set()).add(re.sub("[-_]", " ", word.lower()))
    word = "translate(lower({x}), '-_', '  ')"
    whens = " ".join(
        f"WHEN {word} = ANY (ARRAY[{', '.join(map(quote, sorted(listed)))}]) THEN {value}"
        for value, listed in by_value.items()
    )
    return f"CASE {whens} END"


def words_of_people(meanings: Mapping[str, str]) -> str:
    """As `words`, and where a cell is none of them, without blanks of any kind and marks around it
    and in plain letters: “No.”, 'no, ＮＯ."""
    plain = f"normalize({bare('{x}')}, NFKC)"
    stripped = f"regexp_replace({plain}, {quote(AROUND_WORDS)}, '', 'g')"
    read = words(meanings).replace("{x}", "a")
    again = f"(SELECT {read} FROM (SELECT {stripped} AS a) m)"
    return f"coalesce({words(meanings)}, CASE WHEN {{x}} IS NOT NULL THEN {again} END)"


def yes_or_no() -> str:
    return words_of_people(dict.fromkeys(YES, "true") | dict.fromkeys(NO, "false"))


def day(first: date, last: date) -> str:
    """A date as ISO 8601 writes it; of a moment, its day in the session's zone, which is the
    organisation's."""
    between = f"BETWEEN {quote(first)} AND {quote(last)}"
    return (
        f"CASE WHEN {IS_DAY} AND pg_input_is_valid({{x}}, 'date') "
        f"THEN CASE WHEN {{x}}::date {between} THEN {{x}}::date END "
        f"WHEN {{x}} ~ {quote(MOMENT)} AND pg_input_is_valid({{x}}, 'timestamptz') "
        f"THEN CASE WHEN {{x}}::timestamptz::date {between} THEN {{x}}::timestamptz::date END END"
    )


def birthday(last: date) -> str:
    """A date of birth, or --03-14 where its year is not known."""
    in_year = f"'{YEARLESS}' || substr({{x}}, 2)"
    return (
        f"CASE WHEN {{x}} LIKE '--__-__' AND pg_input_is_valid({in_year}, 'date') "
        f"THEN ({in_year})::date ELSE {day(EARLIEST_BIRTH, last)} END"
    )


def says_utc(header: str) -> bool:
    """Whether a heading says that its times are in UTC: Created (UTC), created_at_utc."""
    return bool(re.search(r"(?<![^\W_])(utc|gmt)(?![^\W_])", header.lower()))


def in_utc(x: str) -> str:
    """SQL of a moment's cell, in UTC where it has a time of day and no zone."""
    return f"CASE WHEN {x} ~ {quote(ZONELESS)} THEN {x} || 'Z' ELSE {x} END"


def moment(first: date, last: datetime) -> str:
    """A moment by ISO 8601; without a zone it is in the session's, which is the organisation's."""
    between = f"BETWEEN {quote(first)} AND {quote(last)}"
    return (
        f"CASE WHEN {{x}} ~ {quote(MOMENT)} AND pg_input_is_valid({{x}}, 'timestamptz') "
        f"THEN CASE WHEN {{x}}::timestamptz {between} THEN {{x}}::timestamptz END END"
    )


def dates_as_written(
    order: str, last: date, *, yearless: bool = False, is_1904: bool = False
) -> Respelling:
    """Dates and moments in other spellings than ISO 8601's; `last` is the latest that counts.

    yearless : whether 14 March is a date, and a date of the year 1604 one without a year. is_1904 :
    see Moments.
    """

    def reader() -> Reader:
        return Moments(order, last_year=last.year, yearless=yearless, is_1904=is_1904)

    is_odd = f"NOT {IS_DAY} AND NOT ({{x}} ~ {quote(MOMENT)})"
    if yearless:
        is_odd = f"{is_odd} OR starts_with({{x}}, '{YEARLESS}')"
    return Respelling(is_odd, reader, option="dates")


def decimal(x: str) -> str:
    """SQL of a cell's number, exact; NULL for NaN, 1e999 and everything but plain digits.

    Three decimals could be thousands: such cells are spelt otherwise once that is settled. Behind
    the number may be its currency.
    """
    number = f"split_part({x}, ' ', 1)"
    return f"CASE WHEN {number} ~ {quote(AMOUNT)} THEN {number}::numeric END"


def cents_of_amount() -> str:
    amount = decimal("{x}")
    cents = "CASE WHEN a * 100 = trunc(a * 100) THEN (a * 100)::bigint END"
    return f"(SELECT {cents} FROM (SELECT {amount} AS a) m)"


def cents_of_product(left: str, right: str) -> str:
    """Quantity times price, rounded to the nearest cent (half away from zero)."""
    product = f"{decimal(left)} * {decimal(right)} * 100"
    cents = "CASE WHEN abs(p) < 1e17 THEN round(p)::bigint END"
    return f"(SELECT {cents} FROM (SELECT {product} AS p) m)"


def amounts_as_written(mark: str, home: str, *, spells_home: bool = False) -> Respelling:
    """Amounts in other spellings than plain digits with a point; home : our currency."""

    def reader() -> Reader:
        return Amounts(mark, home=home, spells_home=spells_home)

    # A decimal comma that somebody named makes each point a question of its own.
    pattern = r"^[+-]?[0-9]{1,13}$" if mark == "," else AMOUNT
    return Respelling(
        f"NOT ({{x}} ~ {quote(pattern)})",
        reader,
        plain=f"{{x}} ~ {quote(WITH_POINT)}",
        option="decimal",
    )


def currencies_as_written(home: str) -> Respelling:
    return Respelling(f"NOT {is_one_of(currency_codes())}", lambda: Currencies(home))


def whole_number(low: int, high: int) -> str:
    return (
        r"CASE WHEN {x} ~ '^[+-]?[0-9]{1,15}(\.0{1,2})?$' "
        f"THEN CASE WHEN ({{x}})::numeric BETWEEN {low} AND {high} "
        "THEN ({x})::numeric::bigint END END"
    )


def probability(*, zero: bool) -> str:
    low, value = ">= 0" if zero else "> 0", "({x})::float8"
    return (
        f"CASE WHEN {{x}} ~ {quote(PROBABILITY)} "
        f"THEN CASE WHEN {value} {low} AND {value} <= 1 THEN {value} END END"
    )


def json_value(x: str) -> str:
    """jsonb of an extra column's cell: a plain number is one, everything else is text.

    Leading zeros and more than 15 digits mean a code rather than a quantity: they stay text. So
    does what is marked as text for a spreadsheet ('24103, ="00123"), without the mark.
    """
    return (
        f"CASE WHEN starts_with({x}, chr(39)) AND {x} ~ {quote(NUMBER_AS_TEXT)} "
        f"THEN to_jsonb(substr({x}, 2)) "
        f"WHEN starts_with({x}, '=\"') AND {x} ~ {quote(ids.FORMULA)} "
        f"THEN to_jsonb(substr({x}, 3, length({x}) - 3)) "
        f"WHEN length({x}) <= 16 AND {x} ~ '^-?(?:0|[1-9][0-9]*)(?:\\.[0-9]+)?$' "
        f"THEN to_jsonb(({x})::numeric) ELSE to_jsonb({x}) END"
    )
