"""Charts as plain geometry, in the pixels of an SVG image; templates draw them."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from reports.numerics.intervals import Interval


@dataclass(frozen=True)
class Axis:
    """A stretch of numbers laid over a stretch of pixels; `end` may lie before `start`."""

    low: float
    high: float
    start: float
    end: float

    def at(self, value: float) -> float:
        share = (value - self.low) / (self.high - self.low)
        return round(self.start + share * (self.end - self.start), 1)

    @property
    def zero(self) -> float:
        return self.at(0)

    def ticks(self, about: int = 4) -> list[tuple[float, float]]:
        """Round numbers and their places: (place, number)."""
        step = round_step((self.high - self.low) / about)
        first = math.ceil(self.low / step - 1e-9)
        last = math.floor(self.high / step + 1e-9)
        return [(self.at(i * step), i * step) for i in range(first, last + 1)]


def round_step(size: float) -> float:
    """The smallest of 1, 2, 5 times a power of ten that is not below `size`."""
    power = 10.0 ** math.floor(math.log10(size))
    return next(m * power for m in (1, 2, 5, 10) if m * power >= size * (1 - 1e-9))


def axis_over(values: Sequence[float], start: float, end: float) -> Axis:
    """An axis that holds zero and every known value, with some air."""
    known = [value for value in values if math.isfinite(value)]
    low, high = min([0.0, *known]), max([0.0, *known])
    air = (high - low) * 0.05 or 1.0
    return Axis(low - air if low < 0 else 0.0, high + air, start, end)


@dataclass(frozen=True)
class Whisker:
    """An estimate with its limits, as places on an axis."""

    low: float
    middle: float
    high: float
    tone: str  # good, bad, open: how the limits lie to zero

    @classmethod
    def of(cls, interval: Interval, axis: Axis) -> "Whisker | None":
        if not interval.is_known:
            return None
        tone = "good" if interval.low > 0 else "bad" if interval.high < 0 else "open"
        return cls(axis.at(interval.low), axis.at(interval.estimate), axis.at(interval.high), tone)


def forest_axis(intervals: Sequence[Interval], width: int) -> Axis:
    """The common axis of a column of intervals; symmetric air, zero always on it."""
    limits = [limit for i in intervals for limit in (i.low, i.high)]
    return axis_over(limits, 6, width - 6)


@dataclass(frozen=True)
class Bars:
    """Upright bars from zero with whiskers."""

    axis: Axis
    bars: list[dict[str, Any]]
    width: int
    height: int


def bars(named: Sequence[tuple[str, Interval]], *, width: int = 420, height: int = 240) -> Bars:
    axis = axis_over(
        [limit for _, i in named for limit in (i.low, i.estimate, i.high)], height - 30, 10
    )
    slot = (width - 70) / max(len(named), 1)
    drawn: list[dict[str, Any]] = []
    for number, (name, interval) in enumerate(named):
        middle = round(70 + slot * (number + 0.5), 1)
        bar: dict[str, Any] = {"name": name, "x": middle, "interval": interval}
        if math.isfinite(interval.estimate):
            top = axis.at(interval.estimate)
            bar |= {
                "left": round(middle - slot * 0.3, 1),
                "width": round(slot * 0.6, 1),
                "top": min(top, axis.zero),
                "height": max(round(abs(top - axis.zero), 1), 1),
                "whisker": Whisker.of(interval, axis),
            }
        drawn.append(bar)
    return Bars(axis, drawn, width, height)


@dataclass(frozen=True)
class Course:
    """A line over time inside the band of its limits."""

    axis: Axis
    line: str
    band: str
    labels: list[tuple[float, Any]]
    width: int
    height: int


def course(
    points: Sequence[tuple[Any, Interval]], *, width: int = 640, height: int = 240
) -> Course | None:
    """points : (day, interval), in order; None where fewer than two are known.

    Days are placed by their distance in time, so a week without anything is a week wide.
    """
    known = [(day, i) for day, i in points if i.is_known]
    if len(known) < 2:
        return None
    axis = axis_over([limit for _, i in known for limit in (i.low, i.high)], height - 30, 10)
    first, last = known[0][0], known[-1][0]
    time = Axis(0, (last - first).days, 70, width - 10)
    places = [(time.at((day - first).days), i) for day, i in known]
    upper = [f"{x},{axis.at(i.high)}" for x, i in places]
    lower = [f"{x},{axis.at(i.low)}" for x, i in reversed(places)]
    return Course(
        axis=axis,
        line=" ".join(f"{x},{axis.at(i.estimate)}" for x, i in places),
        band=" ".join(upper + lower),
        labels=[(places[0][0], first), (places[-1][0], last)],
        width=width,
        height=height,
    )
