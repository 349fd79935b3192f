"""The weekly attempt: from measured contacts to a split, its log, its honest later estimate."""

from datetime import timedelta
from io import StringIO

import numpy as np
import pytest
from django.contrib.auth.models import Permission, User
from django.core.management import call_command

from campaigns.models import Arm, ArmMembership, ArmPlan
from journeys.errors import StaleState
from journeys.learning.fit_uplift import fit_uplift
from journeys.learning.numerics.uplift import UpliftModel
from journeys.learning.split_evidence import evidence_of
from journeys.learning.split_segments import is_due, split_segments
from journeys.merges.merge_customers import merge_customers
from journeys.models import Contact, Outcome, SplitAttempt, SplitProof, UpliftModelVersion
from optiengine.lib.partitions import ensure_partitions
from segments.models import CustomerState, MicroSegment, SegmentSplit
from segments.state.build_state import build_state
from tests.factories import DAY, NOW, make_action, make_campaign, make_contact
from tests.journeys.engine import make_customers, make_order
from tests.segments.stories import days_before, event, store

pytestmark = [pytest.mark.django_db, pytest.mark.slow]

WEEK = timedelta(days=7)
N = 240


@pytest.fixture
def customers():
    """All new, with one order alike; every other one clicked."""
    people = make_customers(N)
    store(*(event(customer, "click", days_before(2)) for customer in people[1::2]))
    for customer in people:
        make_order(customer, on=DAY - timedelta(days=2))
    ensure_partitions("journeys_outcome", DAY, DAY + 5 * WEEK)
    return people


@pytest.fixture
def action():
    return make_action(make_campaign(control_share=0.5))


def contact_all(customers, action, *, on, works=True, seed=0):
    """Every customer contacted on a day and measured on it: worth 1,000 to those who clicked."""
    rng = np.random.default_rng(seed)
    build_state(on)
    for number, customer in enumerate(customers):
        is_control = bool(rng.random() < 0.5)
        contact = make_contact(customer, action, as_of=on, is_control=is_control)
        worth = 1_000 * (works and not is_control and number % 2)
        Outcome.objects.create(
            contact=contact,
            as_of=on,
            measured_on=on,
            n_responses=0,
            margin_cents=0,
            clv_change_cents=0,
            value_cents=worth + float(rng.normal(0, 200)),
        )


def test_a_difference_is_found_logged_and_holds_from_the_next_day(customers, action):
    contact_all(customers, action, on=DAY)

    tried = split_segments(DAY)

    (split,) = tried.splits
    attempt = SplitAttempt.objects.get(result="split")
    assert attempt.statistic > attempt.critical
    assert (attempt.n_contacts, attempt.week) == (N, 1)
    assert attempt.feature == split.feature
    at_first = evidence_of(SplitProof.objects.get()).found
    assert abs(abs(at_first.cents) - 1_000) < 4 * at_first.error
    build_state(DAY + timedelta(days=1))
    states = CustomerState.objects.filter(as_of=DAY + timedelta(days=1), customer__in=customers)
    by_segment = {}
    for state in states:
        by_segment.setdefault(state.micro_segment_id, set()).add(state.customer_id)
    assert set(by_segment) == {split.below_id, split.above_id}
    assert set(map(len, by_segment.values())) == {N // 2}


def test_what_came_later_is_estimated_apart(customers, action):
    contact_all(customers, action, on=DAY)
    split_segments(DAY)
    contact_all(customers, action, on=DAY + WEEK, works=False, seed=1)

    split_segments(DAY + WEEK)

    evidence = evidence_of(SplitProof.objects.get())
    assert abs(evidence.found.cents) > 500
    assert abs(evidence.later.cents) < 4 * evidence.later.error < 500
    assert SplitProof.objects.get().n_later == N


def test_without_a_difference_the_look_is_logged_and_the_week_is_over(customers, action):
    contact_all(customers, action, on=DAY, works=False)

    tried = split_segments(DAY)

    assert tried.splits == []
    assert tried.count("nothing") == 1
    assert tried.count("waiting") == len(tried.attempts) - 1  # of stages that nobody is in
    assert not is_due(DAY + timedelta(days=6))
    assert split_segments(DAY).attempts == []
    assert is_due(DAY + WEEK)


def test_few_contacts_wait_and_are_seen_with_the_next_ones(customers, action):
    contact_all(customers[:60], action, on=DAY)
    assert split_segments(DAY).count("waiting") == len(SplitAttempt.objects.all())
    contact_all(customers[60:], action, on=DAY + WEEK)

    split_segments(DAY + WEEK)

    assert SplitAttempt.objects.exclude(result="waiting").get().n_contacts == N


def test_what_is_no_evidence_is_not_looked_at(customers, action):
    contact_all(customers, action, on=DAY)
    plan = ArmPlan.objects.create(starts_on=DAY)
    for customer, arm in zip(customers[:2], (Arm.HOLDOUT, Arm.OPTIMISED), strict=True):
        ArmMembership.objects.create(plan=plan, customer=customer, arm=arm, since=DAY)
    merge_customers(*customers[:2], at=NOW, by=None)

    tried = split_segments(DAY)

    assert sum(attempt.n_contacts for attempt in tried.attempts) == len(customers) - 2


def test_frozen_segments_are_not_split(customers, action):
    contact_all(customers, action, on=DAY)
    MicroSegment.objects.update(is_frozen=True)

    assert split_segments(DAY).attempts == []


def test_the_learner_counts_old_contacts_for_the_leaves_of_now(customers, action):
    contact_all(customers, action, on=DAY)
    fit_uplift(DAY)
    (split,) = split_segments(DAY).splits
    leaves = {split.below_id, split.above_id}
    assert not leaves & known_segments()
    build_state(DAY + timedelta(days=1))
    fit_uplift(DAY + timedelta(days=1))

    assert leaves == known_segments()


def known_segments():
    version = UpliftModelVersion.objects.latest("pk")
    return set(UpliftModel.from_bytes(bytes(version.payload)).segment_ids_.tolist())


def test_without_the_days_state_nothing_is_tried(db):
    with pytest.raises(StaleState, match="2026-03-01"):
        split_segments(DAY)


def test_the_command_says_what_was_split(customers, action):
    contact_all(customers, action, on=DAY)
    out = StringIO()

    call_command("split_segments", "--as-of", str(DAY), stdout=out)

    printed = dict(line.split(maxsplit=1) for line in out.getvalue().splitlines())
    assert printed["split"] == "1"
    assert ">" in printed["splits"]


def test_undoing_asks_for_its_own_permission(customers, action, client, admin_client):
    contact_all(customers, action, on=DAY)
    split_segments(DAY)
    split = SegmentSplit.objects.get()
    page = "/admin/segments/segmentsplit/"
    assert admin_client.get(f"{page}{split.pk}/change/").status_code == 200
    user = User.objects.create_user("viewer", password="x", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename="view_segmentsplit"))
    client.login(username="viewer", password="x")
    data = {"action": "undo", "_selected_action": [split.pk]}

    client.post(page, data)
    split.refresh_from_db()
    assert split.ended_on is None
    admin_client.post(page, data)

    split.refresh_from_db()
    assert split.end == "undone"
    assert Contact.objects.count() == N
