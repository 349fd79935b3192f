"""Journey maps among what a second person approves: what matters of a map, and whom it reaches."""

from typing import Any

from django.contrib.auth import get_user_model

from campaigns.models import Action, Approval, Campaign
from campaigns.services.approval_subjects import (
    Subject,
    campaign_content,
    count_rule,
    features_in,
    last_edit,
)
from campaigns.services.rule_rows import values_of
from campaigns.services.rule_tables import RowChange, RuleTable
from journeys.maps.numerics.journey_graph import Graph, GraphError, parse_graph
from journeys.models import JourneyMap, MapVersion
from segments.channels import inbound_channels
from segments.models import Customer, TargetGroup

SET_BY_LAUNCHES = frozenset({"status", "seed", "running_since", "active_version"})
PLACE = {"x", "y"}  # of a step on the canvas: moving it changes nothing


def map_content(journey: JourneyMap) -> Any:
    """The map's settings, its newest drawing but for places, who enters, and its campaigns.

    Drafts of its steps are launched with it, so what they say is approved with it.
    """
    newest = newest_version(journey)
    graph = newest.graph if newest else {}
    drawn = _graph(newest)
    campaigns = Campaign.objects.filter(pk__in=drawn.campaign_ids() if drawn else ())
    steps = [{k: v for k, v in s.items() if k not in PLACE} for s in graph.get("steps", [])]
    rules = [entry_rule(drawn), journey.exit_rule, *(step.get("rule") for step in steps)]
    return [
        sorted(values_of([journey]).items()),
        steps,
        graph.get("links", []),
        entry_rule(drawn),
        [campaign_content(campaign) for campaign in campaigns.order_by("pk")],
        *sorted(values_of(features_in(*rules)).items()),
    ]


def map_audience(journey: JourneyMap) -> int:
    """Who could enter today: the target group, or all that allowed one of the map's channels."""
    graph = _graph(newest_version(journey))
    rule = entry_rule(graph)
    if rule is not None:
        return count_rule(rule)
    ids = graph.campaign_ids() if graph else set()
    channels = set(Action.objects.filter(campaign__in=ids).values_list("channel", flat=True))
    reachable = Customer.objects.contactable()
    if not channels & set(inbound_channels()):
        reachable = reachable.filter(consents__overlap=sorted(channels))
    return reachable.count()


def map_makers(journey: JourneyMap) -> set[int]:
    newest = newest_version(journey)
    names = [newest.made_by] if newest and newest.made_by else []
    users = get_user_model().objects.filter(username__in=names)
    return set(users.values_list("pk", flat=True)) | last_edit(journey)


def map_in_force(change: RowChange) -> bool:
    """Settings of a map that runs."""
    runs = JourneyMap.objects.filter(status=JourneyMap.Status.ACTIVE)
    return change.pk is not None and runs.filter(pk=change.pk).exists()


def entry_group_in_force(change: RowChange) -> bool:
    """The rule of a target group that a running map lets in."""
    if change.pk is None or change.table != TargetGroup._meta.label_lower:
        return False
    if (change.old or {}).get("rule") == (change.new or {}).get("rule"):
        return False
    runs = JourneyMap.objects.filter(status=JourneyMap.Status.ACTIVE)
    graphs = (_graph(journey.active_version) for journey in runs.select_related("active_version"))
    return any(_entry_group(graph) == change.pk for graph in graphs)


def newest_version(journey: JourneyMap) -> MapVersion | None:
    return journey.versions.order_by("-number").first()


def _graph(version: MapVersion | None) -> Graph | None:
    if version is None:
        return None
    try:
        return parse_graph(version.graph)
    except GraphError:
        return None


def _entry_group(graph: Graph | None) -> int | None:
    entry = graph.entry if graph else None
    if entry is None or entry.fork != "target_group" or type(entry.get("target_group")) is not int:
        return None
    return entry["target_group"]


def entry_rule(graph: Graph | None) -> Any:
    """The rule of the target group that enters; None where another thing lets customers in."""
    pk = _entry_group(graph)
    group = TargetGroup.objects.filter(pk=pk).first() if pk is not None else None
    return group.rule if group else None


MAP_SUBJECT = Subject(Approval.Kind.MAP, JourneyMap, map_content, map_audience, map_makers)
# Decisions read the steps that are due, not the maps.
MAP_TABLE = RuleTable(JourneyMap, map_in_force, SET_BY_LAUNCHES, in_rulebook=False)
