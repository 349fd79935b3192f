from datetime import date

import pytest
from django.db import connection

from optiengine.lib.partitions import ensure_partitions

TABLE, MONTH = "segments_event", date(2031, 5, 1)
NAME = f"{TABLE}_2031_05"


def is_attached() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT relispartition FROM pg_class WHERE relname = %s", [NAME])
        return cursor.fetchone() == (True,)


@pytest.mark.django_db
def test_a_partition_is_made_once():
    for _ in range(2):
        ensure_partitions(TABLE, MONTH, MONTH)

        assert is_attached()


@pytest.mark.django_db
def test_a_table_whose_maker_was_killed_before_it_was_attached_is_attached_later():
    with connection.cursor() as cursor:
        cursor.execute(
            f"CREATE TABLE {NAME} (LIKE {TABLE} INCLUDING DEFAULTS INCLUDING CONSTRAINTS)"
        )
    assert not is_attached()

    ensure_partitions(TABLE, MONTH, MONTH)

    assert is_attached()
