"""The shape of the project, tested like any other fact."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.long

ROOT = Path(__file__).resolve().parent.parent

# Each may import those before it; `optiengine` is the wiring: all of it but lib and lab.
APPS = ["segments", "campaigns", "journeys", "reports"]
LAYERS = ["optiengine.lib", *APPS, "optiengine", "optiengine.lab"]

# Inside an app a room may import those of earlier rows, not its neighbours in the same row. What
# is next to the rooms (models, errors ...) is below them all, but for what wires them together.
ROOMS = {
    "segments": [{"rules"}, {"state"}, {"customers"}, {"events"}, {"imports"}],
    "journeys": [
        {"maps", "learning", "delivery"},
        {"decisions"},
        {"explain", "jobs", "signups", "merges"},
    ],
}
OUTER = {"admin", "api", "tasks", "management", "hooks", "apps", "pages", "tracking"}
MAX_MODULES = 25

# A service is named by verb and object, or by a noun. One-word names are these nouns.
NOUNS = {
    "approvals",
    "currency",
    "draws",
    "features",
    "feedback",
    "fields",
    "locks",
    "mapping",
    "outbox",
    "pipeline",
    "preferences",
    "progress",
    "proposals",
    "spec",
    "staging",
    "steps",
    "travellers",
    "uploads",
}


# Names of values that leave a reader to find out what the value is.
EMPTY_NAMES = {"asked", "found", "given", "mine", "one", "own", "place", "told"}


def dotted(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported(path: Path) -> set[str]:
    """Dotted names of the modules that a file imports, wherever in the file."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def layer_of(module: str) -> int:
    """Place among LAYERS, -1 for packages that are not ours."""
    owners = [layer for layer in LAYERS if f"{module}.".startswith(f"{layer}.")]
    return LAYERS.index(max(owners, key=len)) if owners else -1


def sources(package: str) -> list[Path]:
    folder = ROOT / package.replace(".", "/")
    return [path for path in sorted(folder.rglob("*.py")) if "migrations" not in path.parts]


def is_outer(path: Path) -> bool:
    """Admin, API, tasks and commands: what calls the services, and reads the clock for them."""
    return not OUTER.isdisjoint(path.relative_to(ROOT).with_suffix("").parts)


OWN = sorted({path for package in (*APPS, "optiengine") for path in sources(package)})
INNER = [path for path in OWN if layer_of(dotted(path)) < len(APPS) + 1 and not is_outer(path)]


@pytest.mark.parametrize("layer", LAYERS[:-1])
def test_imports_point_one_way(layer):
    for path in OWN:
        rank = layer_of(dotted(path))
        if LAYERS[rank] == layer:
            later = {name for name in imported(path) if layer_of(name) > rank}
            assert not later, f"{dotted(path)} imports from a later layer: {later}"


def rank_of(module: str, app: str) -> int:
    """The row of ROOMS that a module belongs to; -1 below them all."""
    room = [*module.split("."), ""][1] if module.startswith(f"{app}.") else ""
    return next((row for row, rooms in enumerate(ROOMS[app]) if room in rooms), -1)


@pytest.mark.parametrize("app", ROOMS)
def test_rooms_of_an_app_import_in_one_order(app):
    for path in sources(app):
        module = dotted(path)
        rank = rank_of(module, app)
        if rank < 0 and is_outer(path):
            continue  # what wires the rooms together
        room = module.split(".")[1] if rank >= 0 else ""
        wrong = {
            name
            for name in imported(path)
            if rank_of(name, app) >= max(rank, 0) and name.split(".")[1] != room
        }
        assert not wrong, f"{module} imports {wrong}"


def test_nothing_inside_reaches_outwards():
    """Models, services and numerics know nothing of admin, API, tasks or commands."""
    for path in INNER:
        outward = {
            name
            for name in imported(path)
            if layer_of(name) > 0 and not OUTER.isdisjoint(name.split(".")[1:])
        }
        assert not outward, f"{dotted(path)} imports {outward}"


def test_no_folder_is_crowded():
    for folder in {path.parent for path in OWN}:
        modules = [path for path in folder.glob("*.py") if path.name != "__init__.py"]
        assert len(modules) <= MAX_MODULES, f"{folder.relative_to(ROOT)}: {len(modules)} modules"


def services() -> list[Path]:
    """Modules of rooms, and of the flat folders of apps without rooms."""
    flat = {"services", *(room for rows in ROOMS.values() for row in rows for room in row)}
    return [path for path in INNER if path.parent.name in flat and path.name != "__init__.py"]


@pytest.mark.parametrize("path", services(), ids=dotted)
def test_services_are_named_by_verb_and_object_or_by_a_noun(path):
    assert "_" in path.stem or path.stem in NOUNS, f"{path.stem}: what is done, and to what?"


NUMERICS = [
    path
    for path in OWN
    if not {"numerics", "values"}.isdisjoint(path.parts) or path.stem == "draws"
]


def test_numerics_run_without_django():
    modules = ", ".join(map(dotted, NUMERICS))
    check = f"import sys, {modules}; sys.exit('django' in sys.modules)"
    subprocess.run([sys.executable, "-c", check], check=True, cwd=ROOT)


def test_nothing_inside_reads_the_clock():
    """`as_of` is an argument: only commands, tasks, admin and API read the clock."""
    forbidden = ("timezone.now(", "datetime.now(", "date.today(", "utcnow(", "CURRENT_DATE")
    for path in INNER:
        clocks = [word for word in forbidden if word in path.read_text()]
        assert not clocks, f"{dotted(path)} reads the clock: {clocks}"


def named(path: Path) -> Iterator[tuple[str, int]]:
    """The variables and arguments of a file, with their lines.

    Fields are not among them: `proof.found` says of what.
    """
    tree = ast.parse(path.read_text())
    fields = {
        target
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
        for line in node.body
        if isinstance(line, ast.Assign | ast.AnnAssign)
        for target in ast.walk(line)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.arg):
            yield node.arg, node.lineno
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store) and node not in fields:
            yield node.id, node.lineno


def test_a_value_has_a_name_that_says_what_it_is():
    """A noun that a reader knows: `zones_by_country`, not `found`."""
    empty = [
        f"{path.relative_to(ROOT)}:{line}: {name}"
        for package in (*APPS, "optiengine", "tests")
        for path in sources(package)
        for name, line in named(path)
        if name in EMPTY_NAMES
    ]
    assert not empty, "\n".join(empty)


def test_a_function_is_named_without_riddles():
    """Of tests, too: the name holds by itself, without the test before it."""
    riddles = re.compile(
        r"_(told|owed|alone|besides?|whoever|for_ever)(_|$)|^test_(but|and|so)_|_so_too(_|$)"
    )
    odd = [
        f"{path.relative_to(ROOT)}:{node.lineno}: {node.name}"
        for package in (*APPS, "optiengine", "tests")
        for path in sources(package)
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef) and riddles.search(node.name)
    ]
    assert not odd, "\n".join(odd)
