"""The benchmark runs, says what it documents, and leaves nothing behind. How fast is not asked."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from optiengine.lab.bench import learning, splits
from optiengine.lab.bench.month import bench as month
from optiengine.lab.management.commands.bench import Command

ROOT = Path(__file__).resolve().parents[3]
pytestmark = [pytest.mark.django_db, pytest.mark.slow]


def start(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    """The command on a database name that no one else uses; its server is the tests' own."""
    settings = connection.settings_dict
    options = {"host": settings["HOST"], "port": settings["PORT"], **settings["OPTIONS"]}
    query = "&".join(f"{k}={v}" for k, v in options.items() if v and isinstance(v, str | int))
    login = ":".join(filter(None, [settings["USER"], settings["PASSWORD"]]))
    return subprocess.Popen(
        [sys.executable, "manage.py", "bench", *arguments],
        cwd=ROOT,
        env={
            **os.environ,
            "DATABASE_URL": f"postgresql://{login}@/{settings['NAME']}?{query}",
            "DATA_DIR": str(folder / "data"),
            "TMPDIR": str(folder),
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        # A shell may have told its background jobs to ignore Ctrl-C, which children inherit.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )


def own_database_exists() -> bool:
    with connection.cursor() as cursor:
        name = f"{connection.settings_dict['NAME'][:57]}_bench"
        cursor.execute("SELECT FROM pg_database WHERE datname = %s", [name])
        return cursor.fetchone() is not None


def test_figures_are_those_documented_and_nothing_is_left(tmp_path):
    arguments = ["--only", "import,decisions,realtime,prices", "--customers", "200", "--json"]
    output, errors = (process := start(tmp_path, *arguments)).communicate()

    assert process.returncode == 0, errors
    figures = json.loads(output.splitlines()[-1])
    others = learning.COLUMNS.keys() | splits.COLUMNS.keys() | month.COLUMNS.keys()
    assert list(figures) == [name for name in Command.columns if name not in others]
    assert figures["import_rows"] == figures["decide_customers"] == 200
    assert 0 < figures["decide_contacts"] < 200
    assert figures["prices_customers"] == figures["prices_exact_customers"] == 200
    assert 0 <= figures["prices_gap"] < 0.01
    assert all(figures[name] > 0 for name in figures if name.endswith(("_mb", "_per_second")))
    assert not own_database_exists()
    assert not list(tmp_path.glob("bench-*"))


def test_an_interrupted_benchmark_drops_its_database(tmp_path):
    process = start(tmp_path, "--customers", "200000", "--only", "import")
    while not own_database_exists():
        assert process.poll() is None, process.communicate()
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGINT)  # as Ctrl-C does, to the children as well
    errors = process.communicate()[1]

    assert process.returncode == 1
    assert "Interrupted" in errors
    assert not own_database_exists()
    assert not list(tmp_path.glob("bench-*"))


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--only", "coffee"], "invalid names value"),
        (["--customers", "0"], "at least one"),
        (["--seeds", "0"], "at least one seed"),
    ],
)
def test_what_cannot_be_measured_is_refused(arguments, reason):
    with pytest.raises(CommandError, match=reason):
        call_command("bench", *arguments)
