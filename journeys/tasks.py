"""What the queue may ask for. A task wakes a worker up; what is left to do is in our tables."""

from django.utils.timezone import now

from journeys.services.deliver import deliver
from optiengine.lib.worker import worker_name


def deliver_task() -> str:
    """Empty the outbox. Woken twice, or on two machines, every message still leaves once."""
    counts = deliver(now=now(), owner=worker_name())
    return ", ".join(f"{n} {status}" for status, n in counts.items())
