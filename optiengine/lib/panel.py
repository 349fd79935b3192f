"""A small table with a title, shown next to a form in the admin."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Panel:
    """`rows` hold as many cells as there are headers; without headers they are label and value."""

    title: str
    rows: Sequence[Sequence[Any]]
    headers: Sequence[str] = ()
    empty: str = ""  # what is said where there is no row
    link: str = ""
    link_text: str = ""
    wide: bool = False
    body: str = ""  # safe HTML above the rows, such as a chart
