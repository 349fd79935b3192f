"""What keeps a map from being launched: in its drawing, and in what its steps refer to."""

from collections.abc import Mapping

from campaigns.models import Campaign
from journeys.maps.describe_graph import (
    describe_graph,
    describe_graph_error,
    describe_problem,
)
from journeys.maps.numerics.journey_graph import Graph, GraphError, Problem, parse_graph, problems
from segments.models import TargetGroup
from segments.rules.numerics.rule import RuleError, parse_rule


def check_graph(json: object) -> list[dict[str, str | None]]:
    """All problems, for the canvas: [{"step": "s1", "code": "unreachable", "text": "…"}, …].

    step None: the map as a whole. Empty when the map may be launched.
    """
    try:
        graph = parse_graph(json)
    except GraphError as error:
        return [{"step": None, "code": "unreadable", "text": describe_graph_error(error)}]
    return check_drawing(graph, describe_graph(graph))


def check_drawing(graph: Graph, lines: Mapping[str, str]) -> list[dict[str, str | None]]:
    """The same of a drawing that was read. lines : of `describe_graph`."""
    return [
        {"step": p.step_id, "code": p.code, "text": describe_problem(p, graph, lines)}
        for p in graph_problems(graph)
    ]


def graph_problems(graph: Graph) -> list[Problem]:
    """The drawing's own problems, then those of the campaigns and target group it names."""
    return [*problems(graph), *_campaign_problems(graph), *_group_problems(graph)]


def _campaign_problems(graph: Graph) -> list[Problem]:
    campaigns = Campaign.objects.prefetch_related("actions").in_bulk(list(graph.campaign_ids()))
    faults = []
    for step in graph.steps.values():
        if step.kind != "send" or type(step.get("campaign")) is not int:
            continue
        campaign = campaigns.get(step["campaign"])
        if campaign is None:
            faults.append(Problem(step.id, "no_campaign"))
            continue
        name = {"name": campaign.name}
        if campaign.recurrence != Campaign.Recurrence.STEP:
            faults.append(Problem(step.id, "campaign_not_for_steps", name))
        texts = campaign.problems()
        faults += [Problem(step.id, "campaign_problem", {**name, "text": text}) for text in texts]
        # A draft is launched with the map; what somebody paused or ended is not taken up again.
        if campaign.status not in (Campaign.Status.ACTIVE, Campaign.Status.DRAFT):
            values = {**name, "status": campaign.get_status_display()}
            faults.append(Problem(step.id, "campaign_not_active", values))
    return faults


def draft_campaigns(graph: Graph) -> list[Campaign]:
    """The steps' campaigns that were not launched yet, by name: they start with the map."""
    drafts = Campaign.objects.filter(status=Campaign.Status.DRAFT, pk__in=graph.campaign_ids())
    return list(drafts.order_by("name"))


def _group_problems(graph: Graph) -> list[Problem]:
    entry = graph.entry
    if entry is None or entry.fork != "target_group" or type(entry.get("target_group")) is not int:
        return []
    group = TargetGroup.objects.filter(pk=entry["target_group"]).first()
    if group is None:
        return [Problem(entry.id, "no_target_group")]
    try:
        parse_rule(group.rule)
    except RuleError as error:
        return [Problem(entry.id, "bad_target_group", {"error": error})]
    return []
