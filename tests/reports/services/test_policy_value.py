"""From contact history in the tables to the values of policies."""

import io
import json
from datetime import timedelta

import numpy as np
import pytest
from django.core.management import CommandError, call_command

from campaigns.models import Arm, ArmPlan
from journeys.merges.merge_customers import merge_customers
from journeys.models import Contact, Outcome, OutcomeChange
from optiengine.lib.partitions import ensure_partitions
from reports.errors import ReportError
from reports.services.experiment_log import Reward, load_experiment
from segments.models import (
    Customer,
    CustomerState,
    FeatureSet,
    MicroSegment,
    Segmentation,
    StateBuild,
)
from tests.factories import DAY, NOW, make_action
from tests.reports.ledger import (
    LATER,
    make_contacts,
    make_customers,
    make_members,
    make_orders,
    measure,
)
from tests.segments.stories import event, store

pytestmark = [pytest.mark.django_db, pytest.mark.slow]
HISTORY = {"source": "import", "assignment_prob": 2 / 3, "control_share": 1 / 2}


def make_states(customers, values) -> None:
    """A state of DAY for each customer, with one feature."""
    features = FeatureSet.objects.create(names=["kind"], created_on=DAY)
    segmentation = Segmentation.objects.create(fitted_on=DAY, feature_set=features, clusters={})
    segment = MicroSegment.objects.create(stage="active", name="all", created_on=DAY)
    StateBuild.objects.create(
        as_of=DAY, feature_set=features, segmentation=segmentation, n_customers=len(customers)
    )
    ensure_partitions("segments_customerstate", DAY, DAY)
    CustomerState.objects.bulk_create(
        CustomerState(
            as_of=DAY,
            customer=customer,
            stage="active",
            micro_segment=segment,
            features=[float(value)],
            clv_cents=0,
        )
        for customer, value in zip(customers, values, strict=True)
    )


def make_three_groups(n=900):
    """A third gets action a, a third b, a third nothing and a control row of each.

    Of the a's 40 % order for 10.00, of the b's 20 %, of the rest 10 %.
    """
    customers = make_customers(n)
    make_states(customers, np.arange(n) % 7)
    third = n // 3
    with_a, with_b, none = (customers[i * third : (i + 1) * third] for i in range(3))
    a, b = make_action(name="a"), make_action(name="b")
    for action, members, share in ((a, with_a, 0.4), (b, with_b, 0.2)):
        contacts = make_contacts(action, third, customers=members, **HISTORY)
        measure(contacts, round(share * third), 1_000)
        controls = make_contacts(action, third, customers=none, is_control=True, **HISTORY)
        measure(controls, round(0.1 * third), 1_000)
        make_orders(members[: round(share * third)], 1_000, DAY)
    make_orders(none[: round(0.1 * third)], 1_000, DAY)
    return a, b


def test_choices_that_are_no_evidence_are_left_out_and_orders_are_the_persons():
    make_three_groups(9)
    event_reward = Reward(event_kind="order", measure="amount", window_days=5)
    customers = list(Customer.objects.order_by("pk"))
    alike, split = (customers[0], customers[3]), (customers[1], customers[8])
    before = load(reward=event_reward)
    assert (len(before.log.reward), before.log.reward.sum()) == (9, 2_000)  # an a's and a b's order

    merge_customers(*alike, at=NOW + timedelta(days=1), by=None)
    plan = ArmPlan.objects.create(starts_on=DAY)
    make_members(plan, Arm.HOLDOUT, [split[0]])
    make_members(plan, Arm.OPTIMISED, [split[1]])
    merge_customers(*split, at=NOW + timedelta(days=1), by=None)

    after = load(reward=event_reward)
    assert len(after.log.reward) == 7
    assert sorted(after.log.reward.tolist())[-2:] == [2_000, 2_000]  # both of either record
    assert len(load().log.reward) == 7


def load(**fields):
    defaults = {
        "as_of": LATER,
        "since": DAY,
        "until": LATER,
        "reward": Reward(),
        "campaign_ids": [],
    }
    return load_experiment(**defaults | fields)


def test_each_customer_and_day_is_one_choice_with_its_groups_probability():
    a, b = make_three_groups()

    experiment = load()

    assert [action.pk for action in experiment.actions] == [a.pk, b.pk]
    assert np.bincount(experiment.log.chosen).tolist() == [300, 300, 300]
    assert np.allclose(experiment.log.propensity, 1 / 3)
    assert experiment.log.support.all()
    assert experiment.features.shape == (900, 1)
    assert [experiment.log.reward[experiment.log.chosen == k].mean() for k in range(3)] == [
        100,
        400,
        200,
    ]
    assert np.isnan(experiment.shares[experiment.log.chosen == 1, 1]).all()


@pytest.mark.parametrize(
    ("measure", "means"), [("any", [0.1, 0.4, 0.2]), ("amount", [100, 400, 200])]
)
def test_rewards_can_be_counted_from_events(measure, means):
    make_three_groups()

    experiment = load(reward=Reward("order", measure, 14))

    assert [
        experiment.log.reward[experiment.log.chosen == k].mean() for k in range(3)
    ] == pytest.approx(means)


@pytest.mark.parametrize(
    ("measure", "means"), [("any", [1 / 10, 4 / 10, 2 / 10]), ("amount", [100, 400 - 40, 200])]
)
@pytest.mark.parametrize(
    ("kind", "cents"), [("return", 400), ("return", -400), ("refund", 400), ("order", -400)]
)
def test_what_is_given_back_is_taken_off_the_amount_of_orders(measure, means, kind, cents):
    a, _b = make_three_groups(90)
    buyers = Contact.objects.filter(action=a, is_control=False).order_by("pk")[:3]
    for contact in buyers:
        store(event(contact.customer, kind, NOW + timedelta(hours=2), amount_cents=cents))

    experiment = load(reward=Reward("order", measure, 14))

    assert [
        experiment.log.reward[experiment.log.chosen == k].mean() for k in range(3)
    ] == pytest.approx(means)


def test_late_events_change_the_rewards_from_their_day_on():
    a, _b = make_three_groups(90)
    outcome = Outcome.objects.filter(contact__action=a, value_cents=1_000).first()
    changed_on = outcome.measured_on + timedelta(days=1)
    OutcomeChange.objects.create(
        contact=outcome.contact,
        as_of=outcome.as_of,
        changed_on=changed_on,
        n_responses_before=1,
        n_responses=0,
        margin_cents_before=1_000,
        margin_cents=-200,
        value_cents_before=1_000,
        value_cents=-200,
    )

    before, after = (
        load(as_of=day).log.reward.sum() for day in (changed_on - timedelta(days=1), changed_on)
    )

    assert before - after == 1_200


def test_contacts_whose_window_is_open_are_left_out():
    make_three_groups(30)

    with pytest.raises(
        ReportError,
        match="no imported messages with known probabilities, features and a",
    ):
        load(reward=Reward("order", "any", 60))


def test_probabilities_that_cannot_be_right_are_refused():
    customers = make_customers(90)
    make_states(customers, [0] * 90)
    wrong = HISTORY | {"assignment_prob": 1.0}  # 1/2 each, though there were three groups
    for action, members in zip(
        (make_action(), make_action()), (customers[:30], customers[30:60]), strict=True
    ):
        measure(make_contacts(action, 30, customers=members, **wrong), 3, 1)
        controls = make_contacts(action, 30, customers=customers[60:], is_control=True, **wrong)
        measure(controls, 3, 1)

    with pytest.raises(ReportError, match=r"1/p is 2\.00 on average, but there were 3\.00"):
        load()


def test_several_experiments_on_one_day_are_no_single_choice():
    customers = make_customers(10)
    make_states(customers, [0] * 10)
    for action in (make_action(), make_action()):
        measure(make_contacts(action, 10, customers=customers, **HISTORY), 3, 1)

    with pytest.raises(ReportError, match="10 customers are in several experiments"):
        load()


def test_the_command_prints_values_of_every_policy():
    a, b = make_three_groups()
    out = io.StringIO()

    call_command(
        "policy_value", "--goal=order", "--splits=3", f"--as-of={LATER}", "--json", stdout=out
    )

    figures = json.loads(out.getvalue().splitlines()[-1])
    assert (figures["n_choices"], figures["unit"]) == (900, "responses")
    policies = {policy["policy"]: policy for policy in figures["policies"]}
    assert set(policies) == {"engine", "engine without exploration", "none", str(a), str(b)}
    assert policies[str(a)]["snips"] == pytest.approx(0.4, abs=0.05)
    assert policies["none"]["snips_low"] < 0.1 < policies["none"]["snips_high"]
    assert policies["engine without exploration"]["dr"] == pytest.approx(0.4, abs=0.06)


def test_of_a_long_log_a_sample_of_whole_customers_is_read():
    """900 customers have 1,200 rows, the 300 of none two each: of 600 rows, about half of all."""
    make_three_groups()

    part, other = load(max_rows=600), load(max_rows=600, seed=1)

    assert part.sampled == 0.5
    assert abs(len(part.log) - 450) < 4 * 15  # binomial, s.d. 15
    assert (~np.isnan(part.shares[part.log.chosen == 0])).all()  # both control rows are there
    assert len(part.log) != len(other.log) or (part.log.reward != other.log.reward).any()


def test_the_command_prints_a_table_for_people():
    make_three_groups(300)
    out = io.StringIO()

    call_command("policy_value", "--splits=2", f"--as-of={LATER}", "--cost-cents=5", stdout=out)

    assert "300 choices among 2 actions and none; cents per customer" in out.getvalue()
    assert "no value: the log holds the equivalent of" in out.getvalue()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--goal=visit", "--cost-cents=5"], "needs a reward in money"),
        (["--campaign=Nope"], "no campaign named Nope"),
        (["--splits=0"], "at least 1"),
        (["--measure=count"], "needs events"),
        ([], "There is no customer data in the period, so features are unknown."),
    ],
)
def test_the_command_fails_in_words(arguments, message):
    with pytest.raises(CommandError, match=message):
        call_command("policy_value", f"--as-of={LATER}", *arguments, stdout=io.StringIO())


def test_the_uplift_command_prints_rows_as_table_and_as_json():
    action = make_action(name="mail")
    make_contacts(action, 200, n_responders=80)
    make_contacts(action, 200, n_responders=50, is_control=True)
    make_contacts(make_action(), 3, n_responders=1)
    table, lines = io.StringIO(), io.StringIO()

    call_command("uplift_report", stdout=table)
    call_command("uplift_report", "--json", stdout=lines)

    assert "+15.0000%" in table.getvalue()
    assert "Not enough data" in table.getvalue()
    rows = json.loads(lines.getvalue().splitlines()[-1])["rows"]
    assert {row["state"] for row in rows} == {"measured", "not_enough_data"}


def test_the_uplift_command_refuses_a_campaign_it_does_not_know():
    with pytest.raises(CommandError, match="no campaign named Nope"):
        call_command("uplift_report", f"--as-of={LATER}", "--campaign=Nope", stdout=io.StringIO())
