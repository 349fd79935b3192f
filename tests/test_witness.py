"""What the code of another day decided stays as it was: migrated, replayed, explained by today's.

The database was made once (tests/fixtures/README.md) and never changes. A change that fails here
has changed a decision, or lost something that an installation has stored.
"""

from datetime import timedelta

import pytest
from django.core.management import call_command
from django.db import connection, transaction

from journeys.decision_version import DECISION_VERSION
from journeys.explain.explain_decision import explain_decision
from journeys.explain.replay_run import replay_live, replay_run
from journeys.models import Decision, DecisionRun, Delivery
from reports.ledger_check.check_ledger import check_ledger, default_since
from reports.ledger_check.rule_names import (
    CAP,
    CONSENT,
    COOL_DOWN,
    EXCLUSION,
    GAP,
    GLOBAL_CONTROL,
    LINKS,
    SEND_STEP,
)
from segments.customers.read_statements import holdings_of, statements_of
from segments.models import Customer
from tests.witness import migrate, restored_database

pytestmark = pytest.mark.long

# What migrations and Django itself write; nobody's data is in it.
OWN_TABLES = {"auth_permission", "django_content_type", "django_migrations"}
# Changes of consent became statements about it: see the test of those.
OWN_TABLES |= {"segments_consentchange"}


@pytest.fixture(scope="module")
def witness(django_db_setup, django_db_blocker):
    """What the old code said of its database, to which the connection is, as migrated today."""
    with django_db_blocker.unblock(), restored_database() as expected:
        migrate()
        yield expected


def replayed(run):
    return (replay_live if run.kind == DecisionRun.Kind.LIVE else replay_run)(run)


def reason_of(delivery):
    """Why a delivery is where it is, as anybody reads it."""
    return delivery.reason_text


def test_every_row_is_still_there(witness):
    with connection.cursor() as cursor:
        for table, n_rows in witness["rows"].items():
            if table not in OWN_TABLES:
                cursor.execute(f'SELECT count(*) FROM "{table}"')
                assert cursor.fetchone() == (n_rows,), table


def test_every_run_replays_without_a_difference(witness):
    n_decisions = {}
    for run in DecisionRun.objects.select_related("state").order_by("pk"):
        result = replayed(run)
        # Limits go by the customer's time zone: erased with the customer, it cannot be read again.
        erased = set(witness["runs"][str(run.pk)]["erased_differing"])
        assert not set(result.differing) - erased, run
        assert not result.missing, run
        n_decisions[str(run.pk)] = result.n_decisions

    assert n_decisions == {pk: run["n_decisions"] for pk, run in witness["runs"].items()}


def test_consents_hold_as_they_did_by_what_was_said(witness):
    n_statements = 0
    for customer in Customer.objects.filter(erased_at=None):
        statements = statements_of(customer)
        n_statements += len(statements)
        holdings = holdings_of(statements)
        allowed = [channel for (channel, topic), h in holdings.items() if h.allowed and not topic]
        assert sorted(allowed) == sorted(customer.consents), customer
    assert n_statements >= witness["rows"]["segments_consentchange"] / 2


def test_runs_from_before_there_were_versions_are_of_the_first(witness):
    assert set(DecisionRun.objects.values_list("decision_version", flat=True)) == {1}


PLANTED = {
    "a feature": """
        UPDATE segments_customerstate SET features[1] = coalesce(features[1], 0) + 5
        WHERE customer_id = %(customer)s AND as_of = %(as_of)s
    """,
    "a probability": """
        UPDATE journeys_decision SET assignment_prob = assignment_prob * 0.99
        WHERE id = %(decision)s AND as_of = %(as_of)s
    """,
    "what was got before": """
        UPDATE journeys_contact SET reserved_at = reserved_at - interval '90 days'
        WHERE customer_id = %(held)s AND as_of < %(as_of)s
    """,
}


@pytest.mark.parametrize("what", PLANTED)
def test_a_planted_change_is_found(witness, what):
    run = DecisionRun.objects.filter(kind=DecisionRun.Kind.DAILY).latest("as_of")
    chosen = run.decisions.filter(layer=Decision.Layer.AUTO).exclude(campaign=None).earliest("pk")
    held = held_by_a_gap(run)
    ids = {"decision": chosen.pk, "customer": chosen.customer_id, "held": held, "as_of": run.as_of}
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(PLANTED[what], ids)
            assert cursor.rowcount
        differing = replayed(run).differing
        transaction.set_rollback(True)

    assert (held if what == "what was got before" else chosen.customer_id) in differing
    assert len(differing) < 20


def held_by_a_gap(run):
    """A customer whom a minimum gap held back from something that day."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT customer_id FROM journeys_decision d, unnest(verdicts) v"
            " WHERE run_id = %s AND as_of = %s AND v / 1000 = 5 ORDER BY 1 LIMIT 1",
            [run.pk, run.as_of],
        )
        return cursor.fetchone()[0]


def test_decisions_of_every_sort_are_explained(witness):
    """Sent, control and none, by every layer, and held back by every verdict there was."""
    for pk, campaign, action in witness["explanations"]:
        decision = Decision.objects.select_related("run", "customer").get(pk=pk)
        explanation = explain_decision(decision)
        assert explanation.is_recomputed, pk
        assert explanation.agrees, pk
        assert explanation.summary.endswith((".", "%")), explanation.summary
        assert all(option.verdict for option in explanation.options), pk
        if decision.campaign_id:
            chosen = explanation.chosen
            assert (chosen.campaign, chosen.action) == (campaign, action)


def test_decisions_of_another_version_are_explained_by_what_was_stored(witness):
    with transaction.atomic():
        DecisionRun.objects.update(decision_version=DECISION_VERSION + 1)
        for pk, campaign, action in witness["explanations"]:
            decision = Decision.objects.select_related("customer").get(pk=pk)
            explanation = explain_decision(decision)
            assert "version" in explanation.not_recomputed, pk
            assert explanation.summary, pk
            assert explanation.features, pk
            assert all(option.verdict for option in explanation.options), pk
            assert explanation.chosen.prob == decision.assignment_prob, pk
            if decision.campaign_id:
                chosen = explanation.chosen
                assert (chosen.campaign, chosen.action) == (campaign, action)
                assert chosen.response_prob == decision.response_prob
        transaction.set_rollback(True)


def test_why_a_message_did_not_leave_still_reads_as_a_sentence(witness):
    reasons = {delivery.pk: reason_of(delivery) for delivery in Delivery.objects.all()}
    stored = {pk: reason for reason, pks in witness["reasons"].items() for pk in pks}

    assert {pk for pk, reason in reasons.items() if reason} == set(stored)
    assert {pk: reasons[pk] for pk in stored} == stored


def test_the_ledger_check_finds_no_fault(witness):
    """Since the rules were changed for the last time: it knows those of today only."""
    newest = Delivery.objects.exclude(attempted_at=None).latest("attempted_at").attempted_at
    since = default_since(newest)
    assert newest - since < timedelta(days=4)
    findings = check_ledger(since, newest)

    assert {f.name: f.violations for f in findings if f.n_violated} == {}
    mattered = {f.rule for f in findings if f.n_checked and f.n_tested}
    assert mattered >= {CAP, GAP, EXCLUSION, COOL_DOWN, CONSENT, GLOBAL_CONTROL, LINKS, SEND_STEP}


def test_models_and_migrations_agree(witness):
    call_command("makemigrations", check=True, dry_run=True, verbosity=0)
