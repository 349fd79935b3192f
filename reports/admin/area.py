"""Shares over time, stacked to one: the geometry of an SVG image."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from reports.admin.charts import Axis

LEFT, BOTTOM, TOP = 44, 26, 8
MAX_LABELS = 8


@dataclass(frozen=True)
class Band:
    """One part's area: `points` of a polygon."""

    name: str
    colour: int  # 1 to 6, see admin.css
    points: str


@dataclass(frozen=True)
class StackedArea:
    axis: Axis
    bands: list[Band]
    labels: list[tuple[float, date]]
    width: int
    height: int
    left: int = LEFT


def stacked_area(
    names: Sequence[str],
    course: Sequence[tuple[date, Sequence[float]]],
    *,
    width: int = 860,
    height: int = 220,
) -> StackedArea | None:
    """course : (day, a size for each name), in order; sizes become shares of their day.

    Days are placed by their distance in time. A single day is drawn across the whole width. None
    where no day has anything.
    """
    known = [(day, sizes) for day, sizes in course if sum(sizes) > 0]
    if not known:
        return None
    first, last = known[0][0], known[-1][0]
    if first == last:
        known = [(first, known[-1][1])] * 2
    span = (last - first).days
    time = Axis(0, span or 1, LEFT, width - 4)
    share = Axis(0, 1, height - BOTTOM, TOP)
    places = [
        time.at((day - first).days if span else number)
        for number, (day, _sizes) in enumerate(known)
    ]
    below = [0.0] * len(known)
    bands = []
    for part, name in enumerate(names):
        above = [low + s[part] / sum(s) for low, (_day, s) in zip(below, known, strict=True)]
        upper = [f"{x},{share.at(y)}" for x, y in zip(places, above, strict=True)]
        lower = [f"{x},{share.at(y)}" for x, y in zip(places, below, strict=True)]
        bands.append(Band(name, part % 6 + 1, " ".join(upper + lower[::-1])))
        below = above
    every = -(-len(known) // MAX_LABELS)
    labels = [
        (x, day)
        for number, (x, (day, _sizes)) in enumerate(zip(places, known, strict=True))
        if (len(known) - 1 - number) % every == 0
    ]
    return StackedArea(share, bands, labels if span else labels[-1:], width, height)
