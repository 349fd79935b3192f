"""A feature that was made since the day's state: its campaign waits, all others go on."""

from datetime import UTC, datetime, time, timedelta

import numpy as np
import pytest

from campaigns.models import CapacityLimit
from campaigns.numerics.rulebook import Rulebook
from campaigns.numerics.verdict_codes import Verdict
from campaigns.services.describe_verdict import VerdictWords
from campaigns.services.load_rulebook import load_rulebook
from journeys.decisions.decide_again import decide_again
from journeys.decisions.decide_now import Request, decide_now
from journeys.decisions.queue_run import run_anyway
from journeys.decisions.work_chunks import work_chunks
from journeys.errors import StaleState
from journeys.explain.explain_decision import explain_decision
from journeys.explain.replay_run import replay_live, replay_run
from journeys.jobs.run_day import run_day
from journeys.learning.fit_uplift import fit_uplift
from journeys.models import Contact, Decision, DecisionRun
from segments.models import FeatureDefinition, Organisation, TargetGroup
from segments.state.build_state import build_state
from tests.factories import DAY, make_action, make_campaign
from tests.journeys.engine import decide_day, make_customers, make_order, make_plan

pytestmark = pytest.mark.django_db

NEXT = DAY + timedelta(days=1)
NOON = datetime.combine(DAY, time(12), UTC)
ON_THE_PAGE = Request("inbound", channels=("web",))
WORDS = "Not decided: its target group uses data that is missing for this day: visits_7d."


@pytest.fixture
def shop():
    """Four customers who ordered, a banner and a letter for everyone."""
    customers = make_customers(4)
    for customer in customers:
        make_order(customer, on=DAY - timedelta(days=5))
    make_plan()
    banner = make_campaign(name="Banner", control_share=0, rank=2, repeat_after_days=0)
    make_action(banner, channel="web", subject="", body="Welcome back")
    make_action(make_campaign(name="Letter", control_share=0, rank=2, repeat_after_days=0))
    return customers


def make_feature():
    return FeatureDefinition.objects.create(
        name="visits_7d", label="Visits", aggregate="count", event_kind="visit", window_days=7
    )


def launch_for_frequent_visitors(channel):
    """A campaign that would go first, for all with less than one visit in a week: everyone."""
    rule = {"field": "feature.visits_7d", "op": "lt", "value": 1}
    group = TargetGroup.objects.create(name="Rare visitors", rule=rule)
    campaign = make_campaign(name="Come back", control_share=0, rank=1, target_group=group)
    return make_action(campaign, channel=channel)


def ask(customer, at=NOON):
    return decide_now([customer.pk], at=at, request=ON_THE_PAGE)[customer.pk]


def test_a_page_is_answered_by_all_other_campaigns(shop):
    decide_day()
    make_feature()
    new = launch_for_frequent_visitors("web")

    answer = ask(shop[0])

    decision = Decision.objects.get(pk=answer.decision_id)
    assert decision.campaign.name == "Banner"
    explanation = explain_decision(decision)
    assert {option.action: option.verdict for option in explanation.options}[new.name] == WORDS
    assert explanation.agrees
    assert replay_live(decision.run).differing == []


def test_the_day_that_has_the_feature_decides_the_campaign(shop):
    decide_day()
    make_feature()
    new = launch_for_frequent_visitors("web")
    decide_day(NEXT)

    answer = ask(shop[0], at=NOON + timedelta(days=1))

    assert answer.action_id == new.pk


def test_a_day_decided_again_loses_only_the_new_campaign(shop):
    """Every customer had the letter; without budgets nothing would have rolled the loss back."""
    Organisation.current()
    Organisation.objects.update(lock_time=time(12))
    run = decide_day()
    make_feature()
    new = launch_for_frequent_visitors("email")

    made = decide_again(run, now=datetime.combine(DAY, time(10), run.decided_at.tzinfo))
    made = work_chunks(made.pk, owner="test")

    assert (made.status, made.error) == ("done", "")
    assert Contact.objects.filter(as_of=DAY).count() == 4
    index = [action["id"] for action in made.rulebook["actions"]].index(new.pk)
    verdicts = Decision.objects.filter(run=made).values_list("verdicts", flat=True)
    assert {row[index] for row in verdicts} == {Verdict.UNKNOWN_FEATURE}
    assert replay_run(made).differing == []


def test_a_budget_is_priced_without_the_new_campaign(shop):
    Organisation.current()
    Organisation.objects.update(lock_time=time(12))
    CapacityLimit.objects.create(name="Two a day", maximum=2, period="day")
    run = decide_day()
    make_feature()
    launch_for_frequent_visitors("email")

    made = decide_again(run, now=datetime.combine(DAY, time(10), run.decided_at.tzinfo))
    made = work_chunks(made.pk, owner="test")

    assert (made.status, Contact.objects.filter(as_of=DAY).count()) == ("done", 2)


def test_a_state_whose_features_nothing_was_learned_for_yet_waits_for_its_model(shop):
    """Between state and model the pair of the day before serves; then the new one."""
    decide_day()
    make_feature()
    new = launch_for_frequent_visitors("web")
    build_state(NEXT)

    before = ask(shop[0], at=NOON + timedelta(days=1))
    fit_uplift(NEXT)
    after = ask(shop[1], at=NOON + timedelta(days=1))

    runs = DecisionRun.objects.filter(kind="live").order_by("number")
    assert [run.state.as_of for run in runs] == [DAY, NEXT]
    assert Decision.objects.get(pk=before.decision_id).campaign.name == "Banner"
    assert after.action_id == new.pk
    for run in runs:
        assert replay_live(run).differing == []


def test_without_a_pair_fresh_enough_nothing_is_decided(shop):
    decide_day()
    make_feature()
    build_state(DAY + timedelta(days=2))  # new features, and no model: the pair is of DAY

    with pytest.raises(StaleState, match="from 2026-03-01, not from 2026-03-03"):
        ask(shop[0], at=NOON + timedelta(days=2))


def test_a_run_in_spite_of_missing_learning_takes_the_pair_before(shop, monkeypatch):
    decide_day()
    make_feature()
    make_action(make_campaign(name="Urgent", rank=1, control_share=0, run_anyway=True))

    def fail(*arguments, **how):
        raise OSError("Learning failed.")

    monkeypatch.setattr("journeys.jobs.run_day.fit_uplift", fail)
    run = run_day(NEXT, send=False).run

    assert (run.status, run.error, run.state.as_of) == ("done", "", DAY)
    sent = Contact.objects.filter(as_of=NEXT).values_list("campaign__name", flat=True)
    assert list(sent) == ["Urgent"] * 4
    assert replay_run(run).differing == []


def test_running_all_campaigns_on_older_data_runs_those_that_can_be_decided(shop, monkeypatch):
    decide_day()
    make_feature()
    launch_for_frequent_visitors("email")
    monkeypatch.setattr("journeys.jobs.run_day.fit_uplift", lambda day: 1 / 0)
    with pytest.raises(StaleState):
        run_day(NEXT, send=False)
    run_anyway(DecisionRun.objects.get(as_of=NEXT), by="ana")

    run = run_day(NEXT, send=False).run

    assert (run.status, run.state.as_of) == ("done", DAY)
    sent = Contact.objects.filter(as_of=NEXT).values_list("campaign__name", flat=True)
    assert list(sent) == ["Letter"] * 4


def test_a_feature_that_is_switched_off_serves_until_the_next_state(shop):
    feature = make_feature()
    new = launch_for_frequent_visitors("web")
    decide_day()
    FeatureDefinition.objects.filter(pk=feature.pk).update(is_active=False)

    assert ask(shop[0]).action_id == new.pk


def test_a_rulebook_says_what_a_state_lacks():
    make_feature()
    launch_for_frequent_visitors("web")
    make_action(make_campaign(name="Letter"))
    book = load_rulebook(DAY)

    lacking, known = book.over(["recency_days"]), book.over(["recency_days", "visits_7d"])

    assert known == book
    assert lacking.unknown_fields == ("feature.visits_7d",)
    assert lacking.fields() == set()
    assert lacking.has_unknown_group.tolist() == [c.name == "Come back" for c in book.campaigns]
    assert Rulebook.from_json(lacking.to_json()) == lacking
    index = int(np.flatnonzero(lacking.has_unknown_group)[0])
    assert VerdictWords(lacking)(index, Verdict.UNKNOWN_FEATURE) == WORDS
