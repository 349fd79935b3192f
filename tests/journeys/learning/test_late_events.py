"""Events that come late, are corrected or go: outcomes follow as if they had come in time."""

from datetime import datetime, timedelta

import numpy as np
import pytest
from django.db import transaction

from journeys.explain.replay_run import replay_run
from journeys.jobs.run_day import run_day
from journeys.learning.fit_uplift import fit_uplift
from journeys.learning.follow_late_events import follow_late_events
from journeys.learning.measure_outcomes import measure_outcomes
from journeys.learning.numerics.uplift_statistics import UpliftStatistics
from journeys.models import ActionEvidence, Outcome, OutcomeChange, UpliftModelVersion, UpliftTotal
from optiengine.lib.partitions import ensure_partitions
from reports.services.mix_sums import evidence, pairs
from reports.services.uplift_report import uplift_report
from segments.models import EventCorrection, Organisation
from segments.state.build_state import build_state
from tests.factories import (
    DAY,
    NOW,
    make_action,
    make_campaign,
    make_contact,
    make_customer,
    make_goal,
)
from tests.journeys.engine import decide_day, make_customers, make_order, make_plan
from tests.segments.importing import import_text

pytestmark = pytest.mark.django_db
WINDOW = 7


@pytest.fixture(autouse=True)
def partitions(db):
    ensure_partitions("journeys_outcome", DAY, DAY + timedelta(days=60))
    ensure_partitions("segments_event", DAY, DAY + timedelta(days=60))


def day(n: int):
    return DAY + timedelta(days=n)


def at(n: int) -> datetime:
    return NOW + timedelta(days=n)


@pytest.fixture
def action():
    return make_action(make_campaign(goal=make_goal(window_days=WINDOW, value_per_event_cents=500)))


def morning(n: int) -> tuple[int, int]:
    """The step of a day: how many outcomes changed, and how many were measured."""
    return follow_late_events(day(n)), measure_outcomes(day(n))


def test_an_order_that_is_handed_in_two_days_later_changes_the_outcome(action):
    """As it came to us: an order of the window's last day, outcome 0 for ever."""
    anna = make_customer()
    make_contact(anna, action)
    assert morning(8) == (0, 1)
    make_order(anna, on=day(6), cents=2_000)

    assert morning(9) == (1, 0)

    outcome, change = Outcome.objects.get(), OutcomeChange.objects.get()
    assert (outcome.n_responses, outcome.margin_cents, outcome.value_cents) == (0, 0, 0)
    assert (change.n_responses, change.margin_cents, change.value_cents) == (1, 2_000, 500)
    assert (change.n_responses_before, change.margin_cents_before, change.changed_on) == (
        0, 0, day(9),
    )  # fmt: skip
    assert morning(10) == (0, 0)


def test_what_is_outside_of_the_window_changes_nothing(action):
    anna = make_customer()
    make_contact(anna, action)
    morning(8)
    make_order(anna, on=DAY, hour=8)  # before the contact
    make_order(anna, on=day(7), hour=9)  # the window's end
    make_order(make_customer(), on=day(2))  # of somebody else

    assert morning(9) == (0, 0)


def test_outcomes_follow_for_as_long_as_the_organisation_says(action):
    Organisation.objects.update_or_create(pk=1, defaults={"late_event_days": 10})
    anna = make_customer()
    make_contact(anna, action)
    morning(8)
    make_order(anna, on=day(1), cents=100)
    assert morning(17) == (1, 0)  # the window closed on the 7th at nine: ten days are not over
    make_order(anna, on=day(2), cents=100)
    assert morning(18) == (0, 0)

    Organisation.objects.update(late_event_days=0)
    make_order(anna, on=day(3), cents=100)
    assert morning(9) == (0, 0)


FILE = "id,customer,date,kind,amount\n1,{customer},{date},order,{amount}\n"


@pytest.mark.parametrize(
    ("again", "margins"),
    [
        ({"amount": "7.50"}, [750]),
        ({"date": "2026-02-20"}, [0]),  # it was before the message
        ({"customer": "other"}, [0, 1_000]),  # it was somebody else's
    ],
)
def test_a_corrected_event_is_followed_by_what_it_said_and_what_it_says(
    action, tmp_path, again, margins
):
    anna, bert = make_customer(external_id="anna"), make_customer(external_id="other")
    for customer in (anna, bert):
        make_contact(customer, action)
    said = {"customer": "anna", "date": "2026-03-03", "amount": "10.00"}
    import_text(tmp_path, FILE.format(**said), kind="events", at=at(3), source="shop")
    morning(8)

    import_text(tmp_path, FILE.format(**said | again), kind="events", at=at(8), source="shop")

    assert morning(9) == (len(margins), 0)
    changes = OutcomeChange.objects.order_by("contact")
    assert list(changes.values_list("margin_cents", flat=True)) == margins
    assert not EventCorrection.objects.exists()


def test_a_correction_that_is_taken_back_is_followed_back(action, tmp_path):
    make_contact(make_customer(external_id="anna"), action)
    said = {"customer": "anna", "date": "2026-03-03", "amount": "10.00"}
    import_text(tmp_path, FILE.format(**said), kind="events", at=at(3), source="shop")
    morning(8)
    for n, amount in ((9, "7.50"), (10, "10.00"), (11, "0.00")):
        again = FILE.format(**said | {"amount": amount})
        import_text(tmp_path, again, kind="events", at=at(n - 1), source="shop")
        assert morning(n) == (1, 0)

    changes = OutcomeChange.objects.order_by("changed_on")
    names = ("margin_cents_before", "margin_cents")
    assert list(changes.values_list(*names)) == [(1_000, 750), (750, 1_000), (1_000, 0)]
    reports = [uplift_report(as_of=day(n)).rows[0].experiment.test for n in (8, 9, 10, 11)]
    assert [test.margin.total for test in reports] == [1_000, 750, 1_000, 0]


def test_what_comes_twice_on_a_day_is_one_change_of_that_day(action):
    anna = make_customer()
    make_contact(anna, action)
    morning(8)
    for on, cents in ((1, 1_000), (2, 500)):
        make_order(anna, on=day(on), cents=cents)
        assert morning(9) == (1, 0)

    change = OutcomeChange.objects.get()
    assert (change.margin_cents_before, change.margin_cents) == (0, 1_500)
    assert (change.value_cents_before, change.value_cents) == (0, 1_000)


FIELDS = ["gram", "moment", "square", "weight", "weight_squared", "n", "n_responded"]


def totals(as_of) -> dict[int, dict[str, np.ndarray]]:
    """What is known of each action, faded up to a day."""
    totals_by_action = {}
    for total in UpliftTotal.objects.all():
        fade = 0.5 ** ((as_of - total.through).days / 180)
        statistics = UpliftStatistics.from_bytes(bytes(total.statistics)).scaled(fade)
        totals_by_action[total.action_id] = {name: getattr(statistics, name) for name in FIELDS}
    return totals_by_action


def told(seed: int, n: int):
    """For n customers: (day and hour of an order, cents, the day on which it is handed in)."""
    rng = np.random.default_rng(seed)
    orders = []
    for customer in range(n):
        for _ in range(int(rng.integers(0, 4))):
            on = int(rng.integers(0, 12))
            late = int(rng.choice([0, 0, 1, 3, 8, 20]))
            sign = -1 if rng.random() < 0.2 else 1
            orders.append(
                (customer, on, float(rng.integers(0, 23)), sign * int(rng.integers(1, 5_000)),
                 min(on + late, 24))
            )  # fmt: skip
    return orders


def engine_after(orders, n: int, *, in_time: bool):
    """A month of mornings; the database is undone by the caller."""
    goal = make_goal(window_days=WINDOW, value_per_event_cents=500)
    campaign = make_campaign(goal=goal, control_share=0.5)
    actions = [make_action(campaign), make_action(campaign)]
    shares = {"mix_action_ids": [a.pk for a in actions], "mix_shares": [0.5, 0.5]}
    customers = make_customers(n)
    for number, customer in enumerate(customers):
        make_contact(
            customer, actions[number % 2], as_of=day(number % 4), is_control=number % 3 == 0,
            control_share=0.5, **({} if number % 3 == 0 else shares),
        )  # fmt: skip
    for on in range(4):
        build_state(day(on))
    fit_uplift(DAY)  # the scale of features is that of the first day
    for morning_of in range(26):
        for customer, on, hour, cents, handed_in in orders:
            if (on if in_time else handed_in) == morning_of - 1:
                make_order(customers[customer], on=day(on), hour=hour, cents=cents)
        if not (8 <= morning_of <= 12 or morning_of in (16, 20, 25)):
            continue
        build_state(day(morning_of))
        morning(morning_of)
        fit_uplift(day(morning_of))
    as_of, pk = day(25), campaign.pk
    row = next(r for r in uplift_report(as_of=as_of, by=["campaign"]).rows)
    test = row.experiment.test
    # By their order, since ids differ between the two engines.
    position = {a.pk: index for index, a in enumerate(actions)}
    sums = {position[key]: value for key, value in totals(as_of).items()}
    shown = evidence([pk], as_of=as_of, half_life=180, totals_only=True)[pk, None]
    mix = pairs([pk], as_of=as_of, half_life=180, totals_only=True)[pk, None]
    return {
        "learned": [sums[i][name].ravel().tolist() for i in sorted(sums) for name in FIELDS],
        "evidence": [list(shown[a.pk]) for a in actions],
        "pairs": [list(vars(pair).values()) for pair in mix.values()],
        "report": [test.n, test.responders, test.value.total, test.margin.total, test.n_events],
        "late": test.n_late,
    }  # fmt: skip


def flat(values):
    return [x for value in values for x in (flat(value) if isinstance(value, list) else [value])]


@pytest.mark.parametrize("seed", range(2))
def test_late_in_any_order_is_in_time(seed):
    """Learning, mix and report end as if every order had been handed in on its day."""
    n = 24
    orders = told(seed, n)
    results = []
    for in_time in (True, False):
        with transaction.atomic():
            results.append(engine_after(orders, n, in_time=in_time))
            transaction.set_rollback(True)

    in_time, late = results
    assert in_time["late"] == 0 < late["late"]
    for name in ("learned", "evidence", "pairs", "report"):
        assert flat(late[name]) == pytest.approx(flat(in_time[name]), rel=1e-9, abs=1e-6), name


def test_the_report_says_how_many_conversions_came_late(action):
    for number in range(4):
        customer = make_customer()
        make_contact(customer, action)
        if number:
            make_order(customer, on=day(1))
        else:
            late = customer
    morning(8)
    make_order(late, on=day(2))
    morning(9)

    before, after = (uplift_report(as_of=day(n)).rows[0].experiment.test for n in (8, 9))

    assert (before.responders, before.late_share) == (3, 0)
    assert (after.responders, after.late_share) == (4, 0.25)


def test_a_day_that_was_decided_before_stays_as_it_was():
    """Models, evidence and decisions of the days before do not change; a later day learns."""
    make_plan()
    customers = make_customers(30)
    goal = make_goal(window_days=WINDOW, value_per_event_cents=500)
    make_action(make_campaign(goal=goal, rank=1, control_share=0.5, repeat_after_days=None))
    runs = [decide_day(), decide_day(day(8))]
    model = UpliftModelVersion.objects.get(as_of=day(8))
    payload, known = bytes(model.payload), list(ActionEvidence.objects.values())
    for customer in customers:
        make_order(customer, on=day(2))

    runs.append(run_day(day(9), send=False).run)

    assert OutcomeChange.objects.count() == 30
    model.refresh_from_db()
    assert bytes(model.payload) == payload
    assert list(ActionEvidence.objects.filter(measured_on__lte=day(8)).values()) == known
    assert UpliftModelVersion.objects.get(as_of=day(9)).evidence != model.evidence
    for run in runs:
        again = replay_run(run)
        assert (again.differing, again.missing) == ([], [])


HEAD = "id,customer,date,kind,amount\n"


def versions(seed: int, n_customers: int):
    """Of each event what files say of it, one after the other: (customer, day, kind, cents).

    Returns come before their orders, exceed them, and move to another customer with them.
    """
    rng = np.random.default_rng(seed)
    kinds = ["order", "order", "return", "refund", "visit"]

    def version():
        return (
            int(rng.integers(0, n_customers)),
            int(rng.integers(-1, WINDOW + 2)),
            str(rng.choice(kinds)),
            int(rng.integers(-5_000, 5_000)),
        )

    return [[version() for _ in range(rng.integers(1, 4))] for _ in range(n_customers * 4)]


@pytest.mark.parametrize("seed", range(3))
def test_files_that_correct_each_other_end_in_what_they_said_last(action, tmp_path, seed):
    rng = np.random.default_rng(100 + seed)
    customers = [make_customer(external_id=f"c{n}") for n in range(6)]
    for customer in customers:
        make_contact(customer, action)
    said = versions(seed, len(customers))
    # (morning, event, version): the versions of an event come in their order.
    handed_in = sorted(
        (int(on), event, n)
        for event, of_event in enumerate(said)
        for n, on in enumerate(sorted(rng.integers(2, 14, len(of_event))))
    )
    for morning_of in range(2, 15):
        rows = {e: said[e][n] for on, e, n in handed_in if on == morning_of - 1}  # the last one
        lines = "".join(
            f"{e},c{c},{day(on)} 12:00,{kind},{cents / 100:.2f}\n"
            for e, (c, on, kind, cents) in rows.items()
        )
        import_text(tmp_path, HEAD + lines, kind="events", at=at(20), source="shop")
        morning(morning_of)

    margins = dict.fromkeys(range(len(customers)), 0)
    purchases = dict(margins)
    for customer, on, kind, cents in (of_event[-1] for of_event in said):
        if 0 <= on < WINDOW:  # the window is from nine to nine
            back = kind in ("return", "refund")
            margins[customer] += -abs(cents) if back else cents if kind == "order" else 0
            purchases[customer] += kind == "order" and cents >= 0
    state = build_state(day(15))
    report = uplift_report(as_of=day(15)).rows[0].experiment.test
    for number, customer in enumerate(customers):
        outcome = Outcome.objects.get(contact__customer=customer)
        last = OutcomeChange.objects.filter(contact=outcome.contact).order_by("changed_on").last()
        known = last or outcome
        assert (known.margin_cents, known.n_responses) == (margins[number], purchases[number])
    assert report.margin.total == sum(margins.values())
    assert report.responders == sum(n > 0 for n in purchases.values())
    assert state.n_customers == len(customers)
