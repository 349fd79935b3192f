"""A matrix of shares as a map of shades, in the pixels of an SVG image; the template draws it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

CELL, LABEL, HEAD = 32, 250, 24  # pixels
LEAST_SHOWN = 0.005  # of a row; less is not written into the cell


@dataclass(frozen=True)
class Cell:
    x: float
    y: float
    opacity: float
    percent: int | None
    is_dark: bool
    title: str


@dataclass(frozen=True)
class HeatMap:
    cells: list[Cell]
    rows: list[tuple[float, int, str]]  # place, number, name
    columns: list[tuple[float, str]]  # place, number or name
    borders: list[float]  # where another group of rows begins, and, from LABEL, of columns
    width: int
    height: int
    cell: int = CELL
    label: int = LABEL
    head: int = HEAD


def heat_map(
    names: Sequence[str],
    shares: NDArray[np.float64],
    titles: Sequence[Sequence[str]],
    groups: Sequence[object],
    *,
    last_column: str = "",
) -> HeatMap:
    """names, groups : of the n rows, which are the columns too. shares, titles : (n, m), of a row.

    last_column : the name of column n + 1, if it is to be shown.
    """
    n, m = len(names), len(names) + bool(last_column)
    cells = []
    for row in range(n):
        for column in range(m):
            share = float(shares[row, column])
            if share < 0.0005:
                continue
            x, y = LABEL + column * CELL, HEAD + row * CELL
            percent = round(share * 100) if share >= LEAST_SHOWN else None
            # The root shows the small shares, which is where customers go.
            opacity = round(share**0.5, 3)
            cells.append(Cell(x, y, opacity, percent, opacity > 0.6, titles[row][column]))
    middle = CELL / 2
    columns = [(LABEL + index * CELL + middle, str(index + 1)) for index in range(n)]
    if last_column:
        columns.append((LABEL + n * CELL + middle, last_column))
    return HeatMap(
        cells=cells,
        rows=[(HEAD + p * CELL + middle + 4, p + 1, name) for p, name in enumerate(names)],
        columns=columns,
        borders=[p * CELL for p in range(1, n) if groups[p] != groups[p - 1]],
        width=LABEL + m * CELL + 8,
        height=HEAD + n * CELL + 2,
    )
