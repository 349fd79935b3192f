"""A run says which numerics decided it; others do not recompute it, and say what was stored."""

import re
import tomllib
from datetime import UTC, datetime, timedelta

import pytest
from django.core.management import CommandError, call_command
from django.urls import reverse

from journeys.decision_version import DECISION_VERSION, RELEASES
from journeys.decisions.chunk_leases import claim_chunk
from journeys.decisions.decide_now import Request, decide_now
from journeys.decisions.start_run import request_run, start_run
from journeys.decisions.work_chunks import work_chunks
from journeys.errors import OtherDecisionVersion
from journeys.explain import explain_decision as module
from journeys.explain.explain_decision import explain_decision
from journeys.explain.replay_run import replay_live, replay_run
from journeys.learning.fit_uplift import fit_uplift
from journeys.models import Decision, DecisionRun
from reports.errors import ReportError
from reports.services.decision_log import DecisionReward
from reports.services.what_if import closed_runs
from segments.models import TargetGroup
from segments.state.build_state import build_state
from tests.factories import DAY, make_action, make_campaign, make_customer
from tests.journeys.engine import decide_day, make_customers, make_order, make_plan
from tests.test_architecture import ROOT

pytestmark = pytest.mark.django_db

OLD, NEWER = 0, DECISION_VERSION + 1
NOON = datetime(DAY.year, DAY.month, DAY.day, 12, tzinfo=UTC)
WHERE_IT_REPLAYS = (
    f"Decided by decision version {OLD}; this release decides by version {DECISION_VERSION}. "
    "To replay it, use release 0.0.7."
)


@pytest.fixture(autouse=True)
def _older_release(monkeypatch):
    monkeypatch.setitem(RELEASES, OLD, "0.0.7")


@pytest.fixture
def run():
    """A day on which every layer decided, with controls, and some who could get nothing."""
    make_plan(holdout_share=0.1, baseline_share=0.3)
    for number, customer in enumerate(make_customers(60)):
        make_order(customer, on=DAY - timedelta(days=1 + number % 40), cents=500 + 37 * number)
    make_customers(5, consents=[])
    recent = TargetGroup.objects.create(
        name="recent", rule={"field": "feature.recency_days", "op": "le", "value": 10}
    )
    make_action(make_campaign(name="Ranked", rank=1, target_group=recent, control_share=0.5))
    for name in ("A", "B"):
        make_action(make_campaign(name=name, control_share=0.3), cost_cents=2)
    banner = make_campaign(name="Banner", control_share=0)
    make_action(banner, channel="web", subject="", body="Welcome back")
    return decide_day()


def of_version(version, run):
    """The run as another release would have left it."""
    DecisionRun.objects.filter(pk=run.pk).update(decision_version=version)
    run.refresh_from_db()
    return run


def decide_live():
    customer = make_customer(registered_on=DAY - timedelta(days=100))
    answer = decide_now([customer.pk], at=NOON, request=Request("inbound", channels=("web",)))
    return Decision.objects.get(pk=answer[customer.pk].decision_id)


def test_runs_are_stamped_with_the_version_that_decides(run):
    assert run.decision_version == DECISION_VERSION
    assert decide_live().run.decision_version == DECISION_VERSION


def test_a_run_that_waited_during_an_upgrade_is_of_the_version_that_starts_it():
    make_plan()
    make_customers(3)
    waiting = of_version(OLD, request_run(DAY))
    build_state(DAY)
    fit_uplift(DAY)

    assert start_run(waiting).decision_version == DECISION_VERSION


def test_after_an_upgrade_real_time_goes_on_in_a_run_of_its_own(run, monkeypatch):
    first = decide_live().run
    monkeypatch.setattr("journeys.decisions.live_rules._latest", None)  # another process
    of_version(OLD, first)

    second = decide_live().run

    assert (second.number, second.decision_version) == (first.number + 1, DECISION_VERSION)


def test_a_replay_names_the_release_that_can_do_it(run):
    with pytest.raises(OtherDecisionVersion) as refused:
        replay_run(of_version(OLD, run))

    assert str(refused.value) == WHERE_IT_REPLAYS
    with pytest.raises(OtherDecisionVersion, match="use a newer release"):
        replay_run(of_version(NEWER, run))
    with pytest.raises(OtherDecisionVersion):
        replay_live(of_version(OLD, decide_live().run))


def test_the_replay_command_refuses_another_version_and_prints_it(run, capsys):
    call_command("replay", str(run.pk), json=True)
    assert f'"version": {DECISION_VERSION}' in capsys.readouterr().out
    of_version(OLD, run)

    with pytest.raises(CommandError, match=re.escape(WHERE_IT_REPLAYS)):
        call_command("replay", str(run.pk))


def never(*args, **kwargs):
    raise AssertionError("numerics of another version were asked")


def sorts_of(run):
    """A decision of each sort: by layer, arm, with or without a message, control or not."""
    first_of_sort = {}
    for decision in run.decisions.select_related("customer").order_by("pk"):
        sort = (decision.layer, decision.arm, decision.campaign_id is None, decision.is_control)
        first_of_sort.setdefault(sort, decision)
    return first_of_sort


def test_an_explanation_by_another_version_is_what_was_stored(run, monkeypatch):
    sorts = sorts_of(run)
    assert {sort[0] for sort in sorts} == {"held", "ranked", "auto", "baseline"}
    live = decide_live()
    decisions = [*sorts.values(), live]
    before = [explain_decision(decision) for decision in decisions]
    of_version(OLD, run)
    of_version(OLD, live.run)
    for name in ("pinned_inputs", "recompute", "recompute_live", "choice_draw", "control_draw"):
        monkeypatch.setattr(module, name, never)

    for decision, computed in zip(decisions, before, strict=True):
        explanation = explain_decision(decision)

        assert not explanation.is_recomputed
        assert explanation.not_recomputed == f"{WHERE_IT_REPLAYS} The stored decision is shown."
        verdicts = {(o.campaign, o.action): o.verdict for o in explanation.options}
        assert verdicts == {(o.campaign, o.action): o.verdict for o in computed.options}
        assert dict(explanation.features) == pytest.approx(dict(computed.features), nan_ok=True)
        assert_chosen_as_stored(explanation.chosen, computed.chosen)
        others = [option for option in explanation.options if not option.is_chosen]
        assert not any(option.prob or option.total_cents for option in others)
        assert explanation.choice_draw is explanation.control_draw is None
        assert explanation.summary


def assert_chosen_as_stored(chosen, computed):
    assert (chosen.campaign, chosen.action) == (computed.campaign, computed.action)
    assert chosen.prob == computed.prob
    if not chosen.is_none:
        parts = ("now_cents", "cost_cents", "later_cents", "slot_cents", "price_cents")
        for part in (*parts, "response_prob"):
            assert getattr(chosen, part) == pytest.approx(getattr(computed, part)), part


def test_nothing_by_value_claims_no_comparison_that_was_not_made(run):
    nothing = run.decisions.filter(layer="auto", campaign=None).first()
    of_version(OLD, run)

    explanation = explain_decision(nothing)

    assert explanation.summary.startswith(
        "Anna got no message: the engine decided by value. The probability of this was "
    )


def test_pages_and_the_api_show_the_version(run, admin_client):
    page = reverse("admin:journeys_decisionrun_change", args=[run.pk])
    assert "To replay it" not in admin_client.get(page).text
    of_version(OLD, run)
    decision = run.decisions.exclude(campaign=None).first()

    assert WHERE_IT_REPLAYS in admin_client.get(page).text
    explained = reverse("admin:journeys_decision_change", args=[decision.pk])
    assert WHERE_IT_REPLAYS in admin_client.get(explained).text
    body = admin_client.get(f"/api/v1/runs/{DAY}/").json()
    assert body["decision_version"] == OLD
    customer = decision.customer.external_id
    body = admin_client.get(f"/api/v1/decisions/{DAY}/{customer}/explanation/").json()
    assert body["not_recomputed"].startswith(WHERE_IT_REPLAYS)
    assert body["is_recomputed"] is False
    assert {option["has_evidence"] for option in body["options"]} == {None}


@pytest.fixture
def begun():
    """A run that another release began, with nobody decided yet."""
    make_plan()
    make_customers(3)
    make_action(make_campaign())
    build_state(DAY)
    fit_uplift(DAY)
    return of_version(OLD, start_run(request_run(DAY)))


def test_a_run_is_not_decided_half_by_other_numerics(begun):
    run_after = work_chunks(begun.pk, owner="new worker")

    assert run_after.status == "failed"
    assert run_after.error == f"{WHERE_IT_REPLAYS} Customers who had not been decided are left out."
    assert not Decision.objects.exists()


def test_while_workers_of_its_version_are_busy_a_run_goes_on(begun):
    claim_chunk(begun.pk, owner="old worker")

    assert work_chunks(begun.pk, owner="new worker").status == "running"


def test_changed_rules_are_valued_only_by_decisions_of_this_version(run):
    later = decide_day(DAY + timedelta(days=1))
    of_version(OLD, run)
    period = {"as_of": DAY + timedelta(days=40), "reward": DecisionReward()}

    assert closed_runs(DAY, later.as_of, **period) == [later]
    with pytest.raises(ReportError, match=r"use release 0\.0\.7"):
        closed_runs(DAY, DAY, **period)


def test_the_table_of_releases_is_complete():
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    released = re.findall(r"^## (\d+\.\d+\.\d+)", (ROOT / "CHANGELOG.md").read_text(), re.M)

    assert set(RELEASES) == {OLD, *range(1, DECISION_VERSION + 1)}
    assert RELEASES[DECISION_VERSION] == version
    assert {RELEASES[number] for number in range(1, DECISION_VERSION)} <= set(released)
