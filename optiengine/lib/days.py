"""Days and moments: where a calendar day begins, in which zone."""

from datetime import date, datetime, time
from functools import lru_cache
from zoneinfo import ZoneInfo, available_timezones

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _


@lru_cache(maxsize=1)
def known_zones() -> frozenset[str]:
    """Names of the IANA time zones this machine knows."""
    return frozenset(available_timezones())


def validate_time_zone(name: str) -> None:
    """Raises ValidationError unless `name` is an IANA time zone."""
    if name not in known_zones():
        raise ValidationError(_("“%(name)s” is not a known time zone."), params={"name": name})


def day_of(moment: datetime, zone: ZoneInfo | str) -> date:
    """The calendar day of a moment where a zone's clocks are."""
    return moment.astimezone(ZoneInfo(zone) if isinstance(zone, str) else zone).date()


def day_start(day: date, zone: str) -> datetime:
    """The first moment of a calendar day in a zone, aware.

    Where midnight does not exist (a clock change at 00:00), it is the first moment that does:
    datetime arithmetic in UTC maps the gap forward.
    """
    local = datetime.combine(day, time.min, tzinfo=ZoneInfo(zone))
    return local.astimezone(ZoneInfo("UTC"))
