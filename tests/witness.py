"""A database that the code of another day left behind, restored. See fixtures/README.md."""

import json
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.core.management import call_command
from django.db import connection
from psycopg import sql

WITNESS = Path(__file__).with_name("fixtures") / "witness.tar.xz"


@contextmanager
def restored_database() -> Iterator[dict[str, Any]]:
    """A fresh database on the test server with the witness in it, not migrated yet.

    Django's connection is to it, and to the configured one afterwards. Yields what expected.json
    says.
    """
    configured = connection.settings_dict["NAME"]
    name = f"{configured[:55]}_witness"
    _on_server("DROP DATABASE IF EXISTS {} WITH (FORCE)", name)
    _on_server("CREATE DATABASE {} TEMPLATE template0 ENCODING 'UTF8'", name)
    try:
        _connect_to(name)
        yield _restore()
    finally:
        _connect_to(configured)
        _on_server("DROP DATABASE IF EXISTS {} WITH (FORCE)", name)


def migrate() -> None:
    """Bring the restored database to today's code."""
    call_command("migrate", verbosity=0)


def _restore() -> dict[str, Any]:
    with tarfile.open(WITNESS) as packed:
        files = {member.name: _content(packed, member) for member in packed}
    expected = json.loads(files["expected.json"])
    connection.ensure_connection()
    cursor = connection.connection.cursor()
    cursor.execute(files["before.sql"])
    cursor.execute("SET search_path = public")
    for table, columns in expected["columns"].items():
        statement = sql.SQL("COPY {} ({}) FROM STDIN").format(
            sql.Identifier(table), sql.SQL(", ").join(map(sql.Identifier, columns))
        )
        with cursor.copy(statement) as copy:
            copy.write(files[f"rows/{table}"])
    cursor.execute(files["after.sql"])
    for sequence, last in expected["sequences"].items():
        cursor.execute("SELECT setval(%s, %s)", [f"public.{sequence}", last])
    cursor.execute("ANALYZE")
    connection.close()  # with whatever the script set for its session
    return expected


def _content(packed: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    file = packed.extractfile(member)
    assert file is not None
    return file.read()


def _connect_to(name: str) -> None:
    connection.close()
    connection.settings_dict["NAME"] = name


def _on_server(statement: str, name: str) -> None:
    with connection._nodb_cursor() as cursor:  # as Django's own test runner does
        cursor.execute(sql.SQL(statement).format(sql.Identifier(name)))
