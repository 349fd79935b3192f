"""Merged records are decided for as one person, and what was decided before replays unchanged."""

import threading
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from django.db import connection

from campaigns.models import FollowUp, FrequencyCap
from campaigns.numerics.verdict_codes import Verdict
from journeys.decisions.decide_now import Request, decide_now
from journeys.decisions.plan_moments import _engagement
from journeys.decisions.start_run import request_run, start_run
from journeys.decisions.work_chunks import work_chunks
from journeys.delivery.deliver_messages import deliver_messages
from journeys.explain.replay_run import replay_live, replay_run
from journeys.learning.fit_uplift import fit_uplift
from journeys.merges.merge_customers import merge_customers, undo_merge
from journeys.models import Contact, Decision, DecisionRun, Delivery, LiveDecision
from segments.events.new_events import events_after, start_cursor
from segments.models import CustomerState
from segments.models.customer import BLOCK_BITS
from segments.state.build_state import build_state
from segments.state.value_history import value_history
from tests.factories import DAY, make_action, make_campaign, make_contact, make_customer
from tests.journeys.engine import decide_day, make_customers, make_order, make_plan

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.long]


def at(day: int, hour: float = 12) -> datetime:
    return datetime(2026, 3, 1, tzinfo=UTC) + timedelta(days=day, hours=hour)


def on(day: int):
    return DAY + timedelta(days=day)


def contacted(day: int) -> set[int]:
    return set(Contact.objects.filter(as_of=on(day)).values_list("customer_id", flat=True))


def live_run() -> DecisionRun:
    return DecisionRun.objects.get(kind=DecisionRun.Kind.LIVE)


def test_only_the_kept_record_is_decided_for():
    make_plan()
    kept, alias = make_customers(2)
    make_action(make_campaign(rank=1, control_share=0, repeat_after_days=1))
    decide_day()
    assert contacted(0) == {kept.pk, alias.pk}

    merge_customers(kept, alias, at=at(0), by=None)
    decide_day(on(1))

    assert contacted(1) == {kept.pk}
    assert not CustomerState.objects.filter(as_of=on(1), customer=alias).exists()


def test_a_record_merged_after_the_state_was_built_gets_nothing_the_same_day():
    make_plan()
    kept, alias = make_customers(2)
    make_action(make_campaign(rank=1, control_share=0))
    build_state(DAY)
    fit_uplift(DAY)
    run = start_run(request_run(DAY))
    merge_customers(kept, alias, at=at(-1), by=None)

    work_chunks(run.pk, owner="test")

    assert contacted(0) == {kept.pk}
    assert set(Decision.objects.get(customer=alias).verdicts) == {Verdict.MERGED}
    assert not replay_run(run).differing


def test_what_either_record_got_counts_for_the_person_and_replays_stay_as_they_were():
    make_plan()
    kept, alias = make_customers(2)
    campaign = make_campaign(rank=1, control_share=0, repeat_after_days=10)
    make_contact(alias, make_action(campaign), as_of=on(-1))
    runs = [decide_day()]
    assert contacted(0) == {kept.pk}
    Contact.objects.filter(as_of=DAY, customer=kept).delete()

    merge = merge_customers(kept, alias, at=at(0), by=None)
    runs.append(decide_day(on(1)))
    assert not contacted(1)
    undo_merge(merge, at=at(1), by=None)
    runs.append(decide_day(on(2)))
    assert kept.pk in contacted(2)
    assert alias.pk not in contacted(2)

    assert [replay_run(run).differing for run in runs[1:]] == [[], []]
    merge_customers(alias, kept, at=at(2), by=None)
    assert [replay_run(run).differing for run in runs[1:]] == [[], []]


def test_caps_count_what_both_records_got():
    make_plan()
    kept, alias = make_customers(2)
    make_action(make_campaign(rank=1, control_share=0, repeat_after_days=1))
    FrequencyCap.objects.create(name="two a week", limit=2, window="days", length=7)
    decide_day()
    merge_customers(kept, alias, at=at(0), by=None)

    run = decide_day(on(1))

    assert not contacted(1)
    assert not replay_run(run).differing


def test_a_follow_up_sees_the_answer_given_under_the_other_number():
    make_plan()
    kept, alias = make_customers(2)
    first, second = make_campaign(ends_on=DAY), make_campaign(rank=1, control_share=0)
    make_contact(alias, make_action(first), as_of=on(-2))
    make_action(second)
    FollowUp.objects.create(
        source=first, target=second, after_days=1, within_days=5, outcome="responded"
    )
    make_order(kept, on=on(-1))
    decide_day()
    assert not contacted(0)  # neither was contacted and answered under one number

    merge_customers(kept, alias, at=at(0), by=None)
    run = decide_day(on(1))

    assert contacted(1) == {kept.pk}
    assert not replay_run(run).differing


def test_features_and_value_come_from_the_events_of_both():
    make_plan()
    kept, alias = make_customers(2)
    make_order(kept, on=on(-20), cents=1000)
    make_order(alias, on=on(-10), cents=2500)
    merge_customers(kept, alias, at=at(-1), by=None)
    build_state(DAY)
    build = CustomerState.objects.get(as_of=DAY)
    names = build_state(DAY).feature_set.names
    features = dict(zip(names, build.features, strict=True))
    assert build.customer == kept
    assert features["margin_365d_cents"] == 3500
    assert features["orders_365d"] == 2
    make_order(alias, on=DAY)
    build_state(on(1))
    [step] = value_history(kept, on(1)).steps
    assert step.causes[0].value == "order"


def test_an_answer_in_real_time_knows_both_records():
    make_plan()
    kept, alias = make_customers(2)
    campaign = make_campaign(rank=1, control_share=0, repeat_after_days=10)
    make_action(campaign, channel="web", subject="")
    decide_day(on(0))
    make_contact(alias, campaign.actions.get(), as_of=on(0), reserved_at=at(0, 8))
    merge_customers(kept, alias, at=at(0, 9), by=None)
    request = Request(LiveDecision.Reason.INBOUND, channels=("web",))

    answers = decide_now([kept.pk, alias.pk], at=at(0, 10), request=request)

    assert list(answers) == [kept.pk]
    assert answers[kept.pk].action_id is None
    assert not replay_live(live_run()).differing


def test_messages_decided_before_the_merge_count_for_each_other_when_they_leave():
    make_plan()
    kept, alias = make_customers(2)
    make_action(make_campaign(rank=1, control_share=0))
    FrequencyCap.objects.create(name="one a day", limit=1, window="day")
    decide_day()
    merge_customers(kept, alias, at=at(0, 1), by=None)

    deliver_messages(now=at(0, 10), owner="test")

    statuses = Delivery.objects.order_by("customer_id").values_list("status", flat=True)
    assert sorted(statuses) in (["new", "sent"], ["sent", "suppressed"])


def test_the_best_hour_is_learned_from_both():
    kept, alias = make_customers(2)
    order = make_order(alias, on=on(-3))
    type(order).objects.filter(pk=order.pk).update(kind="open")
    from psycopg import sql

    from journeys.decisions.plan_moments import OF_PERSON

    def read() -> np.ndarray:
        whose = sql.SQL("c.id = ANY({}::int8[])").format([kept.pk])
        return _engagement(whose, at(0), theirs=sql.SQL(OF_PERSON))["customer_id"]

    assert not len(read())
    merge_customers(kept, alias, at=at(0), by=None)
    assert read().tolist() == [kept.pk]


def test_events_of_a_merged_record_are_handed_out_as_the_kept_ones():
    kept, alias = make_customers(2)
    start_cursor("test")
    make_order(alias, on=DAY)
    merge_customers(kept, alias, at=at(0), by=None)
    [event] = events_after("test", ["order"], 10)
    assert event.customer_id == kept.pk


def test_decisions_during_merging_replay_unchanged():
    """Records in different blocks, decided by one thread while another merges and separates."""
    make_plan()
    kept = make_customer(pk=1 << BLOCK_BITS, registered_on=on(-100))
    alias = make_customer(pk=2 << BLOCK_BITS, registered_on=on(-100))
    make_action(
        make_campaign(rank=1, control_share=0, repeat_after_days=1), channel="web", subject=""
    )
    decide_day()
    done = threading.Event()

    def merge_and_separate() -> None:
        try:
            while not done.is_set():
                merge = merge_customers(kept, alias, at=at(0), by=None)
                undo_merge(merge, at=at(0), by=None)
        finally:
            connection.close()

    thread = threading.Thread(target=merge_and_separate)
    thread.start()
    request = Request(LiveDecision.Reason.INBOUND, channels=("web",))
    try:
        for second in range(20):
            decide_now(
                [kept.pk, alias.pk], at=at(0, 10) + timedelta(seconds=second), request=request
            )
    finally:
        done.set()
        thread.join()
    replay = replay_live(live_run())
    assert replay.n_decisions >= 20
    assert not replay.differing
