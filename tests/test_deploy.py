"""The systemd units in deploy/ start what exists, and systemd understands them."""

import shlex
import shutil
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import pytest
from django.core.management import load_command_class

from optiengine.management.commands.serve import PARTS

FOLDER = Path(__file__).resolve().parent.parent / "deploy" / "systemd"
UNITS = sorted(FOLDER.glob("*.service"))
PYTHON = "/opt/optiengine/.venv/bin/python"


def settings_of(unit: Path) -> dict[str, list[str]]:
    """The values of each key; systemd allows a key several times, configparser does not."""
    settings = defaultdict(list)
    for line in unit.read_text().splitlines():
        if "=" in line and not line.startswith("#"):
            key, value = line.split("=", 1)
            settings[key].append(value)
    return settings


def arguments_of(unit: Path) -> dict[str, object]:
    """What the unit's command line gives to `manage.py serve`."""
    [command] = settings_of(unit)["ExecStart"]
    python, script, name, *arguments = shlex.split(command)
    assert (python, script) == (PYTHON, "manage.py")
    parser = load_command_class("optiengine", name).create_parser("manage.py", name)
    return vars(parser.parse_args(arguments))


def test_each_part_of_serve_has_a_unit():
    started = [arguments_of(unit)["only"] for unit in UNITS]

    assert sorted(started) == sorted([part] for part in PARTS)


def test_the_web_server_is_reached_through_a_proxy_on_the_same_machine():
    assert arguments_of(FOLDER / "optiengine-web.service")["host"] == "127.0.0.1"


def test_units_differ_only_in_what_they_start():
    of_each_unit = {"Description", "ExecStart"}
    shared = [
        {key: values for key, values in settings_of(unit).items() if key not in of_each_unit}
        for unit in UNITS
    ]

    assert all(settings == shared[0] for settings in shared)


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd is not installed.")
def test_systemd_understands_the_units(tmp_path):
    for path in FOLDER.iterdir():
        # The program must exist where the unit says, which is so on the server only.
        text = path.read_text().replace(PYTHON, sys.executable)
        (tmp_path / path.name).write_text(text)

    check = subprocess.run(
        ["systemd-analyze", "verify", *sorted(tmp_path.iterdir())], capture_output=True, text=True
    )

    assert (check.returncode, check.stderr) == (0, "")
