"""Columns between PostgreSQL and numpy, without a Python object per value.

Reading: each column comes as one array in PostgreSQL's binary format, whose elements numpy takes as
they lie. Writing: COPY in its binary format, where each row of fixed-width types takes the same
number of bytes. Both need numbers that are not NULL; COALESCE to NaN what is unknown.
Source: PostgreSQL documentation, COPY, "Binary Format"; array_send in its source.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import psycopg
from django.db import connection
from numpy.typing import NDArray
from psycopg import postgres, sql
from psycopg.abc import Buffer
from psycopg.adapt import Loader
from psycopg.pq import Format

TYPES = {"int8": ">i8", "int4": ">i4", "float8": ">f8", "bool": "?"}  # big-endian on the wire
COPY_HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)  # no flags, no extension
COPY_TRAILER = b"\xff\xff"


def read_columns(
    query: sql.Composable,
    names: Sequence[str],
    params: Sequence[Any] | Mapping[str, Any] = (),
    *,
    is_frequent: bool = False,
) -> dict[str, NDArray[Any]]:
    """The columns of a query by name, in the order of its rows: (n,), or (n, d) of arrays.

    names : of its columns that are wanted. Numbers and truth values come in native byte order;
    text comes as objects, None where NULL. Raises ValueError where a number is NULL.
    is_frequent : of a text that comes again and again; the server keeps its plan.
    """
    columns = [
        sql.SQL("coalesce(array_agg({name}), '{{}}') AS {name}").format(name=sql.Identifier(name))
        for name in names
    ]
    whole = sql.SQL("SELECT {} FROM ({}) AS q").format(sql.SQL(", ").join(columns), query)
    connection.ensure_connection()
    with (
        connection.wrap_database_errors,
        psycopg.Cursor(connection.connection) as cursor,
    ):
        for array_oid, loader in LOADERS.items():
            cursor.adapters.register_loader(array_oid, loader)
        row = cursor.execute(whole, params or None, binary=True, prepare=is_frequent).fetchone()
    return {
        name: values if isinstance(values, np.ndarray) else np.array(values, object)
        for name, values in zip(names, row or (), strict=True)
    }


def write_columns(
    cursor: Any, table: str, columns: Mapping[str, NDArray[Any]], types: Mapping[str, str]
) -> None:
    """Append arrays of one length (n,) to a table. types : its columns, each one of TYPES."""
    fields: list[tuple[str, str]] = [("number of fields", ">i2")]
    for name, kind in types.items():
        fields += [(f"size of {name}", ">i4"), (name, TYPES[kind])]
    record = np.dtype(fields)
    rows = np.empty(len(columns[next(iter(types))]), record)
    rows["number of fields"] = len(types)
    for name in types:
        rows[f"size of {name}"] = record[name].itemsize
        rows[name] = columns[name]
    statement = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT BINARY)").format(
        sql.Identifier(table), sql.SQL(", ").join(map(sql.Identifier, types))
    )
    with cursor.copy(statement) as copy:
        copy.write(COPY_HEADER + rows.tobytes() + COPY_TRAILER)


class _NumberArrayLoader(Loader):
    """An array of fixed-width elements: a header, then each element behind its length."""

    format = Format.BINARY
    element: str

    def load(self, data: Buffer) -> NDArray[Any]:
        n_dimensions, has_null = np.frombuffer(data, ">i4", 2)
        if has_null:
            raise ValueError("a column of numbers holds NULL")
        if not n_dimensions:
            return np.empty(0, np.dtype(self.element).newbyteorder("="))
        shape = np.frombuffer(data, ">i4", 2 * n_dimensions, offset=12)[::2]
        record = np.dtype([("size", ">i4"), ("value", self.element)])
        elements = np.frombuffer(data, record, offset=12 + 8 * n_dimensions)["value"]
        return elements.astype(elements.dtype.newbyteorder("=")).reshape(shape)


LOADERS = {
    postgres.types[kind].array_oid: type(
        f"{kind}ArrayLoader", (_NumberArrayLoader,), {"element": element}
    )
    for kind, element in TYPES.items()
}
