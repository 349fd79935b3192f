"""Geometry of the charts, by hand."""

import math
from datetime import date

from reports.admin.charts import Axis, Whisker, axis_over, bars, course, round_step
from reports.numerics.intervals import UNKNOWN, Interval


def test_steps_are_one_two_or_five():
    assert [round_step(size) for size in (0.03, 0.011, 7, 1, 200)] == [0.05, 0.02, 10, 1, 200]


def test_numbers_fall_where_they_should():
    axis = Axis(-1, 3, 0, 400)

    assert (axis.zero, axis.at(1)) == (100, 200)
    assert axis.ticks(4) == [(0, -1), (100, 0), (200, 1), (300, 2), (400, 3)]


def test_an_axis_without_any_number_still_has_a_zero():
    axis = axis_over([math.nan], 0, 100)

    assert axis.low <= 0 < axis.high


def test_a_whiskers_tone_says_on_which_side_of_zero_it_lies():
    axis = Axis(-2, 2, 0, 400)

    assert Whisker.of(Interval(1, 0.5, 1.5), axis).tone == "good"
    assert Whisker.of(Interval(-1, -1.5, -0.5), axis).tone == "bad"
    assert Whisker.of(Interval(0, -1, 1), axis) == Whisker(100, 200, 300, "open")
    assert Whisker.of(UNKNOWN, axis) is None


def test_bars_below_zero_hang_from_it():
    chart = bars([("a", Interval(-1, -2, 0.5)), ("b", UNKNOWN)])

    [negative, unknown] = chart.bars
    assert negative["top"] == chart.axis.zero
    assert "top" not in unknown


def test_days_are_placed_by_time_and_one_day_makes_no_line():
    point = Interval(1, 0, 2)
    chart = course([(date(2026, 3, d), point) for d in (1, 2, 11)], width=180)

    xs = [float(pair.split(",")[0]) for pair in chart.line.split()]
    assert xs == [70, 80, 170]
    assert course([(date(2026, 3, 1), point)]) is None
