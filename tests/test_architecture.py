"""The shape of the project, tested like any other fact."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
LAYERS = ["optiengine/lib", "segments", "campaigns", "journeys", "reports", "optiengine"]
INNER = ["models", "services", "numerics", "querysets", "errors", "channels"]
OUTER = {"admin", "api", "tasks", "management"}


def imported(path: Path) -> set[str]:
    """Dotted names of the modules that a file imports, wherever in the file."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def layer_of(name: str) -> int | None:
    parts = name.split(".")
    if parts[:2] == ["optiengine", "lib"]:
        return 0
    return LAYERS.index(parts[0]) if parts[0] in LAYERS else None


def sources(folder: str) -> list[Path]:
    return [p for p in sorted((ROOT / folder).rglob("*.py")) if "migrations" not in p.parts]


@pytest.mark.parametrize("number", range(len(LAYERS) - 1), ids=LAYERS[:-1])
def test_imports_point_one_way(number):
    for path in sources(LAYERS[number]):
        later = {n for n in imported(path) if (layer_of(n) or 0) > number}
        assert not later, f"{path.relative_to(ROOT)} imports from a later layer: {later}"


@pytest.mark.parametrize("app", LAYERS[1:-1])
def test_inside_an_app_nothing_reaches_outwards(app):
    """Models, services and numerics know nothing of admin, API, tasks or commands."""
    for path in sources(app):
        inside = path.relative_to(ROOT / app)
        if inside.parts[0].removesuffix(".py") in INNER:
            outward = {
                name
                for name in imported(path)
                if len(name.split(".")) > 1
                and name.split(".")[0] == app
                and name.split(".")[1] in OUTER
            }
            assert not outward, f"{path.relative_to(ROOT)} imports {outward}"


NUMERICS = sorted(p for app in LAYERS[1:-1] for p in sources(f"{app}/numerics"))


def test_numerics_run_without_django():
    modules = [".".join(p.relative_to(ROOT).with_suffix("").parts) for p in NUMERICS]
    check = f"import sys, {', '.join(modules)}; sys.exit('django' in sys.modules)"
    subprocess.run([sys.executable, "-c", check], check=True, cwd=ROOT)


def test_nothing_inside_reads_the_clock():
    """`as_of` is an argument: the clock is read by commands, tasks, admin and API alone."""
    forbidden = ("timezone.now(", "datetime.now(", "date.today(", "utcnow(", "CURRENT_DATE")
    for app in LAYERS[:-1]:
        for path in sources(app):
            inside = path.relative_to(ROOT / app)
            if inside.parts[0].removesuffix(".py") in {*INNER, "lib"}:
                found = [word for word in forbidden if word in path.read_text()]
                assert not found, f"{path.relative_to(ROOT)} reads the clock: {found}"
