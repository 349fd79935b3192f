"""The same day requested from two places: it is prepared once, and nobody sees it half prepared."""

import threading
import time

import pytest
from django.db import connection

from journeys.jobs import run_day as module
from journeys.jobs.run_day import run_day
from journeys.models import Decision, DecisionRun
from tests.factories import DAY, make_action, make_campaign
from tests.journeys.engine import make_customers, make_plan

pytestmark = pytest.mark.django_db(transaction=True)


def test_two_who_run_a_day_at_once_prepare_it_once(monkeypatch):
    make_plan()
    make_customers(5)
    make_action(make_campaign())
    make_action(make_campaign(run_anyway=True))  # half prepared, only this one would be decided
    fit_uplift, learned, failed = module.fit_uplift, [], []

    def learn_slowly(day):
        learned.append(day)
        time.sleep(0.3)
        fit_uplift(day)

    monkeypatch.setattr(module, "fit_uplift", learn_slowly)

    def run() -> None:
        try:
            run_day(DAY, send=False)
        except Exception as error:
            failed.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert not failed
    assert learned == [DAY]
    done = DecisionRun.objects.get()
    assert (done.status, done.state.as_of) == ("done", DAY)
    assert not done.rulebook.get("is_stale")
    assert Decision.objects.count() == 5
