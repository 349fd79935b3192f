"""The newest day that a report can be about."""

from datetime import date

from django.db.models import Max

from journeys.models import Outcome
from segments.models import StateBuild


def latest_day() -> date | None:
    """The last day whose state was built or whose outcomes were measured; None before any."""
    days = (
        StateBuild.objects.aggregate(day=Max("as_of"))["day"],
        Outcome.objects.aggregate(day=Max("measured_on"))["day"],
    )
    return max((day for day in days if day), default=None)
