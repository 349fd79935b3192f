"""Bars and lines as plain geometry, in the pixels of an SVG image; the templates draw them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from reports.admin.charts import Axis, axis_over

WIDTH, HEIGHT = 860, 240
LEFT, BOTTOM, TOP = 56, 26, 8


@dataclass(frozen=True)
class Stack:
    """One bar: its parts from the bottom up."""

    label: Any
    x: float
    width: float
    middle: float
    parts: list[tuple[float, float, int]]  # top, height, number of the colour
    shows_label: bool


@dataclass(frozen=True)
class StackedBars:
    axis: Axis
    stacks: list[Stack]
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT


def stacked_bars(rows: Sequence[tuple[Any, Sequence[float]]]) -> StackedBars | None:
    """rows : (label, sizes of the parts); None where there is nothing to draw."""
    if not any(sum(sizes) for _label, sizes in rows):
        return None
    axis = axis_over([float(sum(sizes)) for _label, sizes in rows], HEIGHT - BOTTOM, TOP)
    slot = min(64.0, (WIDTH - LEFT) / len(rows))
    every = -(-len(rows) // 8)  # about eight labels fit
    stacks = []
    for number, (label, sizes) in enumerate(rows):
        parts, below = [], 0.0
        for colour, size in enumerate(sizes, start=1):
            top = axis.at(below + size)
            if size:
                parts.append((top, round(axis.at(below) - top, 1), colour))
            below += size
        x = round(LEFT + slot * (number + 0.12), 1)
        width = round(slot * 0.76, 1)
        shows = (len(rows) - 1 - number) % every == 0
        stacks.append(Stack(label, x, width, round(x + width / 2, 1), parts, shows))
    return StackedBars(axis, stacks)


@dataclass(frozen=True)
class MarkedLine:
    """A line over time, with marks where something happened."""

    axis: Axis
    line: str
    marks: list[tuple[float, float, str, Any]]  # x, y, kind, title
    labels: list[tuple[float, date]]
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT


def marked_line(
    points: Sequence[tuple[date, float]], marks: Mapping[date, tuple[str, Any]]
) -> MarkedLine | None:
    """points : (day, value) in order; None below two. marks : (kind, title) by a point's day."""
    if len(points) < 2:
        return None
    axis = axis_over([value for _day, value in points], HEIGHT - BOTTOM, TOP)
    first, last = points[0][0], points[-1][0]
    time = Axis(0, (last - first).days, LEFT, WIDTH - 10)
    places = [(day, time.at((day - first).days), axis.at(value)) for day, value in points]
    return MarkedLine(
        axis=axis,
        line=" ".join(f"{x},{y}" for _day, x, y in places),
        marks=[(x, y, *marks[day]) for day, x, y in places if day in marks],
        labels=[(places[0][1], first), (places[-1][1], last)],
    )
