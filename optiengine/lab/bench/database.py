"""A database of the benchmark's own, on the configured server."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.core.management import call_command
from django.db import connection
from psycopg import errors, sql

SUFFIX = "_bench"


class DatabaseInUse(Exception):
    """Another benchmark works in the database of that name."""


@contextmanager
def own_database() -> Iterator[str]:
    """Make an empty, migrated database, connect to it, and drop it in the end; yields its name.

    What a benchmark that was killed left behind is dropped first. Raises DatabaseInUse.
    """
    configured = connection.settings_dict["NAME"]
    name = f"{configured[: 63 - len(SUFFIX)]}{SUFFIX}"
    _drop(name)
    try:
        _execute("CREATE DATABASE {}", name)  # Ctrl-C may come once it exists, before this returns
        _connect_to(name)
        call_command("migrate", verbosity=0)
        yield name
    finally:
        _connect_to(configured)
        _drop(name, with_sessions=True)


def _connect_to(name: str) -> None:
    connection.close()
    connection.settings_dict["NAME"] = name


def _drop(name: str, *, with_sessions: bool = False) -> None:
    """with_sessions : also when someone is connected, as a worker that was just interrupted."""
    try:
        _execute("DROP DATABASE IF EXISTS {}" + (" WITH (FORCE)" if with_sessions else ""), name)
    except Exception as error:
        if isinstance(error.__cause__, errors.ObjectInUse):
            raise DatabaseInUse(f"The database “{name}” is used by another benchmark.") from None
        raise


def _execute(statement: str, name: str) -> None:
    with connection._nodb_cursor() as cursor:  # as Django's own test runner does
        cursor.execute(sql.SQL(statement).format(sql.Identifier(name)))
