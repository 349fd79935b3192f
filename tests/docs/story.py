"""The blocks of a page, run from top to bottom as its reader would: see CONTRIBUTING.md."""

import contextlib
import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connection

from campaigns.message_variables import VARIABLES
from optiengine.docs.markdown import Block, Document
from optiengine.docs.references import FILE_NAME, RUN, SHELLS
from optiengine.lib.text_template import read_text

SERVER = "https://engage.example.com"
ANYTHING = "…"
LONGEST = 120  # seconds that one block may take


def runnable(document: Document) -> list[Block]:
    """The blocks that a test runs or compares; pages without any have no story."""
    return [block for block in document.blocks() if _does_something(block)]


def _does_something(block: Block) -> bool:
    if block.argument.startswith("not-run:"):
        return False
    return block.language in RUN or bool(block.argument)


class Story:
    """One page: a folder, a server, what the last block printed, and the names Python made."""

    def __init__(self, folder: Path, server: str, token: str) -> None:
        self.folder, self.server = folder, server
        self.output = ""
        self.names: dict[str, Any] = {}
        self.environment = {
            **os.environ,
            "DATABASE_URL": database_url(),
            "DATA_DIR": str(folder / "var"),
            "TOKEN": token,
        }
        # Of the browser tests, in the same process; `manage.py check --deploy` refuses it.
        self.environment.pop("DJANGO_ALLOW_ASYNC_UNSAFE", None)
        for name in ("manage.py", "Makefile"):
            (folder / name).symlink_to(settings.BASE_DIR / name)
        (folder / ".venv").symlink_to(sys.prefix)

    def run(self, block: Block) -> None:
        """Raises AssertionError when the block does not do what the page says."""
        if block.argument == "output":
            self._compare(block)
        elif FILE_NAME.fullmatch(block.argument):
            (self.folder / block.argument).write_text(block.text, encoding="utf-8")
        elif block.language in SHELLS:
            self.output = self._shell(block.text)
        elif block.language == "env":
            self._start_with(block.text)
        elif block.language == "python":
            self.output = self._python(block.text)
        elif block.language == "liquid":
            read_text(block.text, VARIABLES)

    def _shell(self, text: str) -> str:
        text = text.replace(SERVER, self.server)
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", text],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=LONGEST,
            check=False,
        )
        assert done.returncode == 0, f"{text}\n{done.stdout}\n{done.stderr}"
        return done.stdout.replace(self.server, SERVER)

    def _start_with(self, text: str) -> None:
        """The settings take these values, and what is checked before a start finds no fault."""
        values = dict(line.split("=", 1) for line in text.split("\n") if line)
        kept = {name: self.environment[name] for name in ("DATABASE_URL", "DATA_DIR")}
        command = [sys.executable, "manage.py", "check"]
        if values.get("DEBUG") == "false":
            command += ["--deploy"]
        done = subprocess.run(
            command,
            cwd=self.folder,
            env=self.environment | values | kept,
            capture_output=True,
            text=True,
            timeout=LONGEST,
            check=False,
        )
        assert done.returncode == 0, done.stderr

    def _python(self, text: str) -> str:
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed), contextlib.chdir(self.folder):
            exec(compile(text, "example", "exec"), self.names)  # noqa: S102
        return printed.getvalue()

    def _compare(self, block: Block) -> None:
        if block.language == "json":
            assert_holds(json.loads(block.text), read_json(self.output))
        else:
            assert re.fullmatch(as_pattern(block.text), self.output.strip()), (
                f"expected:\n{block.text}\nprinted:\n{self.output}"
            )


def as_pattern(text: str) -> str:
    """A line that is only … stands for any lines, a … in a line for any text of that line."""
    lines = [
        r"(?:.*\n)*?"
        if line.strip() == ANYTHING
        else ".*".join(re.escape(part) for part in line.rstrip().split(ANYTHING)) + r" *(?:\n|\Z)"
        for line in text.strip().splitlines()
    ]
    pattern = "".join(lines)
    return pattern + ".*" if text.strip().endswith(f"\n{ANYTHING}") else pattern


def read_json(output: str) -> Any:
    """All that was printed, or its last line: there a command's `--json` puts its figures."""
    try:
        return json.loads(output)
    except ValueError:
        return json.loads(output.strip().splitlines()[-1])


def assert_holds(shown: Any, printed: Any, where: str = "") -> None:
    """Everything shown is in what was printed; "…" stands for any value, or for further items."""
    if shown == ANYTHING:
        return
    if isinstance(shown, dict) and isinstance(printed, dict):
        for name, value in shown.items():
            assert name in printed, f"{where}: there is no {name} in {printed}"
            assert_holds(value, printed[name], f"{where}/{name}")
    elif isinstance(shown, list) and isinstance(printed, list):
        is_open = shown[-1:] == [ANYTHING]
        items = shown[:-1] if is_open else shown
        assert len(items) <= len(printed) if is_open else len(items) == len(printed), where
        for number, (item, actual) in enumerate(zip(items, printed, strict=False)):
            assert_holds(item, actual, f"{where}/{number}")
    else:
        assert shown == printed, where


def database_url() -> str:
    """Of the test's database, for processes that the test starts."""
    database = connection.settings_dict
    host = database["OPTIONS"].get("host", "")
    login = f"{database['USER']}:{database['PASSWORD']}"
    port = f":{database['PORT']}" if database["PORT"] else ""
    url = f"postgresql://{login}@{database['HOST']}{port}/{database['NAME']}"
    return f"{url}?host={host}" if host else url
