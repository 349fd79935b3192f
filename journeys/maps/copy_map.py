"""A journey once more, as a draft: its drawing and settings, with copies of its campaigns."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from django.db import transaction

from campaigns.models import Campaign
from campaigns.services.copy_campaign import copy_campaign, free_name
from journeys.maps.edit_map import newest_version, save_graph
from journeys.maps.numerics.journey_graph import parse_graph
from journeys.models import JourneyMap

SETTINGS = ("goal", "exit_rule", "reentry", "reentry_days", "control_share")


@dataclass
class MapCopy:
    journey: JourneyMap
    campaigns: list[Campaign] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)  # rules that need a second person


@transaction.atomic
def copy_map(original: JourneyMap, *, by: str, at: datetime, today: date) -> MapCopy:
    """A draft with the same settings and newest drawing, whose steps send copies of the campaigns.

    So the texts of the copy can be changed without changing what runs. Nobody is in it, and its
    groups are drawn anew.
    """
    settings = {name: getattr(original, name) for name in SETTINGS}
    copy = MapCopy(JourneyMap.objects.create(name=free_name(JourneyMap, original.name), **settings))
    version = newest_version(original)
    if version is None:
        return copy
    campaigns = Campaign.objects.filter(pk__in=list(parse_graph(version.graph).campaign_ids()))
    copies = {}
    for campaign in campaigns.order_by("pk"):
        made = copy_campaign(campaign, today=today)
        copies[campaign.pk] = made.campaign.pk
        copy.campaigns.append(made.campaign)
        copy.left_out += made.left_out
    save_graph(copy.journey, _with_campaigns(version.graph, copies), by=by, at=at)
    return copy


def _with_campaigns(graph: Mapping[str, Any], copies: Mapping[int, int]) -> dict[str, Any]:
    """A drawing in which steps name the copies of their campaigns."""
    steps = [
        {**step, "campaign": copies.get(step["campaign"], step["campaign"])}
        if "campaign" in step
        else step
        for step in graph["steps"]
    ]
    return {**graph, "steps": steps}
