"""What must not wait for long work does not, in real clusters of the queue."""

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone
from django_q.models import OrmQ, Schedule
from django_q.tasks import async_task

from journeys.delivery.send_slots import send_slot
from journeys.jobs.run_day import PREPARING
from journeys.maps.enter_maps import enter_maps
from journeys.models import Delivery, Traveller
from journeys.tasks import deliver_task
from optiengine.management.commands.serve import MOVING, SENDING, schedule_minutes
from optiengine.serving import LONG_CLUSTER, PROMPT_CLUSTER, worker
from tests.factories import make_customer, make_delivery
from tests.journeys.drawn_maps import ENTRY, draw, launch, make_event
from tests.journeys.smtp_peer import SmtpPeer, running_smtp_peer
from tests.test_serving import wait_for

pytestmark = pytest.mark.slow

N_LONG, N_PROMPT = 2, 3  # workers
MOVE = "journeys.tasks.move_travellers"


@contextmanager
def running_clusters(peer: SmtpPeer, senders: int):
    """Both clusters as they are served, on the test's database."""
    children = [worker(LONG_CLUSTER), worker(PROMPT_CLUSTER)]
    environment = {
        "DJANGO_SETTINGS_MODULE": "tests.queue_settings",
        "TEST_DATABASE": connection.settings_dict["NAME"],
        "TEST_SMTP_PORT": str(peer.port),
        "Q_PROMPT_WORKERS": str(N_PROMPT),
        "SENDERS": str(senders),
        "LOG_LEVEL": "ERROR",
    }
    try:
        for child in children:
            child.environment = {**child.environment, **environment}
            child.start()
        yield
    finally:
        for child in children:
            child.stop(0)


def ring(name: str) -> None:
    """What a schedule asks for when its time has come."""
    schedule = Schedule.objects.get(name=name)
    async_task(schedule.func, cluster=schedule.cluster)


def n_waiting_for_the_day() -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
            " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
        )
        return cursor.fetchone()[0]


def n_sending() -> int:
    return Delivery.objects.exclude(owner="").values("owner").distinct().count()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("senders", [N_PROMPT - 1, N_PROMPT])
def test_travellers_move_while_a_long_run_and_a_long_send_take_what_workers_they_may(senders):
    """Where all may send, or in the cluster of the runs, they would wait: the negative controls."""
    now, sent = timezone.now(), threading.Event()
    launch(draw({"e": ENTRY, "w": {"kind": "wait", "for": "duration", "minutes": 60}}, "e>w"))
    enter_maps(now - timedelta(minutes=1))
    schedule_minutes()
    Schedule.objects.update(next_run=now + timedelta(days=1))  # the test rings
    with (
        connection.cursor() as cursor,
        running_smtp_peer() as peer,
        running_clusters(peer, senders),
    ):
        peer.after_taking = lambda n, server: sent.wait(60)
        cursor.execute(f"SELECT pg_advisory_lock({PREPARING})")
        try:
            for _ in range(N_LONG):  # a long run: each waits while the day is prepared
                async_task("journeys.tasks.run_day_task", now.date().isoformat())
            wait_for(lambda: n_waiting_for_the_day() == N_LONG, seconds=60)
            for number in range(N_PROMPT):
                make_delivery()
                ring(SENDING)
                wait_for(lambda n=number: n_sending() == min(n + 1, senders), seconds=60)

            async_task(MOVE)
            make_event(make_customer(), "cart", timezone.now())
            ring(MOVING[0])

            if senders < N_PROMPT:
                wait_for(Traveller.objects.exists)
            else:
                with pytest.raises(AssertionError, match="waited in vain"):
                    wait_for(Traveller.objects.exists, seconds=3)
            assert not sent.is_set()
            assert MOVE in [queued.func() for queued in OrmQ.objects.filter(key=LONG_CLUSTER)]
        finally:
            sent.set()
            cursor.execute(f"SELECT pg_advisory_unlock({PREPARING})")


@pytest.mark.django_db(transaction=True)
def test_a_worker_that_finds_no_place_leaves_the_messages_to_the_others(settings):
    settings.SENDERS = 1
    make_delivery()
    with send_slot() as is_free, ThreadPoolExecutor(1) as other:
        assert is_free
        assert other.submit(_deliver_apart).result() == "other workers are sending"

    assert deliver_task().startswith("1 sent")


def _deliver_apart() -> str:
    try:
        return deliver_task()
    finally:
        connection.close()


@pytest.mark.django_db
def test_a_task_whose_minute_is_over_has_another_one_go_on(monkeypatch):
    make_delivery()
    monkeypatch.setattr("journeys.tasks.SEND_SECONDS", 0)
    assert deliver_task().startswith("0 sent")
    [task] = OrmQ.objects.all()
    assert (task.key, task.func()) == (PROMPT_CLUSTER, "journeys.tasks.deliver_task")

    monkeypatch.undo()
    assert deliver_task().startswith("1 sent")
    assert OrmQ.objects.count() == 1
