"""Pairs of bars side by side, what was predicted and what came, in the pixels of an SVG image."""

from collections.abc import Sequence
from dataclasses import dataclass

from reports.admin.charts import Axis, Whisker, axis_over
from reports.numerics.intervals import Interval

LEFT = 70


@dataclass(frozen=True)
class Bar:
    left: float
    width: float
    top: float
    height: float

    @classmethod
    def of(cls, value: float, axis: Axis, left: float, width: float) -> "Bar":
        top = axis.at(value)
        height = max(round(abs(top - axis.zero), 1), 1)
        return cls(round(left, 1), round(width, 1), min(top, axis.zero), height)


@dataclass(frozen=True)
class Pair:
    label: str
    middle: float
    predicted: Bar
    actual: Bar
    actual_middle: float
    whisker: Whisker | None


@dataclass(frozen=True)
class PairBars:
    axis: Axis
    pairs: list[Pair]
    width: int
    height: int


def pair_bars(
    groups: Sequence[tuple[str, float, Interval]], *, width: int = 560, height: int = 260
) -> PairBars:
    """groups : (label, predicted, what came with its limits, unknown ones left out)."""
    values = [predicted for _, predicted, _ in groups]
    values += [limit for _, _, i in groups for limit in (i.low, i.estimate, i.high)]
    axis = axis_over(values, height - 44, 10)
    slot = (width - LEFT) / max(len(groups), 1)
    pairs = []
    for number, (label, predicted, actual) in enumerate(groups):
        middle, bar = LEFT + slot * (number + 0.5), slot * 0.36
        pairs.append(
            Pair(
                label,
                round(middle, 1),
                Bar.of(predicted, axis, middle - bar, bar),
                Bar.of(actual.estimate, axis, middle, bar),
                round(middle + bar / 2, 1),
                Whisker.of(actual, axis),
            )
        )
    return PairBars(axis, pairs, width, height)
