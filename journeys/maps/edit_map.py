"""The life of a journey map: drawn, launched, paused, ended."""

from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext as _

from campaigns.errors import CampaignNotReady, NeedsApproval
from campaigns.models import Approval
from campaigns.services.approvals import expect_approved, withdraw_changed
from campaigns.services.launch_campaign import launch_campaign
from campaigns.services.rule_rows import lock_rules
from journeys.errors import MapNeedsApproval, MapNotReady
from journeys.maps.check_map import check_graph, draft_campaigns
from journeys.maps.describe_graph import describe_graph_error
from journeys.maps.enter_maps import READER
from journeys.maps.numerics.journey_graph import GraphError, parse_graph
from journeys.models import JourneyMap, MapCursor, MapVersion
from segments.events.new_events import start_cursor
from segments.rules.describe_rule import problem_in_words
from segments.rules.numerics.rule import RuleError, parse_rule

Status = JourneyMap.Status


@transaction.atomic
def save_graph(journey: JourneyMap, graph: object, *, by: str, at: datetime) -> MapVersion:
    """Keep a drawing as the map's draft: a new number after a launch, else the same one.

    What is launched goes on as it was until the draft is launched. A draft may have problems; only
    what cannot be read at all, and any drawing of an ended map, raises MapNotReady.
    """
    journey = _locked(journey)
    if journey.status == Status.ENDED:
        raise MapNotReady([_("The journey has ended and cannot be changed.")])
    try:
        parse_graph(graph)
    except GraphError as error:
        raise MapNotReady([describe_graph_error(error)]) from error
    newest = newest_version(journey)
    if newest is None or newest.launched_at:
        newest = MapVersion(map=journey, number=newest.number + 1 if newest else 1)
    newest.graph, newest.made_at, newest.made_by = graph, at, by
    newest.save()
    withdraw_changed(Approval.Kind.MAP, journey.pk)
    return newest


@transaction.atomic
def launch_map(
    journey: JourneyMap, *, by: str, at: datetime, may_launch_campaigns: bool = True
) -> JourneyMap:
    """Let customers enter the newest version from now on, or go on where a pause stopped them.

    Who is on the way in an older version finishes there. Campaigns of its steps that are drafts
    are launched with it, if the user may launch campaigns. Raises MapNotReady with all sentences;
    MapNeedsApproval where a second person has to approve this drawing, with what its campaigns
    say, first.
    """
    lock_rules()
    journey = _locked(journey)
    newest = newest_version(journey)
    problems = []
    if journey.status == Status.ENDED:
        problems.append(_("The journey has ended and cannot be launched again."))
    if newest is None:
        problems.append(_("The canvas is empty."))
    else:
        problems += [str(problem["text"]) for problem in check_graph(newest.graph)]
    problems += _exit_rule_problems(journey)
    if problems or newest is None:
        raise MapNotReady(problems)
    if not may_launch_campaigns:
        _expect_no_drafts(newest)
    if journey.status != Status.ACTIVE or newest.pk != journey.active_version_id:
        _expect_approved(journey)
    _launch_campaigns(newest)
    if newest.launched_at is None:
        newest.launched_at, newest.launched_by = at, by
        newest.save(update_fields=["launched_at", "launched_by"])
    if journey.status != Status.ACTIVE:
        journey.running_since = at
    start_cursor(READER)  # of the very first map: what comes from now on is new
    MapCursor.objects.get_or_create(map=journey)
    journey.status, journey.active_version = Status.ACTIVE, newest
    journey.save(update_fields=["status", "active_version", "running_since"])
    return journey


def pause_map(journey: JourneyMap) -> JourneyMap:
    """Nobody enters, moves or is sent anything until the map is launched again.

    What happens meanwhile begins no journey; a message that waits to leave waits on, as long as it
    is valid. Raises MapNotReady unless the map runs.
    """
    return _move(journey, Status.PAUSED, {Status.ACTIVE, Status.PAUSED})


def end_map(journey: JourneyMap) -> JourneyMap:
    """Close the map for good: who is on the way leaves, history stays.

    Messages that wait to leave are withdrawn. Raises MapNotReady.
    """
    return _move(journey, Status.ENDED, {Status.ACTIVE, Status.PAUSED, Status.ENDED})


def newest_version(journey: JourneyMap) -> MapVersion | None:
    """What the canvas shows and a launch launches; None while nothing is drawn."""
    return journey.versions.order_by("-number").first()


def _launch_campaigns(version: MapVersion) -> None:
    for campaign in draft_campaigns(parse_graph(version.graph)):
        try:
            launch_campaign(campaign, with_map=True)
        except CampaignNotReady as error:
            raise MapNotReady([f"{campaign}: {text}" for text in error.problems]) from error


def _expect_no_drafts(version: MapVersion) -> None:
    if drafts := draft_campaigns(parse_graph(version.graph)):
        text = _(
            "These campaigns are drafts, and you do not have permission to launch campaigns: %s."
        )
        raise MapNotReady([text % ", ".join(map(str, drafts))])


def _expect_approved(journey: JourneyMap) -> None:
    try:
        expect_approved(Approval.Kind.MAP, journey)
    except NeedsApproval as error:
        raise MapNeedsApproval(error.problems) from error


def _exit_rule_problems(journey: JourneyMap) -> list[str]:
    try:
        parse_rule(journey.exit_rule)
    except RuleError as error:
        return [_("Exit rule: %(problem)s") % {"problem": problem_in_words(error)}]
    return []


@transaction.atomic
def _move(journey: JourneyMap, status: Status, origins: set[Status]) -> JourneyMap:
    journey = _locked(journey)
    if journey.status not in origins:
        text = _("The status of the journey cannot change from “%(now)s” to “%(then)s”.")
        words = {"now": journey.get_status_display(), "then": status.label}
        raise MapNotReady([text % words])
    journey.status = status
    journey.save(update_fields=["status"])
    return journey


def _locked(journey: JourneyMap) -> JourneyMap:
    return JourneyMap.objects.select_for_update(of=("self",)).get(pk=journey.pk)
