"""Stacked bars as plain geometry, in the pixels of an SVG image; the template draws them."""

from collections.abc import Sequence
from dataclasses import dataclass
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


def stacked_bars(rows: Sequence[tuple[Any, Sequence[int]]]) -> StackedBars | None:
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
