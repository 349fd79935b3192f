"""Monthly partitions of the large tables, made ahead of the rows that need them."""

from datetime import date, timedelta

from django.db import connection
from django.db.backends.utils import CursorWrapper


def month_start(day: date) -> date:
    return day.replace(day=1)


def next_month(day: date) -> date:
    return month_start(day.replace(day=28) + timedelta(days=4))


def ensure_partitions(table: str, first: date, last: date) -> None:
    """Make the monthly partitions of `table` that hold `first` to `last`, both included.

    Months are in UTC. Workers may ask at once: an advisory lock makes one wait for the other.
    Attaching a finished table, unlike creating a partition, leaves readers and writers running.
    """
    with connection.cursor() as cursor:
        month = month_start(first)
        while month <= last:
            name = f"{table}_{month:%Y_%m}"
            if not _is_attached(cursor, name):
                _attach_month(cursor, table, name, month)
            month = next_month(month)


def _is_attached(cursor: CursorWrapper, name: str) -> bool:
    """A table that is not attached: its creator was killed before attaching it."""
    cursor.execute(
        "SELECT EXISTS (SELECT FROM pg_inherits WHERE inhrelid = to_regclass(%s))", [name]
    )
    return cursor.fetchone() == (True,)


def _attach_month(cursor: CursorWrapper, table: str, name: str, month: date) -> None:
    cursor.execute("SELECT pg_advisory_lock(hashtext(%s))", [name])
    try:
        if not _is_attached(cursor, name):
            cursor.execute(
                f'CREATE TABLE IF NOT EXISTS "{name}" '
                f'(LIKE "{table}" INCLUDING DEFAULTS INCLUDING CONSTRAINTS)'
            )
            cursor.execute(
                f'ALTER TABLE "{table}" ATTACH PARTITION "{name}" '
                f"FOR VALUES FROM ('{month} 00:00+00') TO ('{next_month(month)} 00:00+00')"
            )
    finally:
        cursor.execute("SELECT pg_advisory_unlock(hashtext(%s))", [name])


def partition_by_month(
    table: str, column: str, *, unique: list[list[str]], indexes: list[str]
) -> str:
    """SQL that makes an empty table, as Django created it, a partitioned one.

    column : date or timestamptz that says the month. unique : the table's unique keys in addition
    to its `id`; every key gets `column` added where it lacks it, as PostgreSQL requires of
    partitions.
    indexes : what follows the table's name in CREATE INDEX.

    Columns, defaults and checks are kept. References to other tables are left to the writers,
    which take their ids by a join: a trigger per row would cost bulk loads more than it saves.
    """
    keys = [[*key, column] if column not in key else key for key in unique]
    statements = [
        f'ALTER TABLE "{table}" RENAME TO "{table}_template"',
        f'CREATE TABLE "{table}" (LIKE "{table}_template" INCLUDING DEFAULTS INCLUDING IDENTITY '
        f'INCLUDING CONSTRAINTS) PARTITION BY RANGE ("{column}")',
        f'DROP TABLE "{table}_template"',
        f'ALTER TABLE "{table}" ADD PRIMARY KEY (id, "{column}")',
        *(f'ALTER TABLE "{table}" ADD UNIQUE ({", ".join(key)})' for key in keys),
        *(f'CREATE INDEX ON "{table}" {index}' for index in indexes),
    ]
    return ";\n".join(statements)
