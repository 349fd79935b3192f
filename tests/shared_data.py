"""Public data sets that some tests check published figures against."""

import os
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent


def shared_file(relative: str) -> Path:
    """A file of the public data sets; skips the test (or the whole module) where it is missing."""
    folder = os.environ.get("OPTIENGINE_SHARED_DATA") or REPOSITORY.parent / "shared" / "data"
    path = Path(folder) / relative
    if not path.exists():
        pytest.skip(
            f"needs the public data file {relative}: not found in {folder} "
            "(set OPTIENGINE_SHARED_DATA to the folder that holds it)",
            allow_module_level=True,
        )
    return path


def field_case(relative: str) -> Path:
    """A file of the cases from the field; skips the test where it is missing."""
    path = shared_file("").parent / "cases" / relative
    if not path.exists():
        pytest.skip(f"needs the case {relative}: not found in {path.parent}")
    return path
