"""Travellers who wait are looked at again, because something happened. Waking twice is harmless."""

from collections.abc import Sequence
from datetime import date, datetime

from django.db import connection, transaction

from journeys.maps.steps import state_on
from journeys.maps.travellers import lock_customers
from journeys.models import JourneyMap, Traveller
from segments.rules.numerics.rule import parse_rule
from segments.rules.rule_sql import rule_sql

BATCH = 5_000

# Without `due_at` they are parked; with an earlier one they are due already.
WAKE = """
    UPDATE journeys_traveller SET due_at = %s
    WHERE status = 'travelling' AND due_at > %s AND customer_id = ANY(%s)
"""


def wake_travellers(customer_ids: Sequence[int], now: datetime) -> int:
    """Let these customers' travellers be due; the caller holds the locks of their blocks."""
    if not customer_ids:
        return 0
    with connection.cursor() as cursor:
        cursor.execute(WAKE, [now, now, sorted(set(customer_ids))])
        return cursor.rowcount


def wake_for_exit(journey: JourneyMap, today: date, now: datetime) -> int:
    """Those who wait in a map while its exit rule holds for them. Raises RuleError."""
    state = state_on(today)
    condition, params = rule_sql(parse_rule(journey.exit_rule), state)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT t.customer_id FROM journeys_traveller t"
            " JOIN segments_customer c ON c.id = t.customer_id"
            " LEFT JOIN segments_customerstate s ON s.customer_id = c.id AND s.as_of = %s"
            f" WHERE t.map_id = %s AND t.status = 'travelling' AND t.due_at > %s AND {condition}"
            " ORDER BY t.customer_id",
            [state.as_of, journey.pk, now, *params],
        )
        ids = [pk for (pk,) in cursor.fetchall()]
    n_woken = 0
    for start in range(0, len(ids), BATCH):
        with transaction.atomic():
            lock_customers(ids[start : start + BATCH])
            n_woken += wake_travellers(ids[start : start + BATCH], now)
    return n_woken


def resume(travellers: Sequence[Traveller], now: datetime) -> int:
    """Let parked travellers go on from their step; returns how many were parked."""
    with transaction.atomic():
        lock_customers(traveller.customer_id for traveller in travellers)
        parked = Traveller.objects.filter(pk__in=[t.pk for t in travellers], status="travelling")
        return parked.exclude(fault="").update(fault="", due_at=now)
