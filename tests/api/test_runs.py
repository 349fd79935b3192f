"""Starting a run from outside, as often as one likes."""

import threading
from datetime import date, timedelta
from unittest.mock import patch

import pytest
from django.db import connection
from django.utils import timezone
from django_q.models import OrmQ

from journeys.decisions import queue_run as queueing
from journeys.models import DecisionRun
from journeys.tasks import run_day_task
from segments.models import Organisation
from tests.api.conftest import client_of
from tests.factories import DAY, make_action, make_campaign
from tests.journeys.engine import decide_day, make_customers, make_plan

RUNS = "/api/v1/runs/"


def post(client, as_of):
    return client.post(RUNS, {"as_of": str(as_of)}, format="json")


@pytest.mark.django_db
def test_a_run_is_made_queued_and_can_be_followed_to_its_end(superuser, campaign):
    make_plan()
    make_customers(5)

    answer = post(superuser, DAY)

    assert answer.status_code == 202
    assert answer["Location"] == "http://testserver/api/v1/runs/2026-03-01/"
    assert answer.json()["status"] == "waiting"
    (task,) = OrmQ.objects.all()
    assert (task.func(), task.args()) == ("journeys.tasks.run_day_task", ("2026-03-01",))
    run_day_task(*task.args())
    done = superuser.get(answer["Location"]).json()
    assert done["status"] == "done"
    assert done["counts"]["decided"] == 5
    assert done["progress"] == {"n_chunks": 1, "n_chunks_done": 1, "n_decisions": 5}


@pytest.mark.django_db
def test_asking_again_changes_nothing_while_the_run_waits(superuser):
    first, again = post(superuser, DAY), post(superuser, DAY)

    assert (again.status_code, again.json()) == (202, first.json())
    assert again["Location"] == first["Location"]
    assert OrmQ.objects.count() == DecisionRun.objects.count() == 1


@pytest.mark.django_db
@pytest.mark.parametrize(("status", "code"), [("running", 202), ("done", 200)])
def test_a_run_that_has_begun_is_not_queued_again(superuser, run, status, code):
    DecisionRun.objects.update(status=status)

    answer = post(superuser, DAY)

    assert answer.status_code == code
    assert answer.json()["status"] == status
    assert not OrmQ.objects.exists()


@pytest.mark.django_db
def test_a_failed_run_and_one_whose_task_was_lost_are_queued_again(superuser):
    post(superuser, DAY)
    OrmQ.objects.all().delete()
    DecisionRun.objects.update(status="failed", error="The features are stale.")

    assert post(superuser, DAY).json()["error"] == ""
    assert OrmQ.objects.count() == 1
    OrmQ.objects.all().delete()
    assert post(superuser, DAY).status_code == 202
    assert OrmQ.objects.count() == 1


@pytest.mark.django_db
def test_a_day_before_the_newest_run_is_refused(superuser, run):
    answer = post(superuser, DAY - timedelta(days=1))

    assert answer.status_code == 400
    assert answer.json() == {
        "as_of": ["2026-03-01 has already been run, so earlier days can no longer be run."]
    }
    assert DecisionRun.objects.count() == 1


@pytest.mark.django_db
def test_today_is_the_organisations_and_tomorrow_has_not_begun(superuser):
    noon = timezone.now().replace(year=2026, month=3, day=1, hour=12)
    Organisation.objects.update_or_create(pk=1, defaults={"time_zone": "Pacific/Kiritimati"})

    with patch("django.utils.timezone.now", return_value=noon):  # there it is the 2nd, 2 a.m.
        refused = post(superuser, date(2026, 3, 3))
        accepted = post(superuser, date(2026, 3, 2))

    assert refused.json() == {
        "as_of": ["2026-03-03 has not begun: today is 2026-03-02 in the organisation's time zone."]
    }
    assert accepted.status_code == 202


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "as_of"),
        ({"as_of": None}, "as_of"),
        ({"as_of": 20260301}, "as_of"),
        ({"as_of": "2026-02-31"}, "as_of"),
        ({"as_of": "2026-03-01T00:00:00Z"}, "as_of"),
        ({"as_of": "1969-12-31"}, "as_of"),
        ({"as_of": "9999-12-31"}, "as_of"),
        ({"as_of": "2026-03-01", "seed": 3}, "seed"),
        (["2026-03-01"], "non_field_errors"),
    ],
)
def test_a_wrong_request_starts_nothing(superuser, body, field):
    answer = superuser.post(RUNS, body, format="json")

    assert answer.status_code == 400
    assert list(answer.json()) == [field]
    assert not DecisionRun.objects.exists()


@pytest.mark.django_db
def test_run_and_task_are_kept_together_or_not_at_all(superuser):
    broken = patch.object(queueing, "async_task", side_effect=OSError("no queue"))
    with broken, pytest.raises(OSError, match="no queue"):
        post(superuser, DAY)

    assert not DecisionRun.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_requests_at_once_make_one_run_and_one_task(django_user_model):
    n_threads = 6
    root = django_user_model.objects.create_superuser("root")
    Organisation.current()
    client = client_of(root)
    begin, answers = threading.Barrier(n_threads), []

    def ask() -> None:
        begin.wait()
        try:
            answers.append(post(client, DAY))
        finally:
            connection.close()

    for status in ("new", "waiting", "failed"):
        if status == "failed":
            OrmQ.objects.all().delete()
            DecisionRun.objects.update(status=status)
        threads = [threading.Thread(target=ask) for _ in range(n_threads)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert OrmQ.objects.count() == 1, status

    assert [answer.status_code for answer in answers] == [202] * 3 * n_threads
    assert len({answer["Location"] for answer in answers}) == 1
    assert DecisionRun.objects.count() == 1


@pytest.mark.django_db
def test_a_days_progress_is_its_own(viewer):
    make_plan()
    make_customers(3)
    make_action(make_campaign())
    decide_day()
    decide_day(DAY + timedelta(days=1))

    rows = viewer.get(RUNS).json()["results"]

    assert [row["as_of"] for row in rows] == ["2026-03-02", "2026-03-01"]
    assert [row["progress"]["n_decisions"] for row in rows] == [3, 3]
