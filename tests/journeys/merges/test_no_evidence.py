"""Records in two arms that are one person: what they got before the merge teaches nothing."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from django.db import transaction

from campaigns.models import Arm, ArmMembership, ArmPlan
from journeys.learning.average_values import average_values
from journeys.learning.fit_uplift import fit_uplift
from journeys.learning.follow_late_events import follow_late_events
from journeys.learning.measure_outcomes import measure_outcomes
from journeys.learning.numerics.uplift_statistics import UpliftStatistics
from journeys.learning.open_windows import open_contacts
from journeys.merges.merge_customers import merge_customers, undo_merge
from journeys.models import (
    ActionEvidence,
    Contact,
    PairEvidence,
    UpliftDay,
    UpliftModelVersion,
    UpliftTotal,
)
from optiengine.lib.partitions import ensure_partitions
from reports.services.uplift_report import uplift_report
from segments.models import Customer, MicroSegment
from segments.state.build_state import build_state
from tests.factories import DAY, make_action, make_campaign, make_contact, make_goal
from tests.journeys.engine import make_customers, make_order

pytestmark = pytest.mark.django_db
WINDOW = 7
FIELDS = ["gram", "moment", "square", "weight", "weight_squared", "n", "n_responded"]


@pytest.fixture(autouse=True)
def partitions(db):
    ensure_partitions("journeys_outcome", DAY, on(60))
    ensure_partitions("segments_event", DAY, on(60))


def on(n: int):
    return DAY + timedelta(days=n)


def at(n: int, hour: float = 12) -> datetime:
    return datetime(2026, 3, 1, tzinfo=UTC) + timedelta(days=n, hours=hour)


def put_in_arms(customers: list[Customer], arms: list[Arm]) -> None:
    plan = ArmPlan.objects.create(starts_on=on(-100))
    for customer, arm in zip(customers, arms, strict=True):
        ArmMembership.objects.create(customer=customer, plan=plan, arm=arm, since=on(-100))


def learn(day: int) -> None:
    """The morning of a day."""
    build_state(on(day))
    follow_late_events(on(day))
    measure_outcomes(on(day))
    fit_uplift(on(day))


def sums_of(rows, names: list[str], position: dict[int, int]) -> list:
    """Rows of a day's evidence, by the actions' order, since ids differ between two engines."""
    return sorted(
        [row.measured_on.toordinal(), row.micro_segment is not None]
        + [position[getattr(row, name)] for name in names if name.endswith("action_id")]
        + [getattr(row, name) for name in names if not name.endswith("action_id")]
        for row in rows
    )


def what_was_learned(actions, day: int) -> dict[str, list]:
    position = {action.pk: index for index, action in enumerate(actions)}
    totals = [np.zeros(1)] * len(actions)
    for total in UpliftTotal.objects.all():
        fade = 0.5 ** ((on(day) - total.through).days / 180)
        statistics = UpliftStatistics.from_bytes(bytes(total.statistics)).scaled(fade)
        totals[position[total.action_id]] = np.concatenate(
            [np.ravel(getattr(statistics, name)) for name in FIELDS]
        )
    counts = ["action_id", "n_test", "n_test_responders", "n_control", "n_control_responders"]
    sums = ["first_action_id", "second_action_id", "n_first", "n_second"]
    sums += ["h", "hy", "g", "gy", "g2", "g2y", "g2y2"]
    days = UpliftDay.objects.order_by("measured_on", "action")
    return {
        "totals": [total.tolist() for total in totals],
        "days": [
            [d.measured_on.toordinal(), position[d.action_id], d.n_test, d.n_control] for d in days
        ],
        "evidence": sums_of(ActionEvidence.objects.all(), counts, position),
        "pairs": sums_of(PairEvidence.objects.all(), sums, position),
        "report": [
            [group.n, group.n_open, group.responders, group.value.total, group.n_contaminated]
            for row in uplift_report(as_of=on(day), by=["campaign", "action"]).rows
            for group in (row.experiment.test, row.experiment.control)
        ],
    }


def engine_after(seed: int, *, with_contacts: bool) -> dict[str, list]:
    """Weeks of mornings in which pairs of different arms are merged, and some separated again.

    with_contacts : whether the records that are merged got messages before; the database is undone
    by the caller.
    """
    rng = np.random.default_rng(seed)
    goal = make_goal(window_days=WINDOW, value_per_event_cents=500)
    campaign = make_campaign(goal=goal, control_share=0.5)
    actions = [make_action(campaign), make_action(campaign)]
    mix = {"mix_action_ids": [a.pk for a in actions], "mix_shares": [0.5, 0.5]}
    customers = make_customers(24)
    pairs = [customers[:2], customers[2:4], customers[4:6]]
    is_merged = {customer.pk for pair in pairs for customer in pair}
    put_in_arms(customers, [Arm.HOLDOUT, Arm.OPTIMISED] * 3 + [Arm.OPTIMISED] * 18)
    for day in range(4):
        build_state(on(day))
    fit_uplift(DAY)  # the scale of features is that of the first day
    for number, customer in enumerate(customers):
        day, is_control = int(rng.integers(0, 4)), number % 3 == 0
        if with_contacts or customer.pk not in is_merged:
            make_contact(
                customer, actions[number % 2], as_of=on(day), is_control=is_control,
                control_share=0.5, **({} if is_control else mix),
            )  # fmt: skip
    orders = [
        (customer, int(rng.integers(0, 12)), hour, int(rng.choice([0, 0, 2, 6])))
        for customer in customers
        for hour in range(int(rng.integers(0, 4)))
    ]
    merged_on = [int(day) for day in rng.integers(6, 16, len(pairs))]
    undone_on = [merged_on[0] + 2, merged_on[1] + int(rng.integers(1, 5)), None]
    merges = {}
    for day in range(22):
        for customer, happened, hour, late in orders:
            if happened + late == day - 1:
                make_order(customer, on=on(happened), hour=12 + hour, cents=1_000)
        for pair, (kept, alias) in enumerate(pairs):
            hour = 1 if pair == 0 else 12  # before or after the morning's learning
            if hour == 1 and day == merged_on[pair]:
                merges[pair] = merge_customers(kept, alias, at=at(day, hour), by=None)
            if hour == 1 and day == undone_on[pair]:
                undo_merge(merges[pair], at=at(day, hour), by=None)
        if 8 <= day <= 13 or day in (17, 21):
            learn(day)
        for pair, (kept, alias) in enumerate(pairs):
            if pair and day == merged_on[pair]:
                merges[pair] = merge_customers(kept, alias, at=at(day), by=None)
                build_state(on(day + 1))
                make_contact(kept, actions[pair % 2], as_of=on(day + 1), control_share=0.5, **mix)
            if pair and day == undone_on[pair]:
                undo_merge(merges[pair], at=at(day), by=None)
    return what_was_learned(actions, 21)


def flat(values) -> list[float]:
    return [x for value in values for x in (flat(value) if isinstance(value, list) else [value])]


@pytest.mark.parametrize("seed", range(2))
def test_learn_merge_learn_is_learning_without_them(seed):
    results = []
    for with_contacts in (True, False):
        with transaction.atomic():
            results.append(engine_after(seed, with_contacts=with_contacts))
            transaction.set_rollback(True)

    merged, never = results
    for name in never:
        assert flat(merged[name]) == pytest.approx(flat(never[name]), rel=1e-9, abs=1e-6), name


@pytest.fixture
def in_two_arms():
    """Two records of one person in different arms, three others, and what they got on DAY."""
    customers = make_customers(5)
    put_in_arms(customers, [Arm.HOLDOUT, *[Arm.OPTIMISED] * 4])
    campaign = make_campaign(control_share=0.5, goal=make_goal(window_days=WINDOW))
    actions = [make_action(campaign), make_action(campaign)]
    build_state(DAY)
    fit_uplift(DAY)
    for number, customer in enumerate(customers):
        make_contact(
            customer, actions[0], is_control=number == 3, control_share=0.5,
            mix_action_ids=[a.pk for a in actions], mix_shares=[0.5, 0.5],
        )  # fmt: skip
        make_order(customer, on=on(1), cents=100)
    return customers[:2]


def report(day: int):
    [row] = uplift_report(as_of=on(day), by=["campaign"]).rows
    return row.experiment


def test_by_hand(in_two_arms):
    """Of five contacts, four of them test members, two are no evidence once that is noted."""
    learn(8)
    day = UpliftDay.objects.get()
    assert (day.n_test, day.n_control) == (4, 1)
    merge_customers(*in_two_arms, at=at(9), by=None)

    learn(10)

    day = UpliftDay.objects.get()
    assert (day.measured_on, day.n_test, day.n_control) == (on(8), 2, 1)
    [evidence] = ActionEvidence.objects.filter(micro_segment=None)
    assert (evidence.measured_on, evidence.n_test, evidence.n_test_responders) == (on(8), 2, 2)
    pair = PairEvidence.objects.get(micro_segment=None)
    assert pair.n_first + pair.n_second == 2
    fade = 0.5 ** (2 / 180)
    total = UpliftStatistics.from_bytes(bytes(UpliftTotal.objects.get().statistics))
    assert total.n.tolist() == pytest.approx([1 * fade, 2 * fade])
    assert report(10).test.n == 2


def test_a_report_of_an_earlier_day_says_what_was_known_then(in_two_arms):
    learn(8)
    merge_customers(*in_two_arms, at=at(9), by=None)
    assert report(8).test.n == 4
    assert report(9).test.n == 2


def test_what_they_get_after_the_merge_counts(in_two_arms):
    kept, alias = in_two_arms
    merge = merge_customers(kept, alias, at=at(9), by=None)
    action = Contact.objects.get(customer=kept).action
    make_contact(kept, action, as_of=on(10), control_share=0.5)
    make_contact(
        alias, action, as_of=on(2), control_share=0.5
    )  # imported later, of the time before
    build_state(on(10))
    learn(18)
    assert report(18).test.n == 3
    assert sum(day.n_test for day in UpliftDay.objects.all()) == 3

    undo_merge(merge, at=at(19), by=None)
    learn(20)
    assert report(20).test.n == 2  # up to the undoing
    assert sum(day.n_test for day in UpliftDay.objects.all()) == 2


def test_open_windows_leave_them_out(in_two_arms):
    feature_set = build_state(on(3)).feature_set
    contacts = open_contacts(on(3), feature_set.pk)
    assert contacts is not None
    assert len(contacts.exposure) == 5
    merge_customers(*in_two_arms, at=at(2), by=None)
    contacts = open_contacts(on(3), feature_set.pk)
    assert contacts is not None
    assert len(contacts.exposure) == 3


def test_records_in_one_arm_stay(in_two_arms):
    ArmMembership.objects.update(arm=Arm.BASELINE)
    learn(8)
    merge_customers(*in_two_arms, at=at(9), by=None)
    learn(10)
    assert UpliftDay.objects.filter(measured_on=on(8)).get().n_test == 4
    assert report(10).test.n == 4


def test_average_customers_are_not_of_them(in_two_arms):
    learn(8)
    segment = MicroSegment.objects.order_by("pk").first()
    Contact.objects.update(micro_segment=segment)
    others = Contact.objects.exclude(customer__in=in_two_arms)
    campaign = others[0].campaign
    actions = list(campaign.actions.order_by("pk"))

    def segments_shown() -> set[int]:
        model = UpliftModelVersion.objects.latest("pk")
        return set(average_values(model, campaign.pk, actions))

    others.update(micro_segment=MicroSegment.objects.order_by("pk").last())
    assert len(segments_shown()) == 2
    merge_customers(*in_two_arms, at=at(9), by=None)
    assert len(segments_shown()) == 2  # of an earlier day
    learn(10)
    assert len(segments_shown()) == 1
