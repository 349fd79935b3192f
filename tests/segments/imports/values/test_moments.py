"""Moments in the spellings that systems and people write, against a slow reading of one format."""

import re
from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segments.imports.values.column import Unclear
from segments.imports.values.moments import Moments


def spell(*cells, order="auto", **how):
    reader = Moments(order, last_year=2026, **how)
    reader.look(cells, [1] * len(cells))
    return reader, reader.spell(cells)


@pytest.mark.parametrize(
    ("cell", "spelling"),
    [
        ("2026-01-05T09:30", "2026-01-05T09:30:00"),
        ("2026-01-05 9:30", "2026-01-05T09:30:00"),
        ("2026-01-05 09:30:00 UTC", "2026-01-05T09:30:00Z"),
        ("2026-01-05 09:30:00 -0500", "2026-01-05T09:30:00-05:00"),
        ("2026-01-05T09:30:00.123+01:00", "2026-01-05T09:30:00.123000+01:00"),
        ("2026/01/05 09:30", "2026-01-05T09:30:00"),
        ("12/31/2010 8:26", "2010-12-31T08:26:00"),
        ("31/12/2010 8:26:07", "2010-12-31T08:26:07"),
        ("12/31/10 8:26 PM", "2010-12-31T20:26:00"),
        ("12/31/2010 12:05 AM", "2010-12-31T00:05:00"),
        ("12/31/2010 12:05 p.m.", "2010-12-31T12:05:00"),
        ("31.12.2010 8:26", "2010-12-31T08:26:00"),
        ("1.2.2010", "2010-02-01"),
        ("1767605400", "2026-01-05T09:30:00.000000Z"),
        ("1767605400123", "2026-01-05T09:30:00.123000Z"),
        ("20260105", "2026-01-05"),
        ("20260105T093000Z", "2026-01-05T09:30:00Z"),
        ("Jan 5, 2026 9:30 AM", "2026-01-05T09:30:00"),
        ("5 January 2026", "2026-01-05"),
        ("05-Jan-26", "2026-01-05"),
        ("5. März 2026", "2026-03-05"),
        ("5 de janeiro de 2026", "2026-01-05"),
        ("Mon, 05 Jan 2026 09:30:00 +0000", "2026-01-05T09:30:00+00:00"),
        ("2026-01-05 9:30:00 p. m.", "2026-01-05T21:30:00"),
        ("05-JAN-26 09.30.00 AM", "2026-01-05T09:30:00"),
        ("5.1.2026 9:30 Uhr", "2026-01-05T09:30:00"),
        ("Mon Jan 05 09:30:00 UTC 2026", "2026-01-05T09:30:00Z"),
        ("2026-01-05 09:30 CEST", "2026-01-05T09:30:00+02:00"),
        ("2026-01-05T09:30:00+01:00[Europe/Berlin]", "2026-01-05T09:30:00+01:00"),
        ("2026-01-05 24:00:00", "2026-01-06T00:00:00"),
        ("2026年1月5日 9:30", "2026-01-05T09:30:00"),
        ("2026년 1월 5일", "2026-01-05"),
        ("2026. 1. 5.", "2026-01-05"),
        ("31/12/27", "1927-12-31"),  # years to come are of the last century
        ("0000-00-00", ""),
        ("0000-00-00 00:00:00", ""),
        ("00/00/0000", ""),
        ("0001-01-01T00:00:00", ""),
        ("0", ""),
        ("n/a", ""),
        ("-", ""),
        ("unknown", ""),
        ("2026-01-05 24:30", None),
        ("2026-02-30 9:30", None),
        ("2026-01-05 25:30", None),
        ("2026-01-05 13:30 PM", None),
        ("2026-01-05 09:30 EST", None),  # of several zones
        ("13/13/2026", None),
        ("5 Foo 2026", None),
        ("soon", None),
        ("03/14", None),
        ("46023", "2026-01-01"),  # as spreadsheets count days
        ("46023.75", "2026-01-01T18:00:00"),
        ("01234", None),
        ("9999", None),
        ("\u0661\u0662/01/2026", None),
    ],
)
def test_a_spelling_is_read(cell, spelling):
    assert spell(cell)[1] == [spelling]


def test_one_cell_settles_the_order_of_a_column():
    reader, spellings = spell("03/04/2026", "13/04/2026")
    assert (reader.question(), reader.understanding()) == ("", "dmy")
    assert spellings == ["2026-04-03", "2026-04-13"]

    reader, spellings = spell("03/04/2026", "4/13/2026 8:05")
    assert reader.understanding() == "mdy"
    assert spellings == ["2026-03-04", "2026-04-13T08:05:00"]


def test_an_order_that_stays_open_is_a_question():
    reader, spellings = spell("03/04/2026", "05/05/2026", "2026-01-31")
    assert reader.question() == "dates"
    assert spellings == [Unclear("order"), "2026-05-05", "2026-01-31"]

    assert spell("03/04/2026", order="mdy")[1] == ["2026-03-04"]
    assert spell("03/04/2026", order="dmy")[1] == ["2026-04-03"]
    assert spell("03/04/2026", order="iso")[1] == [None]
    assert spell("05/05/2026")[0].question() == ""


def test_a_mistake_among_many_does_not_open_the_question_and_is_named():
    cells = [f"{day}/04/2026" for day in range(13, 31)]
    reader = Moments("auto", last_year=2026)
    reader.look([*cells, "04/13/2026"], [100] * len(cells) + [1])
    assert (reader.question(), reader.order) == ("", "dmy")
    assert reader.spell(["04/13/2026", "03/04/2026"]) == [Unclear("order_differs"), "2026-04-03"]

    reader.look(["04/14/2026"], [900])
    assert reader.question() == "dates"


@pytest.mark.parametrize(
    ("cell", "spelling"),
    [
        ("03/14", "--03-14"),
        ("14/03", "--03-14"),
        ("14.03.", "--03-14"),
        ("14.3", "--03-14"),
        ("--03-14", "--03-14"),
        ("14 March", "--03-14"),
        ("March 14", "--03-14"),
        ("1604-03-14", "--03-14"),
        ("0000-03-14", "--03-14"),
        ("02/29", "--02-29"),
        ("02/30", None),
        ("1990-3-14", "1990-03-14"),
    ],
)
def test_a_birthday_may_lack_its_year(cell, spelling):
    assert spell(cell, yearless=True)[1] == [spelling]


FIRST, LAST = datetime(1970, 1, 1), datetime(2026, 12, 31)  # noqa: DTZ001 - local times
FORMATS = [
    "%Y-%m-%d %H:%M:%S",
    "%Y/%m/%dT%H:%M",
    "%m/%d/%Y %I:%M %p",
    "%m/%d/%Y %H:%M:%S",
    "%d.%m.%Y %H:%M",
    "%d %B %Y %H:%M",
    "%b %d, %Y %I:%M:%S %p",
    "%Y%m%d%H%M%S",
    "%Y-%m-%d %H:%M:%S %z",
    "%a, %d %b %Y %H:%M:%S %z",
]


def without_zeros(text):
    """1/5/2026 8:05 for 01/05/2026 08:05."""
    return re.sub(r"(?<![:\d])0(\d)(?=[/:])", r"\1", text)


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(FORMATS),
    st.lists(st.datetimes(FIRST, LAST), min_size=1, max_size=20),
    st.integers(-12, 14),
    st.booleans(),
)
def test_a_column_in_one_format_reads_as_strptime_does(pattern, moments, offset, is_short):
    zone = timezone(timedelta(hours=offset)) if "%z" in pattern else None
    texts = [moment.replace(tzinfo=zone).strftime(pattern) for moment in moments]
    cells = [without_zeros(text) if is_short and "/" in text else text for text in texts]
    order = "mdy" if "%m/%d" in pattern else "auto"

    spellings = spell(*cells, order=order)[1]

    expected = [datetime.strptime(text, pattern) for text in texts]  # noqa: DTZ007
    assert [datetime.fromisoformat(spelling) for spelling in spellings] == expected


@settings(max_examples=60, deadline=None)
@given(st.lists(st.dates(date(1930, 1, 1), date(2026, 12, 31)), min_size=1, max_size=30))
def test_a_column_of_two_digit_years_is_read_or_asked_about(days):
    cells = [day.strftime("%d/%m/%y") for day in days]
    reader, spellings = spell(*cells)
    if any(day.day > 12 for day in days):
        assert spellings == [day.isoformat() for day in days]
    else:
        is_open = [day.day != day.month for day in days]
        assert (reader.question() == "dates") is any(is_open)
        assert [isinstance(spelling, Unclear) for spelling in spellings] == is_open


@given(st.integers(10**9, 2 * 10**9))
@settings(max_examples=60, deadline=None)
def test_counts_since_1970_are_moments_of_utc(seconds):
    for spelling in spell(str(seconds), str(seconds * 1000))[1]:
        assert datetime.fromisoformat(spelling) == datetime.fromtimestamp(seconds, UTC)


@given(st.text(alphabet="0123456789/-.: TZapm+", max_size=20))
@settings(max_examples=200, deadline=None)
def test_rubbish_is_no_moment_and_no_fault(cell):
    spelling = spell(cell, yearless=True)[1][0]
    if isinstance(spelling, str) and spelling and not spelling.startswith("--"):
        datetime.fromisoformat(spelling)
