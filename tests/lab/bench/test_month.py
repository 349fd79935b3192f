"""A few days of the month, lived by the whole engine, and a checker that is put to the test itself.

On the last day the engine has lost its limits: the days before must be without fault, and this one
must be seen through. Then single facts are planted, and each must be found.
"""

import json
import shutil
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection, transaction

from optiengine.lab.bench.database import own_database
from optiengine.lab.bench.month.bench import figures, live_month
from optiengine.lab.bench.month.check import check_month
from optiengine.lab.bench.month.conductor import HOUR, Extent
from optiengine.lab.bench.month.witnesses import load_evidence
from reports.ledger_check.check_ledger import table
from reports.ledger_check.evidence import moment

pytestmark = pytest.mark.slow

EXTENT = Extent(
    n_customers=300, n_days=4, tick_hours=3, drain_days=1, delivery_kills=(0,),
    sabotage="tests.lab.bench.spoilt.SpoiltEngine",
)  # fmt: skip


@pytest.fixture(scope="module")
def month(tmp_path_factory, django_db_setup, django_db_blocker):
    """The folder of records and journal; the connection is to the month's own database."""
    folder = tmp_path_factory.mktemp("month")
    with django_db_blocker.unblock(), own_database() as database:
        live_month(database, folder, extent=EXTENT)
        yield folder


@pytest.fixture(scope="module")
def findings(month):
    return check_month(month)


@pytest.fixture(scope="module")
def spoilt_at(month):
    [note] = load_evidence(month).noted("sabotage")
    return moment(note["at"])


def violated(findings, before=None, since=None):
    """Rules with a violation in a span of time."""
    return {
        finding.name
        for finding in findings
        if any(
            (not before or at < before) and (not since or at >= since)
            for at, _text in finding.violations
        )
    }


def test_nothing_is_violated_while_the_engine_is_whole(findings, spoilt_at):
    assert not violated(findings, before=spoilt_at), "\n".join(table(findings))


def test_nobody_had_to_catch_what_the_engine_did_not_foresee(month):
    log = (month / "engine.log").read_text()
    assert "Traceback" not in log, log


def test_what_was_checked_also_mattered(findings):
    """A rule that never held anything back would be kept by any engine."""
    mattered = {finding.name for finding in findings if finding.n_tested}
    assert mattered >= {
        "frequency cap “Three in seven days”",
        "frequency cap “An e-mail a day”",
        "frequency cap “A price offer a week”",
        "frequency cap “A call in 60 hours”",
        "frequency cap “Never”",
        "minimum gap “A day less an hour”",
        "minimum gap “Between texts”",
        "exclusion “Price and season”",
        "exclusion “Gift, then no price”",
        "cool-down of “Loyalty points”",
        "quiet hours “Nights”",
        "quiet hours “Texts”",
        "quiet hours “United States”",
        "consent",
        "the global control group gets only transactional messages",
        "control gets no message",
        "a paused campaign sends nothing",
        "stopped is stopped",
        "the erased get nothing",
        "not before the lock time",
        "throttle of sms",
        "once by smtp",
        "once by http",
        "one click is enough",
        "killed at work: delivery",
        "decided = sent + failed + …",
        "participants follow the links of their journey",
        "at once means within a minute",
        "everyone enters “Abandoned cart”",
        "everyone enters “Birthday”",
        "an event is answered: order",
    }
    assert figures(findings)["month_checks"] > 10_000


def test_an_engine_without_limits_is_seen_through(findings, spoilt_at):
    kinds = {rule.split(" “")[0] for rule in violated(findings, since=spoilt_at)}
    assert kinds >= {"frequency cap", "minimum gap", "exclusion", "quiet hours"}


def copy_of(month, tmp_path):
    return shutil.copytree(month, tmp_path / "copy", ignore=shutil.ignore_patterns("data"))


def change_arrived(folder, change):
    path = folder / "arrived"
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    path.write_text("".join(json.dumps(line) + "\n" for line in change(lines)))


def some_mail(month):
    """A promotional e-mail that arrived on the second day."""
    evidence = load_evidence(month)
    day = EXTENT.start + timedelta(days=1)
    return next(
        contact
        for contact in evidence.contacts.values()
        if contact.arrived_at and contact.arrived_at.date() == day
        and contact.channel == "email" and contact.takes_slot
    )  # fmt: skip


@pytest.mark.parametrize(("by", "rule"), [("smtp", "once by smtp"), ("http", "once by http")])
def test_a_message_that_came_twice_is_found(month, spoilt_at, tmp_path, by, rule):
    folder = copy_of(month, tmp_path)

    def twice(lines):
        first = next(line for line in lines if line["by"] == by and line["what"] == "taken")
        return [*lines, first]

    change_arrived(folder, twice)

    assert rule in violated(check_month(folder), before=spoilt_at)


def test_a_message_in_quiet_hours_is_found(month, spoilt_at, tmp_path):
    folder, contact = copy_of(month, tmp_path), some_mail(month)
    zone = load_evidence(month).people[contact.customer].zones[0]
    night = datetime.combine(contact.arrived_at.date(), datetime.min.time(), zone)
    night += timedelta(hours=27)

    def at_night(lines):
        return [
            line | {"at": night.timestamp()} if line["key"] == contact.key else line
            for line in lines
        ]

    change_arrived(folder, at_night)

    violated_rules = violated(check_month(folder), before=spoilt_at)
    assert any(rule.startswith("quiet hours") for rule in violated_rules)


def test_a_message_that_never_arrived_is_found(month, spoilt_at, tmp_path):
    folder, contact = copy_of(month, tmp_path), some_mail(month)
    change_arrived(folder, lambda lines: [line for line in lines if line["key"] != contact.key])

    assert "sent has arrived, by email" in violated(check_month(folder), before=spoilt_at)


def test_a_message_nobody_decided_is_found(month, spoilt_at, tmp_path):
    folder, contact = copy_of(month, tmp_path), some_mail(month)
    stray = {"at": contact.arrived_at.timestamp(), "by": "smtp", "what": "taken",
             "key": "b5b1e2b4-0000-0000-0000-000000000000", "to": "a@example.com"}  # fmt: skip
    change_arrived(folder, lambda lines: [*lines, stray])

    assert "what arrived was decided" in violated(check_month(folder), before=spoilt_at)


def test_a_message_of_a_paused_map_is_found(month, spoilt_at, tmp_path):
    folder, evidence = copy_of(month, tmp_path), load_evidence(month)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT p.contact_id, t.map_id FROM journeys_steppassage p"
            " JOIN journeys_traveller t ON t.id = p.traveller_id WHERE p.contact_id IS NOT NULL"
        )
        sent = [(evidence.contacts[contact], journey) for contact, journey in cursor.fetchall()]
    at, journey = min(
        (message.arrived_at, journey) for message, journey in sent if message.arrived_at
    )
    pause = [{"at": (at - HOUR).timestamp(), "what": "map paused", "map": journey},
             {"at": (at + HOUR).timestamp(), "what": "map launched", "map": journey}]  # fmt: skip
    path = folder / "journal"
    path.write_text("".join(json.dumps(note) + "\n" for note in pause) + path.read_text())

    assert "a paused map sends nothing" in violated(check_month(folder), before=spoilt_at)


PLANTED = {
    "consent": """
        INSERT INTO segments_consentstatement (customer_id, channel, says_yes, said_at,
            recorded_at, kind, source, by_customer, brings_back, proof)
        SELECT %(customer)s, channel, false, %(at)s - interval '1 minute',
            %(at)s - interval '1 minute', 3, 'planted', true, false, '{}'
        FROM unnest(ARRAY['email', 'sms', 'push', 'call', 'post']) AS all_of (channel)
    """,
    "one delivery for each message": "DELETE FROM journeys_delivery WHERE contact_id = %(contact)s",
    "control gets no message": """
        UPDATE journeys_contact SET is_control = true WHERE id = %(contact)s
    """,
    "the global control group gets only transactional messages": """
        UPDATE campaigns_armmembership SET arm = 'holdout' WHERE customer_id = %(customer)s
    """,
    "arrived is sent or unknown": """
        UPDATE journeys_delivery SET status = 'suppressed', reason_code = 5
        WHERE contact_id = %(contact)s
    """,
    "not before the planned time": """
        UPDATE journeys_contact SET reserved_at = %(at)s + interval '1 hour' WHERE id = %(contact)s
    """,
    "to the right customer": """
        UPDATE segments_customer SET email = 'other@example.com' WHERE id = %(customer)s
    """,
    "one decision for each customer and run": """
        DELETE FROM journeys_decision WHERE customer_id = %(customer)s AND occasion = 0
    """,
    "participants follow the links of their journey": """
        DELETE FROM journeys_steppassage WHERE id = (
            SELECT min(p.id) FROM journeys_steppassage p JOIN journeys_steppassage q
            ON q.traveller_id = p.traveller_id AND q.id > p.id)
    """,
    "everyone enters “Abandoned cart”": """
        DELETE FROM journeys_traveller WHERE entry_key LIKE 'event:%%'
    """,
    "an event is answered: order": "DELETE FROM journeys_livedecision WHERE trigger_kind = 'order'",
}


@pytest.mark.parametrize("rule", PLANTED)
def test_what_is_planted_is_found(month, findings, spoilt_at, rule):
    contact = some_mail(month)
    facts = {"contact": contact.id, "customer": contact.customer, "at": contact.arrived_at}
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(PLANTED[rule], facts)
            assert cursor.rowcount
        after_planting = check_month(month)
        transaction.set_rollback(True)

    assert rule in violated(after_planting, before=spoilt_at)
    assert rule not in violated(findings, before=spoilt_at)


def test_moments_are_those_of_the_simulated_clock(month):
    at = [moment(line["at"]) for line in load_evidence(month).journal]
    assert datetime(2026, 3, 26, tzinfo=UTC) < at[0] < at[-1] < datetime(2026, 4, 3, tzinfo=UTC)
