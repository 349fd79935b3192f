"""Compared addresses of many rows at once: plain spellings in SQL, the others by the library.

Each other distinct spelling is read once. Memory is bounded by CHUNK and by the cache of readings.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper
from psycopg.sql import quote

from segments.addresses import KEYS, MAX_PLAIN, N_PREFIX, plain_lengths
from segments.customers.lock_persons import lock_persons
from segments.customers.suppress_addresses import mark_customers
from segments.models import Organisation
from segments.models.customer import KEY_COLUMNS

CHUNK = 20_000
ODD, SETTLED = "addresses_odd", "addresses_settled"  # temporary


def plain_key_sql(column: str, x: str) -> str:
    """SQL of an address as it is compared; NULL for one that the library has to read.

    x : SQL of what is written, '' where there is none.
    """
    return PLAIN[column].replace("{x}", x)


def _plain_phone() -> str:
    """The same table of lengths as in segments.addresses, as an array."""
    lengths = quote("{" + ",".join(map(str, plain_lengths())) + "}")
    prefix = f"substr({{x}}, 2, {N_PREFIX})::int"
    return (
        "CASE WHEN {x} = '' THEN '' "
        f"WHEN length({{x}}) <= {MAX_PLAIN} AND {{x}} COLLATE \"C\" ~ '^\\+[1-9][0-9]+$' "
        f"THEN CASE WHEN length({{x}}) > {N_PREFIX + 1} "
        f"AND ({lengths}::int[])[{prefix} + 1] >> length({{x}}) & 1 = 1 THEN {{x}} END END"
    )


PLAIN = {
    # Printable ASCII without a second @.
    "email": "CASE WHEN {x} = '' THEN '' "
    'WHEN {x} COLLATE "C" ~ \'^[!-?A-~]+@[!-?A-~]+$\' THEN lower({x} COLLATE "C") END',
    "phone": _plain_phone(),
}


def settle_rows(
    cursor: CursorWrapper, column: str, rows: str, params: Sequence[Any], *, table: str, key: str
) -> int:
    """Set the compared address of rows whose spelling is not plain; returns how many changed.

    rows : SQL whose columns are place, written and country. table, key : whose rows are set, and
    the column that `place` is of.
    """
    cursor.execute(f"DROP TABLE IF EXISTS {ODD}, {SETTLED}")
    cursor.execute(f"CREATE TEMPORARY TABLE {ODD} AS {rows}", params)
    cursor.execute(f"CREATE TEMPORARY TABLE {SETTLED} (written text, country text, key text)")
    read = KEYS[column]
    with connection.chunked_cursor() as reader:
        reader.execute(f"SELECT DISTINCT written, country FROM {ODD}")
        while spellings := reader.fetchmany(CHUNK):
            with cursor.copy(f"COPY {SETTLED} (written, country, key) FROM STDIN") as copy:
                for written, country in spellings:
                    copy.write_row((written, country, read(written, country)))
    cursor.execute(f"ANALYZE {SETTLED}")
    name = KEY_COLUMNS[column]
    cursor.execute(
        f"UPDATE {table} t SET {name} = s.key "
        f"FROM {ODD} o JOIN {SETTLED} s USING (written, country) "
        f"WHERE t.{key} = o.place AND t.{name} IS DISTINCT FROM s.key"
    )
    n_changed = cursor.rowcount
    cursor.execute(f"DROP TABLE {ODD}, {SETTLED}")
    return n_changed


@transaction.atomic
def settle_customers(where: str, params: Sequence[Any], *, at: datetime) -> int:
    """Read addresses of customers (c) again, as they are written, and set their marks.

    Returns how many compared addresses changed. The customers' rows are locked.
    """
    country = Organisation.current().phone_country
    n_changed = 0
    with connection.cursor() as cursor:
        lock_persons(f"SELECT c.id FROM segments_customer c WHERE {where}", params)
        for column, name in KEY_COLUMNS.items():
            plain = plain_key_sql(column, f"c.{column}")
            cursor.execute(
                f"UPDATE segments_customer c SET {name} = {plain} "
                f"WHERE ({where}) AND ({plain}) <> c.{name}",
                params,
            )
            n_changed += cursor.rowcount
            n_changed += settle_rows(
                cursor,
                column,
                f"SELECT c.id AS place, c.{column} AS written, "
                f"coalesce(nullif(c.country, ''), %s) AS country FROM segments_customer c "
                f"WHERE ({where}) AND ({plain}) IS NULL",
                [country, *params],
                table="segments_customer",
                key="id",
            )
        mark_customers(where, params, at=at)
    return n_changed


def settle_all(*, at: datetime, only_unsettled: bool) -> int:
    """Read addresses again, in steps of ids; only_unsettled : numbers that no country settled.

    After the organisation's country has changed, or a release knows other numbers. A number that
    was read by the country of its file is read by the organisation's, unless only unsettled
    ones are.
    """
    unsettled = " AND c.phone_key = '' AND c.phone <> ''" if only_unsettled else ""
    with connection.cursor() as cursor:
        steps = id_steps(cursor)
    return sum(
        settle_customers(f"c.id BETWEEN %s AND %s{unsettled}", [first, last], at=at)
        for first, last in steps
    )


def id_steps(cursor: CursorWrapper) -> list[tuple[int, int]]:
    """First and last id of every CHUNK customers."""
    cursor.execute(
        "SELECT min(id), max(id) FROM "
        "(SELECT id, (row_number() OVER (ORDER BY id) - 1) / %s AS step FROM segments_customer) c "
        "GROUP BY step ORDER BY step",
        [CHUNK],
    )
    return cursor.fetchall()
