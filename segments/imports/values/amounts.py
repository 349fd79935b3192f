"""Amounts of money, with thousands, currencies and signs as people and spreadsheets write them.

Whether 1.234 is a thousand and more or one and a bit is a matter of the whole column: a cell such
as 5,50 or 1.234,56 settles it. Three digits after a mark are never taken for decimals otherwise.
A spelling for the database is plain digits with a point, never with exactly three decimals, and
followed by the currency if that is not the organisation's: 1234.56 USD.
"""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from segments.imports.values.column import Reader, Spelling, Unclear, majority
from segments.imports.values.currencies import currency_code

BLANKS = re.compile(r"[\s\u00a0\u202f\u2009\u2007]+")
SIGNS = str.maketrans(
    {"−": "-", "–": "-", "—": "-", "’": "'", "‘": "'", "´": "'", "٫": ".", "٬": "'"}
)
# 5,- and 5. are whole numbers, whose mark says what the decimal mark is.
NO_CENTS = re.compile(r"(?<=\d)(?<![.,]\d)(?<![.,]\d\d)([.,])-{0,2}(?=\s?[^\d\s.,-]*$)")
SIGN = r"[^\d\s.,'+()-]+\.?"  # of a currency
# $(3.00) and (3.00) USD: the currency outside of the brackets that say minus.
OUTSIDE = re.compile(rf"^(?P<before>{SIGN})?\s?\((?P<inside>[^()]+)\)\s?(?P<after>{SIGN})?$")
# What a sheet of accounts shows for zero: -, EUR -, -,-- €.
DASH = re.compile(rf"^(?P<before>{SIGN})?\s?--?(?:[.,]--?)?\s?(?P<after>{SIGN})?$")
AMOUNT = re.compile(
    rf"^(?P<open>\()?\s?(?P<minus>[+-])?\s?(?P<before>{SIGN})?\s?(?P<minus2>[+-])?\s?"
    r"(?P<number>\d(?:[\d.,' ]*\d)?|[.,]\d+)"
    rf"\s?(?P<after>{SIGN})?\s?(?P<minus3>[+-])?(?P<close>\))?$"
)
GROUPS = re.compile(r"^\d{1,3}(?:,\d{3})+$")
INDIAN_GROUPS = re.compile(r"^\d{1,2}(?:,\d\d)+,\d{3}$")
MAX_DIGITS = 13
MAX_DECIMALS = 9
DEBIT_OR_CREDIT = {"CR", "DR"}  # of which books which adds is a matter of the books
MARKED_AS_TEXT = re.compile(r"""^(?:'([^']+)|="([^"]*)")$""")  # for a spreadsheet
MARKS = {".": "point", ",": "comma"}


@dataclass(frozen=True)
class Number:
    """A number as it is written: `mark` is known to be its decimal mark, or open to be it."""

    whole: str
    decimals: str = ""
    mark: str = ""
    is_open: bool = False


@dataclass(frozen=True)
class Written:
    number: Number
    is_negative: bool
    currencies: tuple[str, ...]  # signs or codes


class Amounts(Reader):
    """mark : the decimal mark, where somebody has said so; auto: by the column. home : the
    organisation's currency. spells_home : whether a spelling says that it is in this currency where
    the cell does, because the file says elsewhere what its amounts are in.
    """

    def __init__(self, mark: str, *, home: str, spells_home: bool = False) -> None:
        self._given_mark = mark
        self._home = home
        self._spells_home = spells_home
        self._n_cells = {".": 0, ",": 0}  # that show this to be the decimal mark
        self._n_open = 0

    @property
    def mark(self) -> str:
        """The decimal mark, or nothing where it stays open."""
        if self._given_mark != "auto":
            return self._given_mark
        points, commas = self._n_cells["."], self._n_cells[","]
        if points and commas:
            return ["", ".", ","][majority(points, commas)]
        return "." if points else "," if commas else ""

    @property
    def is_contradicted(self) -> bool:
        """Whether cells show that something else than the mark is in use, too."""
        other = "," if self.mark == "." else "."
        return self._given_mark != "auto" and self._n_cells[other] > 0

    def look(self, cells: Sequence[str], counts: Sequence[int]) -> None:
        for cell, n in zip(cells, counts, strict=True):
            written = _written(cell)
            if written is None:
                continue
            if written.number.is_open:
                self._n_open += n
            elif written.number.mark:
                self._n_cells[written.number.mark] += n

    def wants_plain(self) -> bool:
        return bool(self._n_open or self._n_cells[","])

    def look_at_plain(self, n: int) -> None:
        self._n_cells["."] += n

    def question(self) -> str:
        is_settled = self.mark or any(self._n_cells.values())
        return "decimal" if self._n_open and not is_settled else ""

    def understanding(self) -> str:
        return MARKS.get(self.mark, "") if self._given_mark == "auto" else ""

    def spell_one(self, cell: str) -> Spelling:
        written = _written(cell)
        if written is None:
            return None
        if any(sign.rstrip(".").upper() in DEBIT_OR_CREDIT for sign in written.currencies):
            return Unclear("debit")
        currency = self._currency(written.currencies)
        if not isinstance(currency, str):
            return currency
        number = self._number(written.number)
        if not isinstance(number, str):
            return number
        sign = "-" if written.is_negative and number.strip("0.") else ""
        is_named = currency != self._home or (self._spells_home and written.currencies)
        return sign + number + (f" {currency}" if is_named else "")

    def _currency(self, signs: tuple[str, ...]) -> Spelling:
        codes = [currency_code(sign, self._home) for sign in signs]
        if not codes:
            return self._home
        first, second = codes[0], codes[-1]
        if len(codes) == 2 and first != second:  # $5.50 CAD
            sign, code = sorted(signs, key=len)
            return currency_code(sign, code.upper()) if second == code.upper() else None
        return first

    def _number(self, number: Number) -> Spelling:
        mark = self.mark
        if number.is_open:
            if not mark or self.is_contradicted:
                return Unclear("mark")
            if number.mark != mark:
                return _plain(number.whole + number.decimals, "")
        elif number.mark and mark and number.mark != mark:
            return Unclear("mark_differs")
        return _plain(number.whole, number.decimals)


def _plain(whole: str, decimals: str) -> str | None:
    whole = whole.lstrip("0") or "0"
    if len(whole) > MAX_DIGITS:
        return None
    if len(decimals) > MAX_DECIMALS:  # 12.340000000000002, as programs write a binary fraction
        rounded = Decimal(f"{whole}.{decimals}").quantize(Decimal(10) ** -MAX_DECIMALS)
        whole, _point, decimals = str(rounded).partition(".")
    decimals += "0" if len(decimals) == 3 else ""
    return f"{whole}.{decimals}" if decimals else whole


def _written(cell: str) -> Written | None:
    """An amount in its parts; None where it is none."""
    cell = BLANKS.sub(" ", cell if cell.isascii() else _plain_signs(cell)).strip()
    if marked := MARKED_AS_TEXT.match(cell):
        cell = marked[1] or marked[2]
    if dash := DASH.match(cell):
        return Written(Number("0"), False, tuple(filter(None, dash.groups())))
    if outside := OUTSIDE.match(cell):
        cell = "({before}{inside} {after})".format(**outside.groupdict(""))
        cell = cell.replace(" )", ")")
    match = AMOUNT.match(NO_CENTS.sub(r"\g<1>00", cell))
    if match is None or bool(match["open"]) != bool(match["close"]):
        return None
    signs = [sign for name in ("minus", "minus2", "minus3") if (sign := match[name])]
    if len(signs) + bool(match["open"]) > 1:
        return None
    number = _number(match["number"])
    if number is None:
        return None
    is_negative = bool(match["open"]) or signs == ["-"]
    return Written(number, is_negative, tuple(filter(None, (match["before"], match["after"]))))


def _plain_signs(cell: str) -> str:
    """Digits of any script in ASCII, full-width signs in their usual width."""
    return "".join(
        unicodedata.normalize("NFKC", sign)
        if unicodedata.east_asian_width(sign) == "F"
        else str(unicodedata.decimal(sign, sign))
        for sign in cell.translate(SIGNS)
    )


def _number(text: str) -> Number | None:
    """What a number's marks say by themselves."""
    for blank in " '":
        if blank in text:
            return _with_groups(text, blank)
    points, commas = text.count("."), text.count(",")
    if not points and not commas:
        return Number(text)
    if points and commas:
        mark = "." if text.rfind(".") > text.rfind(",") else ","
        return _with_groups(text, "," if mark == "." else ".")
    mark = "." if points else ","
    if points + commas > 1:  # 1.234.567: the other mark is the decimal one
        if not _is_grouped(text, mark):
            return None
        return Number(text.replace(mark, ""), mark="," if mark == "." else ".")
    whole, _mark, decimals = text.partition(mark)
    is_open = len(decimals) == 3 and 1 <= len(whole) <= 3 and not whole.startswith("0")
    return Number(whole, decimals, mark, is_open=is_open)


def _with_groups(text: str, blank: str) -> Number | None:
    """A number whose thousands are set apart by `blank`: a mark after them is the decimal one."""
    whole, decimals, mark = text, "", ""
    for candidate in {".", ","} - {blank}:
        if candidate in text:
            if mark or text.count(candidate) > 1:
                return None
            mark = candidate
            whole, _mark, decimals = text.partition(candidate)
    if not _is_grouped(whole, blank) or not (decimals.isdigit() or not mark):
        return None
    return Number(whole.replace(blank, ""), decimals, mark)


def _is_grouped(whole: str, blank: str) -> bool:
    if blank == "," and INDIAN_GROUPS.match(whole):
        return True
    return bool(GROUPS.match(whole.replace(blank, ",")))
