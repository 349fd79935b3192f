"""What every test may count on."""

from itertools import count
from zlib import crc32

import pytest
from django.db import connection
from django.utils import translation

from tests import factories

# A table starts a little further on than another one, so that an id of one is no id of the other.
START_IDS = """
SELECT setval(oid::regclass, %s + ('x' || left(md5(relname), 4))::bit(16)::int %% 1000 + 1)
FROM pg_class WHERE relkind = 'S' AND relnamespace = 'public'::regnamespace
"""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The slow modules first: at the end no processor waits for a long one.

    Coverage leaves them out: to trace every line of a simulation would double its time.
    """
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    for item in items:
        if item.get_closest_marker("slow"):
            item.add_marker("no_cover")
    items.sort(key=lambda item: item.path not in slow)


@pytest.fixture(autouse=True)
def _english():
    """A request in Portuguese leaves its language behind in the thread: the next test shall not."""
    with translation.override("en"):
        yield


@pytest.fixture(autouse=True)
def _same_ids_in_any_order(request, monkeypatch):
    """Draws are hashes of ids, and which tests ran before is chance: each has ids of its own.

    They differ from test to test, because the process remembers rows by their ids.
    """
    monkeypatch.setattr(factories, "_numbers", count(1))
    if "db" in request.fixturenames or request.node.get_closest_marker("django_db"):
        request.getfixturevalue("db")
        index = crc32(f"{request.path.name} {request.node.name}".encode()) % 2**20
        with connection.cursor() as cursor:
            cursor.execute(START_IDS, [2000 * index])
