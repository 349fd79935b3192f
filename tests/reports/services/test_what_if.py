"""From a log that the engine decided to the worth of other rules."""

import io
import json
from datetime import timedelta

import numpy as np
import pytest
from django.core.management import CommandError, call_command

from campaigns.models import Arm, ArmMembership, CapacityLimit, Exclusion, FrequencyCap
from campaigns.services.read_changes import read_changes
from journeys.merges.merge_customers import merge_customers
from journeys.models import Contact, Decision
from optiengine.lib.days import day_start
from optiengine.lib.partitions import ensure_partitions
from reports.errors import ReportError
from reports.numerics.intervals import Interval
from reports.services.what_if import Answer, what_if
from segments.models import Customer, Event, TargetGroup
from tests.factories import DAY, make_action, make_campaign, make_goal
from tests.journeys.engine import decide_day, make_order, make_plan

pytestmark = [pytest.mark.django_db, pytest.mark.slow]
CLOSED = DAY + timedelta(days=30)
P_ORDER = {"none": 0.1, "A": 0.5, "B": 0.3}  # of an order of 10.00 in the days that follow


def make_many(n: int) -> None:
    Customer.objects.bulk_create(
        Customer(
            external_id=f"M{i}",
            email=f"m{i}@example.com",
            consents=["email"],
            country="PT" if i % 2 else "ES",
            registered_on=DAY - timedelta(days=100),
        )
        for i in range(n)
    )


def make_two(*, rank: int | None = None, **fields):
    """Campaigns A and B, left to the engine unless A has a rank."""
    a = make_campaign(name="A", rank=rank, **fields)
    b = make_campaign(name="B", **fields)
    return make_action(a, name="a", cost_cents=20), make_action(b, name="b", cost_cents=10)


def sent_of(decision: Decision) -> str:
    if decision.is_control or decision.campaign is None:
        return "none"
    return decision.campaign.name


def make_answers(seed: int = 1) -> None:
    """Orders by chance, after each decision of DAY, as what was sent says."""
    rng = np.random.default_rng(seed)
    ensure_partitions("segments_event", DAY, DAY)
    Event.objects.bulk_create(
        Event(
            customer_id=decision.customer_id,
            kind="order",
            occurred_at=day_start(DAY, "UTC") + timedelta(hours=15),
            amount_cents=1_000,
            source="test",
            external_id=f"after {decision.pk}",
        )
        for decision in Decision.objects.filter(as_of=DAY).select_related("campaign")
        if rng.random() < P_ORDER[sent_of(decision)]
    )


def answer_to(*written: tuple[str, str], **options) -> Answer:
    return what_if(read_changes(written), **{"as_of": CLOSED, "since": DAY} | options)


def is_about(interval: Interval, truth: float) -> bool:
    """Within twice the 95 % limits, four standard errors: that these cover is tested elsewhere."""
    return abs(interval.estimate - truth) < interval.high - interval.low


def test_a_rank_by_brute_force():
    """Nothing known: none, A and B at 1/3 each, a fifth withheld. Ranked first, A is always it.

    So P(A) goes from 4/15 to 4/5, P(nothing) from 7/15 to 1/5 and P(B) from 4/15 to 0.
    """
    make_plan()
    make_many(300)
    make_two(control_share=0.2)
    decide_day()
    make_answers()

    answer = answer_to(("rank", "A=1"))

    bought = set(Event.objects.values_list("customer_id", flat=True))
    weights, rewards = [], []
    for decision in Decision.objects.select_related("campaign"):
        sent = sent_of(decision)
        weights.append({"A": 0.8 / (4 / 15), "B": 0.0, "none": 0.2 / (7 / 15)}[sent])
        cost = {"A": 20, "B": 10, "none": 0}[sent]
        rewards.append(1_000 * (decision.customer_id in bought) - cost)
    w, r = np.array(weights), np.array(rewards)
    assert answer.value is not None
    assert answer.value.present.estimate == pytest.approx(r.mean())
    assert answer.value.ips.estimate == pytest.approx((w * r).mean() - r.mean())
    assert answer.value.snips.estimate == pytest.approx((w @ r) / w.sum() - r.mean())
    assert answer.overlap.effective_n == pytest.approx(w.sum() ** 2 / (w @ w))
    assert answer.overlap.n_touched == answer.overlap.n == 300
    assert (answer.sent_present, answer.sent_changed) == pytest.approx((8 / 15, 0.8))
    assert answer.overlap.unsupported_share == 0


def test_decisions_that_are_no_evidence_are_left_out():
    """Of merged pairs: in two arms neither counts; in one arm both, with the orders of either.

    A record that was merged before was not decided for.
    """
    plan = make_plan()
    make_many(300)
    make_two(control_share=0.2)
    customers = list(Customer.objects.order_by("pk"))
    split, alike, before = customers[:2], customers[2:4], customers[4:6]
    for customer in customers:
        arm = Arm.BASELINE if customer == split[0] else Arm.OPTIMISED
        ArmMembership.objects.create(customer=customer, plan=plan, arm=arm, since=DAY)
    morning = day_start(DAY, "UTC")
    merge_customers(*before, at=morning - timedelta(hours=12), by=None)
    decide_day()
    ensure_partitions("segments_event", DAY, DAY)
    for number, customer in enumerate([*split, alike[1], before[1], customers[6]]):
        make_order(customer, on=DAY, hour=15, cents=10**number)

    def worth() -> tuple[int, float]:
        answer = answer_to(("rank", "A=1"))
        costs = sum(
            {"A": 20, "B": 10, "none": 0}[sent_of(decision)]
            for decision in Decision.objects.filter(customer__in=counted)
        )
        assert answer.value is not None
        assert answer.n_lost == 0
        return answer.overlap.n, answer.value.present.estimate * answer.overlap.n + costs

    counted = [customer for customer in customers if customer != before[1]]
    assert worth() == (299, pytest.approx(1 + 10 + 100 + 1000 + 10_000))
    merge_customers(*alike, at=morning + timedelta(days=20), by=None)
    assert worth() == (299, pytest.approx(1 + 10 + 2 * 100 + 1000 + 10_000))
    merge_customers(*split, at=morning + timedelta(days=20), by=None)
    counted = [customer for customer in counted if customer not in split]
    assert worth() == (297, pytest.approx(2 * 100 + 1000 + 10_000))


def test_changes_are_worth_what_they_are_in_truth():
    """Present, a tenth withheld: P(none, A, B) = .4, .3, .3. In orders of 10.00 less costs:

    100 .4 + (500 - 20) .3 + (300 - 10) .3 = 271. Ranked, A: 100 .1 + 480 .9 = 442. Without B the
    others are even: 100 (.5 + .05) + 480 .45 = 271.
    """
    make_plan()
    make_many(2_000)
    make_two(control_share=0.1)
    decide_day()
    make_answers()

    ranked, paused = answer_to(("rank", "A=1")), answer_to(("pause", "B"))

    for answer, truth in ((ranked, 442 - 271), (paused, 0)):
        assert answer.value is not None
        for interval in (answer.value.ips, answer.value.snips, answer.value.doubly_robust):
            assert is_about(interval, truth)
            assert interval.high - interval.low < 120


def test_a_ranked_campaign_can_be_valued_against_nothing_by_its_controls():
    """A goes to everyone, a fifth withheld. Paused, B is left, which the log never sent."""
    make_plan()
    make_many(1_500)
    make_two(rank=1, control_share=0.2)
    decide_day()
    make_answers()

    alone = answer_to(("pause", "A"), ("pause", "B"))
    instead = answer_to(("pause", "A"))

    assert alone.value is not None
    truth = 100 - (100 * 0.2 + 480 * 0.8)
    assert is_about(alone.value.snips, truth)
    assert alone.sent_changed == 0
    assert instead.value is None
    assert (
        "of the decisions that would change were never possible in the log, so their "
        "effect cannot be estimated."
    ) in instead.refusal
    # B, held back from a fifth: .5 x .8 of what is sent then, out of .8 that moves.
    assert instead.overlap.unsupported_share == pytest.approx(0.5)


def test_a_cap_can_be_tightened_but_not_loosened():
    make_plan()
    make_many(600)
    make_two(control_share=0.1, repeat_after_days=0)
    FrequencyCap.objects.create(name="often", limit=1, window="days", length=1)
    decide_day(DAY)
    decide_day(DAY + timedelta(days=1))
    contacted = set(Contact.objects.filter(as_of=DAY).values_list("customer_id", flat=True))

    tighter, looser = answer_to(("cap", "often=1/7d")), answer_to(("cap", "often=9"))
    added = answer_to(("cap", "email=1/7d"))

    assert tighter.value is not None
    assert tighter.overlap.n_touched == len(contacted)  # on the second day
    assert added.overlap == tighter.overlap
    assert looser.overlap.n_touched == 0  # a day later the first contact no longer counts
    FrequencyCap.objects.create(name="never", limit=0, window="days", length=1, scope="all")
    decide_day(DAY + timedelta(days=2))
    shut = answer_to(("drop-cap", "never"), since=DAY + timedelta(days=2))
    assert shut.overlap.unsupported_share == pytest.approx(1)
    assert shut.refusal.startswith("100.0 %")


def test_an_exclusion_shuts_out_from_the_next_day_and_can_be_dropped():
    make_plan()
    make_many(600)
    a, _b = make_two(control_share=0.1, repeat_after_days=0)
    decide_day(DAY)
    decide_day(DAY + timedelta(days=1))
    n_after_a = Contact.objects.filter(as_of=DAY, action=a).count()

    answer = answer_to(("exclude", "A,B,5"))

    assert answer.overlap.n_touched == n_after_a
    assert answer.value is not None
    Exclusion.objects.create(
        name="a then b", campaign=a.campaign, excluded_campaign=_b.campaign, days=9
    )
    decide_day(DAY + timedelta(days=2))
    dropped = answer_to(("drop-exclusion", "a then b"), since=DAY + timedelta(days=2))
    assert dropped.refusal


def test_a_narrower_target_group_leaves_out_who_is_not_in_it():
    make_plan()
    make_many(400)
    make_two(control_share=0.1)
    group = TargetGroup.objects.create(
        name="Portugal", rule={"field": "country", "op": "eq", "value": "PT"}
    )
    decide_day()

    answer = answer_to(("target", f"A={group.name}"))

    assert answer.overlap.n_touched == 200
    assert answer.value is not None


def test_a_target_group_can_be_widened_only_where_the_log_has_been():
    make_plan()
    make_many(400)
    group = TargetGroup.objects.create(
        name="Portugal", rule={"field": "country", "op": "eq", "value": "PT"}
    )
    make_two(control_share=0.1, target_group=group)
    decide_day()

    answer = answer_to(("target", "A="))

    assert answer.overlap.n_touched == 200
    assert answer.overlap.unsupported_share == pytest.approx(1)


def test_who_will_be_in_the_new_target_group_tomorrow_is_not_in_it_today():
    """Half the customers are registered for 98 days, half for 100; the new group begins at 100."""
    make_plan()
    make_many(400)
    Customer.objects.filter(country="ES").update(registered_on=DAY - timedelta(days=98))
    make_two(control_share=0.1)
    TargetGroup.objects.create(
        name="Regulars", rule={"field": "registered_days", "op": "ge", "value": 100}
    )
    decide_day()

    answer = answer_to(("target", "A=Regulars"))

    assert answer.overlap.n_touched == 200


def test_turns_at_a_volume_that_runs_out_are_taken_again():
    """240 messages for 2,400 customers: most decisions came when nothing was left.

    What is expected is not what was sent: turns come to an end with the 240th message, and those
    who had one were sent it with p = .44. Turns: 240 / p, with s.d. √(240 (1 − p)) / p = 26; of
    the messages expected in them, for each customer, the s.d. is 26 p / 2,400 = .005.
    """
    make_plan()
    make_many(2_400)
    make_two(control_share=0.1)
    CapacityLimit.objects.create(name="volume", maximum=240, period="day")
    decide_day()

    answer = answer_to(("pause", "B"))

    assert answer.n_lost == 0
    assert 240 < answer.overlap.n_touched < 2_400
    assert answer.sent_present == pytest.approx(0.1, abs=0.02)


def test_customers_who_buy_every_day_count_once():
    """Two runs of the same customers: limits are by customer, wider than by decision."""
    make_plan()
    make_many(300)
    make_two(control_share=0.1, repeat_after_days=0)
    decide_day(DAY)
    decide_day(DAY + timedelta(days=1))

    answer = answer_to(("rank", "A=1"))

    assert (answer.n_runs, answer.overlap.n, answer.overlap.n_customers) == (2, 600, 300)


def test_a_goal_with_a_price_counts_its_events():
    make_plan()
    make_many(300)
    make_two(control_share=0.1)
    decide_day()
    make_answers()
    goal = make_goal(event_kind="order", window_days=3, value_per_event_cents=70)

    answer = answer_to(("rank", "A=1"), goal=goal)

    n_sent = dict.fromkeys(("A", "B", "none"), 0)
    for decision in Decision.objects.select_related("campaign"):
        n_sent[sent_of(decision)] += 1
    earned = 70 * Event.objects.count() - 20 * n_sent["A"] - 10 * n_sent["B"]
    assert answer.value is not None
    assert answer.value.present.estimate == pytest.approx(earned / 300)
    assert answer.window_days == 3


def test_decisions_that_cannot_be_computed_again_are_counted_and_refused():
    make_plan()
    make_many(300)
    make_two(control_share=0.1)
    decide_day()
    victims = Decision.objects.order_by("pk").values_list("pk", flat=True)[:30]
    Decision.objects.filter(pk__in=list(victims)).update(assignment_prob=0.9)

    answer = answer_to(("rank", "A=1"))

    assert (answer.n_lost, answer.value) == (30, None)
    assert answer.refusal.startswith("30 decisions (10.0 % of the log) cannot be reproduced")


def test_what_is_sent_in_addition_is_not_valued():
    make_plan()
    make_many(300)
    make_two(control_share=0.1)
    make_action(make_campaign(name="Beside", in_addition=True))
    decide_day()

    answer = answer_to(("pause", "Beside"))

    assert "sent alongside the day's campaign" in answer.refusal


def test_open_windows_are_waited_for():
    make_plan()
    make_many(20)
    make_two()
    decide_day()

    with pytest.raises(ReportError, match="window of 14 days had closed by 2026-03-15"):
        answer_to(("rank", "A=1"), as_of=DAY + timedelta(days=14))
    assert answer_to(("rank", "A=1"), as_of=DAY + timedelta(days=15)).n_runs == 1


def test_the_command_prints_a_table_and_json():
    make_plan()
    make_many(300)
    make_two(control_share=0.1)
    decide_day()
    make_answers()
    table, lines = io.StringIO(), io.StringIO()
    arguments = ["whatif", "--rank=A=1", f"--as-of={CLOSED}", f"--since={DAY}"]

    call_command(*arguments, stdout=table)
    call_command(*arguments, "--json", stdout=lines)

    figures = json.loads(lines.getvalue())
    assert "300 decisions on 300 customers in 1 runs" in table.getvalue()
    assert "difference: doubly robust" in table.getvalue()
    assert figures["doubly_robust_low"] < figures["doubly_robust"] < figures["doubly_robust_high"]
    assert (figures["n"], figures["refusal"]) == (300, "")


def test_the_command_refuses_in_words():
    make_plan()
    make_many(3)
    make_two()
    decide_day()
    refused = {
        (): "Specify at least one change.",
        ("--rank=Nope=1",): "no campaign named “Nope”",
        ("--rank=A",): "no equals sign",
        ("--rank=A=0",): "whole number from 1",
        ("--cap=A=1",): "” is not a cap, a channel or “all channels”.",
        ("--cap=email=1",): "”: a new cap needs a window, such as 1/7d.",
        ("--cap=email=1/7w",): "a limit such as",
        ("--drop-cap=x",): "no cap named",
        ("--exclude=A,x,5",): "” must name two campaigns.",
        ("--drop-exclusion=x",): "no exclusion named",
        ("--target=A=nobody",): "” must name a campaign and a target group.",
        ("--auto=A",): "auto A: this changes nothing",
        ("--rank=A=1", "--goal=x"): "no goal named x",
        ("--rank=A=1", "--since=2025-01-01", "--until=2025-02-01"): "There is no finished run from",
        ("--rank=A=1", "--window-days=0"): "between 1 and 366",
    }

    for arguments, message in refused.items():
        with pytest.raises(CommandError, match=message):
            call_command("whatif", f"--as-of={CLOSED}", f"--until={DAY}", *arguments)
