"""A day whose customer data is missing: who is run all the same, and who says so."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission, User
from django.urls import reverse

from campaigns.numerics.verdict_codes import Verdict
from journeys.decisions.queue_run import run_anyway
from journeys.errors import RunRefused, StaleState
from journeys.explain.explain_decision import explain_decision
from journeys.explain.replay_run import replay_run
from journeys.jobs.run_day import run_day
from journeys.models import Contact, Decision, DecisionRun
from tests.factories import DAY, make_action, make_campaign
from tests.journeys.engine import decide_day, make_customers, make_plan

pytestmark = pytest.mark.django_db
NEXT = DAY + timedelta(days=1)


@pytest.fixture
def no_state_tomorrow(monkeypatch):
    """The day before is decided; then building the state fails."""
    make_plan()
    make_customers(4)
    decide_day()

    def fail(*arguments, **how):
        raise OSError("The data did not come.")

    monkeypatch.setattr("journeys.jobs.run_day.build_state", fail)


def test_without_data_nothing_is_run_and_the_run_says_why(no_state_tomorrow):
    make_action(make_campaign(rank=1))

    with pytest.raises(StaleState):
        run_day(NEXT, send=False)

    run = DecisionRun.objects.get(as_of=NEXT)
    assert run.status == "not_run"
    assert run.error == (
        "Not run: customer data is from 2026-03-01, not from 2026-03-02. OSError: The "
        "data did not come."
    )
    assert not Contact.objects.filter(as_of=NEXT).exists()


def test_what_is_to_run_anyway_is_decided_on_the_older_data_and_nothing_else(no_state_tomorrow):
    make_action(make_campaign(rank=1))
    urgent = make_action(make_campaign(rank=2, run_anyway=True))

    run = run_day(NEXT, send=False).run

    assert (run.status, run.state.as_of) == ("done", DAY)
    assert set(Contact.objects.filter(as_of=NEXT).values_list("action", flat=True)) == {urgent.pk}
    assert Decision.objects.filter(as_of=NEXT).count() == 4
    decision = Decision.objects.filter(as_of=NEXT).first()
    assert decision.verdicts[0] == Verdict.STALE_FEATURES
    why = [option.verdict for option in explain_decision(decision).options]
    assert "Not run: the day's customer data was missing." in why
    replay = replay_run(run)
    assert (replay.n_decisions, replay.differing, replay.missing) == (4, [], [])


def test_a_person_may_have_everything_run_anyway(no_state_tomorrow, client):
    action = make_action(make_campaign(rank=1))
    with pytest.raises(StaleState):
        run_day(NEXT, send=False)
    run = DecisionRun.objects.get(as_of=NEXT)
    url = reverse("admin:journeys_decisionrun_run_anyway", args=[run.pk])
    page = reverse("admin:journeys_decisionrun_change", args=[run.pk])
    ana = User.objects.create_user("ana", is_staff=True)
    ana.user_permissions.add(Permission.objects.get(codename="view_decisionrun"))
    client.force_login(ana)
    assert "Run with the latest data" not in client.get(page).text
    assert client.post(url).status_code == 403

    ana.user_permissions.add(Permission.objects.get(codename="change_decisionrun"))
    assert "Run with the latest data" in client.get(page).text
    assert client.get(url).status_code == 403
    client.post(url)

    run = run_day(NEXT, send=False).run
    assert (run.status, run.run_anyway_by, run.state.as_of) == ("done", "ana", DAY)
    assert set(Contact.objects.filter(as_of=NEXT).values_list("action", flat=True)) == {action.pk}
    assert "All campaigns, run with older data by ana" in client.get(page).text
    with pytest.raises(RunRefused):
        run_anyway(run, by="ben")


def test_data_that_came_late_runs_the_day_as_ever(no_state_tomorrow, monkeypatch):
    make_action(make_campaign(rank=1))
    with pytest.raises(StaleState):
        run_day(NEXT, send=False)
    monkeypatch.undo()

    run = run_day(NEXT, send=False).run

    assert (run.status, run.state.as_of, run.error) == ("done", NEXT, "")
