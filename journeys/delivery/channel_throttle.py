"""How many messages of a channel may leave in a minute, exact over any number of workers."""

from datetime import datetime, timedelta

from django.db import connection

from journeys.models import ChannelRoute, RouteMinute

KEPT = timedelta(days=1)  # what left in which minute, for the page of the route


def left_in_minute(channel: str, *, now: datetime) -> int | None:
    """Messages that may still leave in the minute of `now`; None: as many as there are."""
    limit = _limit(channel)
    if limit is None:
        return None
    used = RouteMinute.objects.filter(channel=channel, minute=_minute(now)).first()
    return max(0, limit - (used.n_messages if used else 0))


def take(channel: str, wanted: int, *, now: datetime, together: bool = False) -> int:
    """How many of `wanted` messages may leave; they are booked to the minute of `now`.

    together : all of them or none. More than the limit, which was lowered since they were claimed,
    leave in a minute in which nothing else has: they would never leave otherwise.
    Within the caller's transaction, as the last of its locks: all workers of the channel need it.
    """
    limit = _limit(channel)
    if limit is None or not wanted:
        return wanted
    minute = _minute(now)
    with connection.cursor() as cursor:
        # The update changes nothing: it takes the row's lock, and reads what others committed.
        cursor.execute(
            "INSERT INTO journeys_routeminute AS m (channel, minute, n_messages) VALUES (%s, %s, 0)"
            " ON CONFLICT (channel, minute) DO UPDATE SET n_messages = m.n_messages"
            " RETURNING n_messages",
            [channel, minute],
        )
        [n_messages] = cursor.fetchone()
    taken = max(0, min(wanted, limit - n_messages))
    if together and taken < wanted:
        taken = 0 if n_messages else wanted
    minutes = RouteMinute.objects.filter(channel=channel)
    minutes.filter(minute=minute).update(n_messages=n_messages + taken)
    minutes.filter(minute__lt=minute - KEPT).delete()
    return taken


def next_minute(now: datetime) -> datetime:
    return _minute(now) + timedelta(minutes=1)


def _limit(channel: str) -> int | None:
    route = ChannelRoute.objects.filter(channel=channel).values_list("max_per_minute", flat=True)
    return route.first()


def _minute(now: datetime) -> datetime:
    return now.replace(second=0, microsecond=0)
