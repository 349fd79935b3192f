"""Whose birthday, renewal or other date comes round, in each customer's own time."""

from collections.abc import Iterator
from datetime import date, datetime, timedelta

from django.db import connection

from campaigns.numerics.time_zones import zones_of
from journeys.maps.numerics.journey_clock import clock, occasions
from journeys.maps.numerics.journey_graph import Step
from segments.models import Organisation

DATE_LENGTH = len("2026-03-01")
FARTHEST = timedelta(hours=15)  # of local time from UTC, with room


def coming_round(entry: Step, *, after: datetime, until: datetime) -> Iterator[tuple[int, str]]:
    """Customers and entry keys of the dates whose moment lies within (after, until].

    A yearly occasion has the year as its key, another the day. An attribute counts as a date where
    it begins with one, written 2026-03-01.
    """
    days, yearly, at = entry.get("days") or 0, bool(entry.get("yearly")), clock(entry["time"])
    zone = Organisation.current().time_zone
    for pk, text, customer_zone, country in _candidates(entry, days, yearly, after, until):
        try:
            day = date.fromisoformat(text)
        except ValueError:  # an attribute may be any text: “2026-02-31”
            continue
        local = zones_of(customer_zone, country, zone)[0]
        coming = occasions(
            day, days=days, yearly=yearly, at=at, zone=local, after=after, until=until
        )
        for occasion, _moment in coming:
            yield pk, f"date:{occasion.year if yearly else occasion}"


def _candidates(
    entry: Step, days: int, yearly: bool, after: datetime, until: datetime
) -> list[tuple[int, str, str, str]]:
    """Customers whose date may fit, whatever their zone: id, date, zone and country."""
    first, last = (
        (moment + shift).date() for moment, shift in ((after, -FARTHEST), (until, FARTHEST))
    )
    span = [first + timedelta(days=n - days) for n in range((last - first).days + 1)]
    wanted = {str(day)[5:] if yearly else str(day) for day in span}
    if yearly and "03-01" in wanted:
        wanted.add("02-29")  # comes round on 1 March where there is no such day
    column, params = _column(entry["field"])
    part = f"substr({column}, 6, 5)" if yearly else f"left({column}, {DATE_LENGTH})"
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT c.id, left({column}, {DATE_LENGTH}), c.time_zone, c.country"
            f" FROM segments_customer c WHERE {part} = ANY(%s) AND c.erased_at IS NULL"
            " ORDER BY c.id",
            [*params, *params, sorted(wanted)],
        )
        return cursor.fetchall()


def _column(field: str) -> tuple[str, list[str]]:
    prefix, _dot, name = field.partition(".")
    if prefix == "attribute":
        return "(c.attributes ->> %s)", [name]
    assert field in ("birth_date", "registered_on")
    return f"c.{field}::text", []
