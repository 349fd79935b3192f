"""A dry run of today's rules is what the run decided; of others, what a run by them decides."""

from collections import Counter
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.db import transaction

from campaigns.models import Approval, Campaign, CapacityLimit, FrequencyCap
from campaigns.services.approvals import ask_for_change, ask_for_launch
from campaigns.services.rule_rows import differences, snapshot
from journeys.explain.dry_run import dry_run
from journeys.learning.fit_uplift import fit_uplift
from journeys.learning.measure_outcomes import measure_outcomes
from journeys.models import Contact, Decision, Delivery
from segments.models import FeatureDefinition, TargetGroup
from segments.state.build_state import build_state
from tests.factories import DAY, NOW, make_action, make_campaign
from tests.journeys.drawn_maps import ENTRY, draw, launch, make_step_campaign, move, put_in, send
from tests.journeys.engine import decide_day, make_customers, make_plan

pytestmark = pytest.mark.django_db


@pytest.fixture
def maker(db) -> User:
    return User.objects.create(username="maker", is_staff=True, is_superuser=True)


@pytest.fixture
def campaigns(db) -> list[Campaign]:
    """Sixty customers in all arms; one ranked campaign, three Auto, one in addition."""
    make_plan(holdout_share=0.1, baseline_share=0.2)
    make_customers(60)
    made = [make_campaign(rank=2, control_share=0.2, repeat_after_days=3)]
    made += [make_campaign(repeat_after_days=1, control_share=0.2) for _ in range(3)]
    made.append(make_campaign(in_addition=True, control_share=0.3))
    for campaign in made:
        make_action(campaign)
        make_action(campaign, channel="sms")
    FrequencyCap.objects.create(name="cap", limit=1, window="days", length=2)
    return made


def change_of(maker, edit, **options) -> Approval:
    """What an edit becomes in the admin: looked at, rolled back, requested."""
    with transaction.atomic():
        before = snapshot()
        edit()
        changes = differences(before, snapshot())
        transaction.set_rollback(True)
    return ask_for_change(changes, by=maker, at=NOW, **options)


def sent(as_of=DAY) -> set[tuple[int, int]]:
    """(customer, campaign) of the messages of a run."""
    rows = Delivery.objects.filter(as_of=as_of).values_list("customer", "action__campaign")
    return set(rows)


def by_campaign(messages) -> Counter:
    return Counter(campaign for _customer, campaign in messages)


def messages_of(report, side: str) -> dict[int, float]:
    rows = {row["id"]: row[side][0] for row in report["campaigns"]}
    return {pk: n for pk, n in rows.items() if n}


def test_of_present_rules_it_is_what_the_run_decided(campaigns, maker):
    CapacityLimit.objects.create(name="Few", maximum=12, period="day", scope="channel",
                                 channel="sms")  # fmt: skip
    decide_day(DAY - timedelta(days=1))
    decide_day()

    def rename():
        Campaign.objects.filter(pk=campaigns[0].pk).update(name="Another name")

    rows = Decision.objects.count(), Contact.objects.count()
    report = dry_run(change_of(maker, rename))

    assert report["is_run_day"]
    assert messages_of(report, "before") == messages_of(report, "after") == by_campaign(sent())
    assert report["changes"] == []
    n_sms = Delivery.objects.filter(as_of=DAY, channel="sms").count()
    assert [limit["before"]["used"] for limit in report["limits"]] == [n_sms]
    assert (Decision.objects.count(), Contact.objects.count()) == rows


def test_of_changed_rules_it_is_what_a_run_by_them_decides(campaigns, maker):
    def edit():
        Campaign.objects.filter(pk=campaigns[2].pk).update(rank=1)

    with transaction.atomic():
        decide_day()
        before = sent()
        approval = change_of(maker, edit)
        report = dry_run(approval)
        transaction.set_rollback(True)

    edit()
    decide_day()
    after = sent()

    assert messages_of(report, "before") == by_campaign(before)
    assert messages_of(report, "after") == by_campaign(after)
    per_customer = [
        (len([m for m in before if m[0] == pk]), len([m for m in after if m[0] == pk]),
         {m for m in before if m[0] == pk} != {m for m in after if m[0] == pk})
        for pk in Decision.objects.values_list("customer", flat=True).distinct()
    ]  # fmt: skip
    assert report["losing"][0] == sum(a < b for b, a, _ in per_customer)
    assert report["gaining"][0] == sum(a > b for b, a, _ in per_customer)
    assert report["swapping"][0] == sum(a == b and other for b, a, other in per_customer)
    lost = Counter(pk for _customer, pk in before - after)
    from_them = Counter()
    for change in report["changes"]:
        from_them[change["from"]] += change["n"][0]
    assert {pk: n for pk, n in from_them.items() if pk} == lost
    assert report["swapping"][0] > 0


def test_before_the_days_run_it_is_what_the_run_will_decide(campaigns, maker):
    decide_day(DAY - timedelta(days=1))
    with transaction.atomic():
        decide_day()
        will_be = sent()
        transaction.set_rollback(True)
    build_and_learn(DAY)

    def rename():
        Campaign.objects.filter(pk=campaigns[0].pk).update(name="Another name")

    report = dry_run(change_of(maker, rename))

    assert not report["is_run_day"]
    assert messages_of(report, "before") == by_campaign(will_be)


def build_and_learn(day) -> None:
    build_state(day)
    measure_outcomes(day)
    fit_uplift(day)


def test_a_draft_counts_as_launched_and_says_from_whom_it_takes(campaigns, maker):
    decide_day()
    group = TargetGroup.objects.create(
        name="All", rule={"field": "stage", "op": "ne", "value": "lapsed"}
    )
    draft = make_campaign(status="draft", rank=1, control_share=0, target_group=group,
                          starts_on=DAY + timedelta(days=9))  # fmt: skip
    make_action(draft)
    held_out = Decision.objects.filter(as_of=DAY, arm="holdout").count()

    report = dry_run(ask_for_launch(Approval.Kind.CAMPAIGN, draft.pk, by=maker, at=NOW))

    assert messages_of(report, "after")[draft.pk] == 60 - held_out  # it goes first, to everybody
    assert draft.pk not in messages_of(report, "before")
    assert report["notes"] == ["as_if_today"]
    slots = {pk for _customer, pk in sent()} - {campaigns[-1].pk}
    takes_from = {change["from"] for change in report["changes"] if change["to"] == draft.pk}
    assert slots <= takes_from
    assert all(change["to"] in (draft.pk,) for change in report["changes"])


def test_a_target_group_by_a_feature_made_since_the_state_reaches_nobody_yet(campaigns, maker):
    decide_day()
    FeatureDefinition.objects.create(
        name="visits_7d", label="Visits", aggregate="count", event_kind="visit", window_days=7
    )
    rule = {"field": "feature.visits_7d", "op": "lt", "value": 1}
    group = TargetGroup.objects.create(name="Rare visitors", rule=rule)
    draft = make_campaign(status="draft", rank=1, control_share=0, target_group=group)
    make_action(draft)

    report = dry_run(ask_for_launch(Approval.Kind.CAMPAIGN, draft.pk, by=maker, at=NOW))

    assert report["notes"] == ["unknown_feature"]
    assert messages_of(report, "before") == messages_of(report, "after") == by_campaign(sent())


def test_another_definition_of_a_feature_is_not_seen_on_the_days_state(campaigns, maker):
    FeatureDefinition.objects.create(
        name="visits_7d", label="Visits", aggregate="count", event_kind="visit", window_days=7
    )
    decide_day()

    def edit():
        FeatureDefinition.objects.update(window_days=365)

    report = dry_run(change_of(maker, edit, only_try=True))

    assert report["notes"] == ["not_seen"]
    assert messages_of(report, "before") == messages_of(report, "after") == by_campaign(sent())


def test_a_cap_of_zero_stops_every_message_but_those_sent_in_addition(campaigns, maker):
    decide_day()

    def edit():
        FrequencyCap.objects.update(limit=0)

    report = dry_run(change_of(maker, edit, only_try=True))

    beside = campaigns[-1].pk
    assert set(messages_of(report, "after")) == {beside}
    n_slots = len([1 for _customer, pk in sent() if pk != beside])
    assert report["losing"][0] == n_slots
    assert {change["to"] for change in report["changes"]} == {0}
    assert report["examples"][0]["changes"]
    assert any("never" in text for text in report["conflicts"])


def test_a_sample_is_scaled_to_all_customers_with_an_interval(campaigns, maker, monkeypatch):
    make_customers(60)
    decide_day()

    def edit():
        FrequencyCap.objects.update(limit=0)

    approval = change_of(maker, edit, only_try=True)
    whole = dry_run(approval)
    monkeypatch.setattr("journeys.decisions.price_run.N_SAMPLED", 40)

    report = dry_run(approval)

    assert (report["n_looked_at"], report["n_customers"]) == (40, 120)
    n, low, high = report["losing"]
    assert n % 3 == 0
    assert low < n < high
    assert low <= whole["losing"][0] <= high


def test_steps_of_running_maps_are_due_on_both_sides(maker):
    make_plan()
    customers = make_customers(8)
    message = make_step_campaign(control_share=0, rank=None)
    journey = launch(draw({"e": ENTRY, "s": send(message)}, "e>s"), at=NOW - timedelta(days=2))
    put_in(journey, *customers[:3], at=NOW - timedelta(days=1))
    move(NOW - timedelta(days=1))
    with transaction.atomic():
        decide_day()
        assert by_campaign(sent()) == {message.pk: 3}

        def edit():
            FrequencyCap.objects.create(name="none", limit=0)

        after_the_run = dry_run(change_of(maker, edit, only_try=True))
        transaction.set_rollback(True)
    build_and_learn(DAY)
    before_it = dry_run(change_of(maker, edit, only_try=True))

    for report in (after_the_run, before_it):
        assert messages_of(report, "before") == {message.pk: 3}
        assert report["losing"][0] == 3
