"""Starting, watching and stopping the processes of `manage.py serve`."""

import os
import sys
import threading
import time
from datetime import timedelta

import pytest
from django.conf import settings
from django.utils import timezone
from django_q.models import OrmQ, Schedule, Task

from optiengine.management.commands.serve import (
    EVERY_DAY,
    EVERY_MINUTE,
    MOVING,
    PARTS,
    RENAMED,
    SENDING,
    STORING,
    children_of,
    rename_schedules,
    schedule_days,
    schedule_minutes,
)
from optiengine.serving import PROMPT_CLUSTER, Child, is_stuck, watch

WAITING = timedelta(seconds=settings.Q_CLUSTER["retry"])  # how old the lock of a new task is


def make_task(*, queued_for):
    return OrmQ.objects.create(
        key="optiengine", payload="-", lock=timezone.now() - WAITING - queued_for
    )


@pytest.mark.django_db
def test_a_task_that_nobody_takes_for_a_minute_means_the_worker_is_stuck():
    assert not is_stuck()

    make_task(queued_for=timedelta(seconds=30))
    assert not is_stuck()

    make_task(queued_for=timedelta(seconds=90))
    assert is_stuck()


@pytest.mark.django_db
def test_a_task_that_is_being_worked_on_is_no_sign_of_trouble():
    OrmQ.objects.create(key="optiengine", payload="-", lock=timezone.now() - timedelta(minutes=5))

    assert not is_stuck()


@pytest.mark.django_db
def test_of_two_workers_the_one_is_stuck_that_leaves_its_own_work_lying():
    OrmQ.objects.create(
        key=PROMPT_CLUSTER, payload="-", lock=timezone.now() - WAITING - timedelta(seconds=90)
    )

    assert is_stuck(PROMPT_CLUSTER)
    assert not is_stuck()


@pytest.mark.django_db
def test_a_schedule_that_never_fires_means_the_worker_is_stuck():
    schedule_minutes()
    Schedule.objects.update(next_run=timezone.now() - timedelta(seconds=90))
    assert not is_stuck()  # schedules are looked at twice a minute

    Schedule.objects.filter(name=SENDING).update(next_run=timezone.now() - timedelta(seconds=150))
    assert is_stuck(PROMPT_CLUSTER)
    assert not is_stuck()

    Schedule.objects.update(next_run=timezone.now() - timedelta(seconds=150))
    assert is_stuck()


@pytest.mark.django_db
def test_schedules_are_made_once_and_moved_on_request():
    for _ in range(2):
        schedule_minutes()
        schedule_days(timezone.now().time().replace(hour=3, minute=30))

    assert set(Schedule.objects.values_list("name", flat=True)) == {
        EVERY_MINUTE,
        EVERY_DAY,
        SENDING,
        STORING,
        *MOVING,
    }
    daily = Schedule.objects.get(name=EVERY_DAY)
    assert daily.next_run > timezone.now()
    assert (daily.next_run.hour, daily.next_run.minute) == (3, 30)


@pytest.mark.django_db
def test_schedules_of_an_earlier_version_keep_their_settings_under_the_new_names():
    for name in (*RENAMED, EVERY_MINUTE):  # one of them was made under its new name, too
        Schedule.objects.create(name=name, func="x", repeats=7)

    rename_schedules()
    rename_schedules()

    assert sorted(Schedule.objects.values_list("name", "repeats")) == sorted(
        (name, 7) for name in (EVERY_MINUTE, EVERY_DAY, *MOVING)
    )


@pytest.mark.django_db
def test_a_schedule_and_its_tasks_are_listed_in_the_readers_language(admin_client):
    Schedule.objects.create(name="Run a day", func="x")
    now = timezone.now()
    times = {"started": now, "stopped": now}
    Task.objects.create(id="1", name="t", func="x", group="Run a day", success=True, **times)
    Task.objects.create(id="2", name="u", func="x", group="Run a day", success=False, **times)

    for page in ("schedule", "success", "failure"):
        url = f"/admin/django_q/{page}/"
        shown = admin_client.get(url, headers={"accept-language": "pt"}).content.decode()
        assert "Executar um dia</" in shown, page


def test_a_machine_starts_the_parts_that_it_is_given():
    def names(*parts):
        return [child.name for child in children_of(parts, host="127.0.0.1", port=8000)]

    assert names(*PARTS) == ["web server", "worker", "prompt worker"]
    assert names("prompt") == ["prompt worker"]
    assert names("workers", "prompt") == ["worker", "prompt worker"]


def test_a_child_that_ignores_the_signal_ends_with_all_it_started(tmp_path):
    script = (
        "import os, signal, subprocess, sys, time\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
        f"open({str(tmp_path / 'pid')!r}, 'w').write(str(child.pid))\n"
        "time.sleep(60)\n"
    )
    child = Child("stubborn", [sys.executable, "-c", script])
    child.start()
    pid = int(wait_for(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text()))

    child.stop(0.2)

    assert not child.is_running
    wait_for(lambda: not is_alive(pid))


def test_a_child_that_dies_is_started_again(tmp_path, monkeypatch):
    monkeypatch.setattr("optiengine.serving.LOOK_SECONDS", 0.1)
    monkeypatch.setattr("optiengine.serving.RESTART_SECONDS", 0.1)
    log = tmp_path / "starts"
    child = Child("web server", ["/bin/sh", "-c", f"echo . >> {log}; sleep 0.2"])
    said = []

    def stop_after_the_third_start():
        wait_for(lambda: log.exists() and len(log.read_text().split()) >= 3)
        os.kill(os.getpid(), 15)

    threading.Thread(target=stop_after_the_third_start).start()
    watch([child], say=said.append)

    assert said[0] == "The web server ended and is being restarted."
    assert not child.is_running


def wait_for(condition, seconds=15.0):
    deadline = time.monotonic() + seconds
    while not (result := condition()):
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)
    return result


def is_alive(pid):
    """Whether a process runs; one that has ended and waits for its parent does not."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
