"""Who gets what instead of what, as bands between two columns: the geometry of an SVG image."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

WIDTH, BAR, LABEL = 860, 12, 230  # pixels; labels are outside of the bars
ROW, GAP, LEAST = 260, 10, 3  # height of all bars together, between two, of the smallest
N_COLOURS = 6

Flow = tuple[str, str, float]  # from, to, how many


@dataclass(frozen=True)
class Bar:
    label: str
    n: float
    x: float
    y: float
    height: float
    text_x: float
    anchor: str
    colour: int

    @property
    def middle(self) -> float:
        return round(self.y + self.height / 2 + 4, 1)


@dataclass(frozen=True)
class Band:
    path: str
    title: str
    n: float
    colour: int


@dataclass(frozen=True)
class FlowChart:
    bars: list[Bar]
    bands: list[Band]
    height: int
    width: int = WIDTH
    bar: int = BAR


def flow_chart(flows: Sequence[Flow]) -> FlowChart | None:
    """flows : biggest first; None where nothing moves. A band has its origin's colour."""
    total = sum(n for _one, _other, n in flows)
    if not total:
        return None
    scale = ROW / total
    columns = [_totals(flows, end) for end in (0, 1)]
    colours = {label: i % N_COLOURS + 1 for i, label in enumerate(columns[0])}
    left, right = LABEL, WIDTH - LABEL - BAR
    bars, tops = [], []
    for column, x in zip(columns, (left, right), strict=True):
        top, places = 0.0, {}
        for label, n in column.items():
            height = max(LEAST, n * scale)
            is_left = x == left
            bars.append(
                Bar(
                    label=label,
                    n=n,
                    x=x,
                    y=round(top, 1),
                    height=round(height, 1),
                    text_x=x - 8 if is_left else x + BAR + 8,
                    anchor="end" if is_left else "start",
                    colour=colours[label] if is_left else N_COLOURS,
                )
            )
            places[label] = top
            top += max(height, 14) + GAP  # a label has its line
        tops.append((places, top))
    bands = []
    (from_y, end_left), (to_y, end_right) = tops
    for origin, target, n in flows:
        height = max(1.0, n * scale)
        path = _band(left + BAR, from_y[origin], right, to_y[target], height)
        bands.append(Band(path, f"{origin} → {target}", n, colours[origin]))
        from_y[origin] += n * scale
        to_y[target] += n * scale
    return FlowChart(bars, bands, round(max(end_left, end_right)))


def _totals(flows: Sequence[Flow], end: int) -> dict[str, float]:
    totals: dict[str, float] = defaultdict(float)
    for flow in flows:
        totals[str(flow[end])] += flow[2]
    return dict(sorted(totals.items(), key=lambda item: -item[1]))


def _band(x: float, y: float, to_x: float, to_y: float, height: float) -> str:
    """A closed curve of even height between two vertical edges."""
    half = (x + to_x) / 2
    there = f"M{x},{y:.1f} C{half},{y:.1f} {half},{to_y:.1f} {to_x},{to_y:.1f}"
    low, to_low = y + height, to_y + height
    return f"{there} L{to_x},{to_low:.1f} C{half},{to_low:.1f} {half},{low:.1f} {x},{low:.1f} Z"
