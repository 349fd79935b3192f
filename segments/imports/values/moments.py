"""Dates and moments: the spellings in use, read column by column.

Cells that are written alike (digits in the same places) are understood once and then read together
as arrays. Which of 03/04/2026 is the month is a matter of the whole column: one 13 settles it.
Dates with points are day first, as in every language of CLDR that writes them.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from babel import Locale
from numpy.typing import NDArray

from segments.imports.values.column import (
    UNKNOWN,
    Reader,
    Spelling,
    Unclear,
    majority,
    says_unknown,
)
from segments.imports.values.countries import LARGE, plain
from segments.shapes import YEARLESS

ZEROS = str.maketrans("123456789", "0" * 9)

HALF = r"[ap]\.?\s?m\.?"  # a.m., and p. m. as in Spanish
TIME = (
    r"(?P<h>00?)(?:(?P<colon>[:h.])(?P<mi>00)(?:(?P=colon)(?P<s>00)(?:[.,](?P<f>0{1,9}))?)?"
    rf"(?:\s?(?P<ap>{HALF})|\s?uhr|h)?|\s?(?P<ap2>{HALF}))"
)
# Abbreviations that mean one offset only; EST, CST and the like are of several zones.
ZONE_HOURS = {"wet": 0, "west": 1, "cet": 1, "mez": 1, "cest": 2, "mesz": 2, "eet": 2, "eest": 3}
OFFSET = r"(?:utc|gmt)?(?P<oh>[+-]00)(?::?(?P<om>00))?(?:\s\([^)]*\)|\[[^\]]*\])?"
ZONE = rf"(?:\s?(?:z|{OFFSET}|utc|gmt)|\s(?P<abbreviated>{'|'.join(ZONE_HOURS)}))?"
AFTER_DATE = rf"(?:(?:t|,?\s+(?:at\s|um\s|à\s)?|\s-\s){TIME}(?P<zone>{ZONE}))?"
WEEKDAY = r"(?:[^\W\d_]{2,}\.?,?\s)?"
MONTH = r"(?P<name>[^\W\d_]{3,})\.?"
YEARS = [
    r"(?P<y>0000)(?P<sep>[-/.])(?P<m>00?)(?P=sep)(?P<d>00?)",
    r"(?P<a>00?)(?P<sep>[-/.])\s?(?P<b>00?)(?P=sep)\s?(?P<y>0000|00)",
    rf"{WEEKDAY}(?P<d>00?)(?:st|nd|rd|th|\.|º)?[\s/-]*(?:de\s|of\s)?{MONTH}[\s,/-]*(?:de\s)?"
    r"(?P<y>0000|00)",
    rf"{WEEKDAY}{MONTH}\s?(?P<d>00?)(?:st|nd|rd|th)?,?\s(?P<y>0000)",
    r"(?P<y>0000)(?:[年년]\s?|\.\s)(?P<m>00?)(?:[月월]\s?|\.\s)(?P<d>00?)(?:[日일]|\.)",
]
# As programs print a moment: Wed Mar 04 09:30:00 UTC 2026.
PRINTED = rf"{WEEKDAY}{MONTH}\s{{1,2}}(?P<d>00?)\s{TIME}(?P<zone>{ZONE})\s(?P<y>0000)"
COMPACT = (
    r"(?P<y>0000)(?P<m>00)(?P<d>00)"
    rf"(?:t?(?P<h>00)(?P<mi>00)(?P<s>00)?(?P<zone>{ZONE}))?"
)
NO_YEAR = [
    r"--(?P<m>00)-?(?P<d>00)",
    r"(?P<a>00?)(?P<sep>[-/.])\s?(?P<b>00?)(?P=sep)?",
    rf"(?P<d>00?)(?:st|nd|rd|th|\.|º)?[\s/-]*(?:de\s|of\s)?{MONTH}",
    rf"{MONTH}\s?(?P<d>00?)(?:st|nd|rd|th)?",
]
WITH_YEAR = [re.compile(f"^{date}{AFTER_DATE}$") for date in YEARS]
WITH_YEAR += [re.compile(f"^{moment}$") for moment in (PRINTED, COMPACT)]
WITHOUT_YEAR = [re.compile(f"^{date}$") for date in NO_YEAR]
EPOCHS = {10: 1_000_000, 13: 1_000, 16: 1}  # digits of a count since 1970: microseconds of each
EPOCH = re.compile(r"^(?P<count>0{10}|0{13}|0{16})(?:\.(?P<f>0{1,6}))?$")
# A day as spreadsheets count it, where its cell has lost the format of a date: 46023 or 46023.75.
SERIAL = re.compile(r"^(?P<serial>0{5})(?:\.(?P<f>0{1,15}))?$")
FIRST_SERIAL = 10_000  # what has fewer digits is more likely a year or a count
DAY_ZERO = {False: np.datetime64("1899-12-30"), True: np.datetime64("1904-01-01")}
NO_DATE = re.compile(r"^(?:[0\-/.:\sTZ+]*|1900-01-00.*)$")  # what databases write for unknown
FIRST_YEAR = 1  # of other databases that know no empty date

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Layout:
    """Where in a cell the parts of a moment are: (first, last + 1) by name."""

    spans: dict[str, tuple[int, int]]
    separator: str = ""
    month: int = 0  # where it is written as a word
    is_afternoon: bool | None = None  # None: hours up to 24
    zone: str = ""  # as it is written: utc, +01:00

    def has(self, name: str) -> bool:
        return name in self.spans


@dataclass(frozen=True)
class Order:
    """What a column says of day and month, in cells such as 03/04/2026."""

    n_day_first: int = 0
    n_month_first: int = 0
    n_open: int = 0

    def __add__(self, other: "Order") -> "Order":
        return Order(
            self.n_day_first + other.n_day_first,
            self.n_month_first + other.n_month_first,
            self.n_open + other.n_open,
        )

    @property
    def says(self) -> str:
        """dmy, mdy, or nothing where it stays open."""
        if self.n_day_first and self.n_month_first:
            return ["", "dmy", "mdy"][majority(self.n_day_first, self.n_month_first)]
        return "dmy" if self.n_day_first else "mdy" if self.n_month_first else ""


class Moments(Reader):
    """Spells moments and dates as ISO 8601 does.

    order : dmy or mdy, where somebody has said so; iso: neither is read; auto: by the column.
    last_year : of two-digit years, the last one that they can mean. yearless : whether 14 March is
    a date; it is spelt --03-14. is_1904 : whether days are counted from 1904, as in old workbooks
    of a Mac, and not from 1900.
    """

    def __init__(
        self, order: str, *, last_year: int, yearless: bool = False, is_1904: bool = False
    ) -> None:
        self._day_zero = DAY_ZERO[is_1904]
        self._given_order = order
        self._last_year = last_year
        self._yearless = yearless
        self._evidence = Order()
        self._layouts: dict[str, Layout | None] = {}

    @property
    def order(self) -> str:
        return self._evidence.says if self._given_order == "auto" else self._given_order

    def look(self, cells: Sequence[str], counts: Sequence[int]) -> None:
        times = np.asarray(counts, dtype=np.int64)
        for layout, rows in self._alike(cells):
            if layout and layout.has("a") and layout.separator != ".":
                digits = _digits([cells[row] for row in rows])
                a, b = _number(digits, layout, "a"), _number(digits, layout, "b")
                self._evidence += _order(a, b, times[rows])

    def question(self) -> str:
        is_open = self._evidence.n_open or (
            self._evidence.n_day_first and self._evidence.n_month_first
        )
        return "dates" if is_open and not self.order else ""

    def understanding(self) -> str:
        return self.order if self._given_order == "auto" else ""

    def spell(self, cells: Sequence[str]) -> list[Spelling]:
        spellings: list[Spelling] = [None] * len(cells)
        for layout, rows in self._alike(cells):
            alike = [cells[row] for row in rows]
            spelt = self._spell_alike(alike, layout) if layout else [None] * len(alike)
            for row, spelling in zip(rows, spelt, strict=True):
                spellings[row] = spelling
        for row, spelling in enumerate(spellings):
            if spelling is None and (NO_DATE.match(cells[row]) or says_unknown(cells[row])):
                spellings[row] = UNKNOWN
        return spellings

    def _alike(self, cells: Sequence[str]) -> list[tuple[Layout | None, list[int]]]:
        rows_by_shape: dict[str, list[int]] = {}
        for row, cell in enumerate(cells):
            rows_by_shape.setdefault(cell.translate(ZEROS), []).append(row)
        for shape in rows_by_shape.keys() - self._layouts.keys():
            self._layouts[shape] = _layout(shape, yearless=self._yearless)
        return [(self._layouts[shape], rows) for shape, rows in rows_by_shape.items()]

    def _spell_alike(self, cells: list[str], layout: Layout) -> list[Spelling]:
        digits = _digits(cells)
        if layout.has("count"):
            return _epoch(digits, layout)
        if layout.has("serial"):
            return self._of_serials(cells)
        day, month, is_clear = self._day_and_month(digits, layout)
        year = self._year(digits, layout, len(cells))
        dates, is_date = _dates(year, month, day)
        moments, is_time = _with_time(dates, digits, layout)
        is_valid = is_date & is_time
        if layout.has("f"):
            texts = np.datetime_as_string(moments, unit="us").tolist()
        elif layout.has("h"):
            texts = np.datetime_as_string(moments, unit="s").tolist()
        else:
            texts = np.datetime_as_string(dates, unit="D").tolist()
        if layout.zone:
            texts = [text + zone for text, zone in zip(texts, _zones(cells, layout), strict=True)]
        if self._yearless:
            texts = [
                f"-{text[4:10]}" if known in (0, YEARLESS) else text
                for text, known in zip(texts, year.tolist(), strict=True)
            ]
        spelt: list[Spelling] = texts
        for row in np.flatnonzero(~is_valid):
            spelt[row] = None
        for row in np.flatnonzero(is_valid & (year == FIRST_YEAR)):
            spelt[row] = UNKNOWN
        for row in np.flatnonzero(~is_clear & is_time):
            spelt[row] = Unclear("order")
        if self._given_order == "auto" and self.order and layout.has("a"):
            swapped = _dates(year, day, month)[1]
            for row in np.flatnonzero(~is_date & swapped & is_time):
                spelt[row] = Unclear("order_differs")
        return spelt

    def _of_serials(self, cells: list[str]) -> list[Spelling]:
        """To the second: a fraction of a day is never exact."""
        days = np.array(cells, dtype=np.float64)
        seconds = np.rint(days * 86_400).astype(np.int64).astype("timedelta64[s]")
        moments = self._day_zero.astype("datetime64[s]") + seconds
        dates = np.datetime_as_string(moments, unit="D").tolist()
        texts = np.datetime_as_string(moments, unit="s").tolist()
        rows = zip(days.tolist(), dates, texts, strict=True)
        return [
            None if day < FIRST_SERIAL else on if day == int(day) else text
            for day, on, text in rows
        ]

    def _day_and_month(self, digits: Ints, layout: Layout) -> tuple[Ints, Ints, NDArray[np.bool_]]:
        """Day, month, and whether it is clear which is which."""
        sure = np.ones(len(digits), dtype=bool)
        if layout.month:
            month = np.full(len(digits), layout.month)
            return _number(digits, layout, "d"), month, sure
        if not layout.has("a"):
            return _number(digits, layout, "d"), _number(digits, layout, "m"), sure
        a, b = _number(digits, layout, "a"), _number(digits, layout, "b")
        order = self.order
        if order == "iso":
            return np.zeros_like(a), np.zeros_like(b), sure
        if layout.separator == "." and self._given_order == "auto":
            order = "dmy"
        if order == "mdy":
            return b, a, sure
        if order == "dmy":
            return a, b, sure
        is_month_first = (a <= 12) & (b > 12)
        is_open = (a <= 12) & (b <= 12) & (a != b)
        day, month = np.where(is_month_first, b, a), np.where(is_month_first, a, b)
        return np.where(is_open, 0, day), month, ~is_open

    def _year(self, digits: Ints, layout: Layout, n: int) -> Ints:
        if not layout.has("y"):
            return np.full(n, YEARLESS)
        year = _number(digits, layout, "y")
        first, end = layout.spans["y"]
        if end - first == 2:
            year = self._last_year - (self._last_year - year) % 100
        return year


def _layout(shape: str, *, yearless: bool) -> Layout | None:
    """How cells of a shape are read: 0 stands for each digit."""
    if len(shape.lower()) != len(shape):
        return None
    shape = shape.lower()
    if match := EPOCH.match(shape) or SERIAL.match(shape):
        return Layout(_spans(match))
    for pattern in [*WITH_YEAR, *(WITHOUT_YEAR if yearless else [])]:
        match = pattern.match(shape)
        if match is None:
            continue
        groups = match.groupdict()
        month = 0
        if name := groups.get("name"):
            month = _months().get(plain(name), 0)
            if not month:
                continue
        half = groups.get("ap") or groups.get("ap2") or ""
        return Layout(
            _spans(match),
            separator=groups.get("sep") or "",
            month=month,
            is_afternoon=half.startswith("p") if half else None,
            zone=(groups.get("zone") or "").strip(),
        )
    return None


def _spans(match: re.Match[str]) -> dict[str, tuple[int, int]]:
    names = [name for name, text in match.groupdict().items() if text]
    return {name: match.span(name) for name in names}


@lru_cache(maxsize=1)
def _months() -> dict[str, int]:
    """Names and short names of months; what means two months in two languages is left out."""
    months_by_name: dict[str, set[int]] = {}
    for language in LARGE:
        for words in Locale.parse(language).months.values():
            for width in ("wide", "abbreviated"):
                for month, name in words[width].items():
                    months_by_name.setdefault(plain(name), set()).add(month)
    names = {name: months.pop() for name, months in months_by_name.items() if len(months) == 1}
    english = Locale.parse("en").months["format"]
    for width in ("wide", "abbreviated"):
        names |= {plain(name): month for month, name in english[width].items()}
    return names | {"sept": 9}


def _digits(cells: Sequence[str]) -> Ints:
    """(n, width) of the digits' values; other characters are what they are."""
    text = np.array(cells, dtype=np.str_)
    width = text.dtype.itemsize // 4
    return text.view(np.uint32).reshape(len(cells), width).astype(np.int64) - ord("0")


def _number(digits: Ints, layout: Layout, name: str) -> Ints:
    first, end = layout.spans[name]
    return digits[:, first:end] @ (10 ** np.arange(end - first - 1, -1, -1))


def _dates(year: Ints, month: Ints, day: Ints) -> tuple[NDArray[np.datetime64], NDArray[np.bool_]]:
    """Days, and whether there is such a day."""
    n_months = (year - 1970) * 12 + np.clip(month, 1, 12) - 1
    months: NDArray[np.datetime64] = n_months.astype("datetime64[M]")
    n_days = (np.clip(day, 1, 31) - 1).astype("timedelta64[D]")
    days: NDArray[np.datetime64] = months.astype("datetime64[D]") + n_days
    exists = (month >= 1) & (month <= 12) & (day >= 1) & (day <= 31)
    return days, exists & (days.astype("datetime64[M]") == months)


def _with_time(
    dates: NDArray[np.datetime64], digits: Ints, layout: Layout
) -> tuple[NDArray[np.datetime64], NDArray[np.bool_]]:
    """Moments, and whether there is such a time of day."""
    none = np.zeros(len(digits), dtype=np.int64)
    hour, minute, second, micro = (
        _number(digits, layout, name) if layout.has(name) else none
        for name in ("h", "mi", "s", "f")
    )
    if layout.has("f"):
        first, end = layout.spans["f"]
        micro = micro * 10**6 // 10 ** (end - first)
    is_end_of_day = (hour == 24) & (minute == 0) & (second == 0) & (micro == 0)
    exists = (hour <= 23) & (minute <= 59) & (second <= 59)
    if layout.is_afternoon is None:
        exists |= is_end_of_day
    else:
        exists &= (hour >= 1) & (hour <= 12)
        hour = hour % 12 + 12 * layout.is_afternoon
    micros = ((hour * 60 + minute) * 60 + second) * 10**6 + micro
    return dates.astype("datetime64[us]") + micros.astype("timedelta64[us]"), exists


def _zones(cells: Sequence[str], layout: Layout) -> list[str]:
    if layout.zone in ZONE_HOURS:
        return [f"{ZONE_HOURS[layout.zone]:+03d}:00"] * len(cells)
    if not layout.has("oh"):
        return ["Z"] * len(cells)
    hours = slice(*layout.spans["oh"])
    minutes = slice(*layout.spans["om"]) if layout.has("om") else None
    return [f"{cell[hours]}:{cell[minutes] if minutes else '00'}" for cell in cells]


def _epoch(digits: Ints, layout: Layout) -> list[Spelling]:
    """Seconds, milliseconds or microseconds since 1970, by the number of digits."""
    first, end = layout.spans["count"]
    micros = _number(digits, layout, "count") * EPOCHS[end - first]
    if layout.has("f") and end - first == 10:
        start, stop = layout.spans["f"]
        micros = micros + _number(digits, layout, "f") * 10**6 // 10 ** (stop - start)
    return [f"{text}Z" for text in np.datetime_as_string(micros.astype("datetime64[us]")).tolist()]


def _order(a: Ints, b: Ints, times: Ints) -> Order:
    first, second = (a >= 1) & (a <= 31), (b >= 1) & (b <= 31)
    is_day_first = (a > 12) & first & (b <= 12) & second
    is_month_first = (b > 12) & second & (a <= 12) & first
    is_open = (a <= 12) & (b <= 12) & (a != b)
    return Order(
        int(times[is_day_first].sum()),
        int(times[is_month_first].sum()),
        int(times[is_open].sum()),
    )
