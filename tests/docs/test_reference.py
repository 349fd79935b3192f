"""The reference pages say what the code does: compared with the code itself."""

import ast
import re

from optiengine.docs.references import setting_defaults
from optiengine.docs.site import FOLDER

REFERENCE = FOLDER / "reference"
CODE = re.compile(r"`([^`]+)`")


def rows(page: str, *, head: str) -> list[list[str]]:
    """The rows of all tables of a page whose first column has this head."""
    found: list[list[str]] = []
    is_wanted = False
    lines = (REFERENCE / f"{page}.md").read_text().splitlines()
    for before, line in zip(["", *lines], lines, strict=False):
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip().strip("|"))]
        if not line.startswith("|"):
            is_wanted = False
        elif not before.startswith("|"):
            is_wanted = cells[0] == head
        elif is_wanted and set(cells[0]) != {"-"}:
            found.append(cells)
    return found


def as_written(default: ast.expr | None) -> set[str]:
    """How a default that is a plain value stands in the table; nothing for one that is computed."""
    try:
        value = ast.literal_eval(default) if default else ""
    except ValueError:
        return set()
    if isinstance(value, bool):
        return {str(value).lower()}
    return set(value) if isinstance(value, list) else {str(value)} - {""}


def test_every_setting_is_described_once_with_its_default():
    described = {
        CODE.findall(name)[0]: default for name, default, _ in rows("settings", head="variable")
    }
    read = setting_defaults()

    assert len(rows("settings", head="variable")) == len(described)
    assert set(described) - {"ANYMAIL_…"} == set(read)
    for name, default in read.items():
        assert as_written(default) <= set(CODE.findall(described[name])), name
