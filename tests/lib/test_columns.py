"""Arrays to PostgreSQL and back."""

import numpy as np
import pytest
from django.db import connection
from numpy.testing import assert_array_equal
from psycopg import sql

from optiengine.lib.columns import read_columns, write_columns

pytestmark = pytest.mark.django_db

TYPES = {"a": "int8", "b": "int4", "c": "float8", "d": "bool"}


def test_what_is_written_is_read_again():
    columns = {
        "a": np.array([-(2**62), 0, 7]),
        "b": np.array([-5, 0, 2**31 - 1]),
        "c": np.array([np.nan, -0.1, np.inf]),
        "d": np.array([True, False, True]),
    }
    with connection.cursor() as cursor:
        cursor.execute("CREATE TEMPORARY TABLE t (a bigint, b int, c float8, d boolean)")
        write_columns(cursor, "t", columns, TYPES)

    read_back = read_columns(sql.SQL("SELECT * FROM t ORDER BY a"), list(TYPES))

    for name in TYPES:
        assert_array_equal(read_back[name], columns[name])
        assert read_back[name].dtype.isnative


def test_arrays_text_and_nothing_at_all():
    query = sql.SQL(
        "SELECT ARRAY[x, 'NaN']::float8[] AS pair, nullif('t' || x, 't2') AS word"
        " FROM generate_series(1, %s) x"
    )

    columns = read_columns(query, ["pair", "word"], [2])
    nothing = read_columns(query, ["pair", "word"], [0])

    assert_array_equal(columns["pair"], [[1, np.nan], [2, np.nan]])
    assert columns["word"].tolist() == ["t1", None]
    assert len(nothing["pair"]) == len(nothing["word"]) == 0


def test_a_number_that_is_null_is_refused():
    query = sql.SQL("SELECT nullif(x, 2) AS x FROM generate_series(1, 3) x")

    with pytest.raises(ValueError, match="a column of numbers holds NULL"):
        read_columns(query, ["x"])
