"""Saving what the canvas shows, unless somebody else saved since it was opened."""

from datetime import datetime

from django.db import transaction
from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import gettext as _

from journeys.errors import JourneyError
from journeys.maps.edit_map import newest_version, save_graph
from journeys.models import JourneyMap, MapVersion


class MapChanged(JourneyError):
    """Somebody saved the map after it was opened here; nothing of either was lost."""

    def __init__(self, version: MapVersion) -> None:
        text = _(
            "%(who)s saved this journey at %(when)s, after you opened it. Your "
            "changes are not lost."
        )
        when = date_format(localtime(version.made_at), "SHORT_DATETIME_FORMAT")
        super().__init__(text % {"who": version.made_by or _("Someone"), "when": when})
        self.version = version


def drawing_token(version: MapVersion | None) -> str:
    """Names one state of a map's newest drawing: another save makes another token."""
    return "" if version is None else f"{version.number} {version.made_at.isoformat()}"


@transaction.atomic
def save_drawing(
    journey: JourneyMap, graph: object, *, base: str, by: str, at: datetime
) -> MapVersion:
    """Like save_graph, for a drawing that began from the state `base`.

    Raises MapChanged, with the newest version, where that is no longer the newest state.
    """
    expect_unchanged(journey, base)
    return save_graph(journey, graph, by=by, at=at)


def expect_unchanged(journey: JourneyMap, base: str) -> None:
    """Keeps others from saving until the transaction ends. Raises MapChanged."""
    JourneyMap.objects.select_for_update(of=("self",)).get(pk=journey.pk)
    newest = newest_version(journey)
    if newest is not None and drawing_token(newest) != base:
        raise MapChanged(newest)
