"""Changes of consent from before statements were stored: kept as statements, with what is known."""

from datetime import timedelta
from importlib import import_module

import pytest
from django.db import connection

from segments.customers.read_statements import statements_of
from segments.models import ConsentStatement
from segments.models.consent import ConsentSource
from tests.factories import NOW, make_customer

migration = import_module("segments.migrations.0024_statements_from_changes")
DAY = timedelta(days=1)

STORIES = [  # changes (day, before, after, source), what was allowed; and what then is
    ([(0, [], ["email", "sms"], "file")], ["email", "sms"], ["email", "sms"]),
    ([(0, [], ["email"], "file"), (1, ["email"], [], "unsubscribe link")], [], []),
    # Brought back by the nightly file: withdrawn again.
    (
        [(0, [], ["email", "sms"], "file"), (1, ["email", "sms"], ["sms"], "unsubscribe link"),
         (2, ["sms"], ["email", "sms"], "file")],
        ["email", "sms"],
        ["sms"],
    ),
    (
        [(0, ["email"], [], "anymail: complaint"), (1, [], ["email"], "crm (API: shop)")],
        ["email"],
        [],
    ),
    # By the customer, and by a person who put their name to it: they stay.
    (
        [(0, ["email"], [], "unsubscribe link"), (1, [], ["email"], "preference page")],
        ["email"],
        ["email"],
    ),
    ([(0, ["email"], [], "call list"), (1, [], ["email"], "admin: eva")], ["email"], ["email"]),
    # Nothing is known of how it came about.
    ([], ["email"], ["email"]),
    # A late report of an earlier withdrawal: closed stays closed.
    ([(5, [], ["email"], "file"), (3, ["email"], [], "shop: unsubscribe (API: x)")], [], []),
    ([(5, [], ["email"], "file"), (3, ["email"], [], "nightly")], [], []),
]  # fmt: skip


@pytest.fixture
def old_table(db):
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE TABLE segments_consentchange (id bigserial, customer_id bigint, "
            '"before" varchar[], "after" varchar[], changed_at timestamptz, source varchar(100))'
        )


@pytest.mark.usefixtures("old_table")
def test_what_holds_follows_from_what_was_said():
    customers = []
    with connection.cursor() as cursor:
        for changes, allowed, _then in STORIES:
            customers.append(make_customer(consents=allowed))
            for day, before, after, source in changes:
                cursor.execute(
                    'INSERT INTO segments_consentchange (customer_id, "before", "after", '
                    "changed_at, source) VALUES (%s, %s, %s, %s, %s)",
                    [customers[-1].pk, before, after, NOW + day * DAY, source],
                )
    declining = make_customer(consents=[], topics_declined=[7, 9])

    with connection.schema_editor() as editor:
        migration.store_statements(None, editor)

    for customer, (_changes, _allowed, then) in zip(customers, STORIES, strict=True):
        customer.refresh_from_db()
        assert customer.consents == then
    first = statements_of(customers[2])
    assert [each.kind for each in first[:2]] == [ConsentSource.FILE, ConsentSource.UNSUBSCRIBE_PAGE]
    assert [each.said_at for each in first[:2]] == [NOW + 2 * DAY, NOW + DAY]
    topics = ConsentStatement.objects.filter(customer=declining, by_customer=True, says_yes=False)
    assert sorted(topics.values_list("topic", flat=True)) == [7, 9]
