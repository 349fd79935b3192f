"""The scripts of the admin that have logic, tested by Node.js where there is one."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

FILES = sorted((Path(__file__).parent / "js").glob("*.test.js"))
OLDEST = 18  # what Debian 12 has


@pytest.fixture(scope="module")
def node() -> str:
    node = shutil.which("node")
    if node is None:
        pytest.skip("no Node.js: install it to test the scripts of the admin")
    version = subprocess.run([node, "--version"], capture_output=True, text=True, check=True).stdout
    if int(re.findall(r"\d+", version)[0]) < OLDEST:
        pytest.skip(f"Node.js {version.strip()} is too old: {OLDEST} is needed")
    return node


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name.removesuffix(".test.js"))
def test_script(node, path):
    done = subprocess.run([node, "--test", path], capture_output=True, text=True, timeout=120)

    assert done.returncode == 0, done.stdout + done.stderr
