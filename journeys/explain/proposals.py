"""What a dry run compares today with: a campaign launched, a map launched, rules changed."""

from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace
from datetime import date

import numpy as np
from django.db import transaction

from campaigns.errors import ApprovalRefused
from campaigns.models import Approval, Campaign
from campaigns.numerics.rulebook import Rulebook
from campaigns.numerics.rulebook_entries import CampaignEntry
from campaigns.services.approval_subjects import SUBJECTS
from campaigns.services.approvals import outdated
from campaigns.services.find_conflicts import conflicts_of, find_conflicts
from campaigns.services.load_rulebook import load_rulebook
from campaigns.services.rule_rows import put_in_place
from campaigns.services.rule_tables import RowChange
from journeys.draws import keyed_uniform
from journeys.maps.approve_map import entry_rule, newest_version
from journeys.maps.numerics.due_steps import DueSteps
from journeys.maps.numerics.journey_graph import Graph, parse_graph
from journeys.models import JourneyMap, Traveller
from segments.models import FeatureDefinition, Organisation
from segments.rules.numerics.rule import RuleError, parse_rule
from segments.rules.numerics.rule_tree import Rule
from segments.state.load_batch import CustomerBatch

BY_ITS_STEP = "step"  # note: the campaign is sent only as a step of journeys, or by an event
BY_EVENT = "event"
AS_IF_TODAY = "as_if_today"  # its schedule begins or recurs on another day
LATER_STEPS = "later_steps"  # of the map: what follows waits and splits is not looked at
NOBODY_AT_ONCE = "nobody_at_once"
UNKNOWN_FEATURE = "unknown_feature"  # the day's state lacks one that a target group asks for
NOT_SEEN = "not_seen"  # it changes what a day's state or a moment is, not the rules on it

MEASURED_BY = {model._meta.label_lower for model in (FeatureDefinition, Organisation)}


@dataclass(frozen=True)
class ExpectedEntries:
    """Customers who would enter a map at once, and come to its first message without waiting."""

    journey: JourneyMap
    rule: Rule
    campaign_id: int
    at: np.datetime64

    def among(self, batch: CustomerBatch) -> DueSteps:
        """Their steps, in a batch whose columns hold the rule's fields."""
        rows = np.flatnonzero(self.rule.mask(batch.columns, len(batch)))
        ids = batch.customer_ids[rows]
        known = Traveller.objects.filter(map=self.journey, customer_id__in=ids.tolist())
        been = np.isin(ids, list(known.values_list("customer_id", flat=True)))
        rows, ids = rows[~been], ids[~been]
        u = keyed_uniform(ids, seed=self.journey.seed, purpose="control")
        k, share = len(rows), self.journey.control_share
        return DueSteps(
            traveller_ids=np.zeros(k, dtype=np.int64),
            row=rows,
            campaign_id=np.full(k, self.campaign_id, dtype=np.int64),
            since=np.full(k, self.at),
            is_control=u < share,
            control_share=np.full(k, share),
        )


@dataclass(frozen=True)
class Proposal:
    """The rules of a day with a change, and what stands out about it."""

    present: Rulebook
    changed: Rulebook
    entrants: ExpectedEntries | None = None
    conflicts: list[str] = field(default_factory=list)  # new ones, in words
    notes: list[str] = field(default_factory=list)

    def fields(self) -> set[str]:
        """All that the rules of both sides ask for."""
        entering = self.entrants.rule.fields() if self.entrants else set()
        return self.present.fields() | self.changed.fields() | entering

    def over(self, features: Collection[str]) -> "Proposal":
        """The same on a state that holds only these features; see Rulebook.over."""
        present, changed = self.present.over(features), self.changed.over(features)
        notes = [*self.notes, UNKNOWN_FEATURE] if changed.unknown_fields else self.notes
        return replace(self, present=present, changed=changed, notes=notes)


def propose(approval: Approval, as_of: date, at: np.datetime64) -> Proposal:
    """What an approval would do on a day; at : the moment of decision, datetime64 in UTC.

    Raises RuleError where a target group cannot be read, ApprovalRefused where it is about
    something that is no longer there, or a change that can no longer be put in place.
    """
    if problem := outdated(approval):
        raise ApprovalRefused(problem)
    by_kind: dict[str, Callable[..., Proposal]] = {
        Approval.Kind.CAMPAIGN: _campaign,
        Approval.Kind.MAP: _map,
        Approval.Kind.RULES: _rules,
    }
    return by_kind[approval.kind](approval, as_of, at)


def _campaign(approval: Approval, as_of: date, _at: np.datetime64) -> Proposal:
    campaign = SUBJECTS[approval.kind].find(approval.object_id)
    present, changed = load_rulebook(as_of), load_rulebook(as_of, drafts=[campaign.pk])
    notes = []
    if campaign.recurrence == Campaign.Recurrence.STEP:
        notes.append(BY_ITS_STEP)
    elif campaign.recurrence == Campaign.Recurrence.EVENT:
        notes.append(BY_EVENT)
    elif not campaign.runs_on(as_of):
        notes.append(AS_IF_TODAY)
        entries = (_today(c) if c.id == campaign.pk else c for c in changed.campaigns)
        changed = replace(changed, campaigns=tuple(entries))
    conflicts = [conflict.text for conflict in conflicts_of(campaign)]
    return Proposal(present, changed, conflicts=conflicts, notes=notes)


def _today(campaign: CampaignEntry) -> CampaignEntry:
    return replace(campaign, runs_today=True)


def _rules(approval: Approval, as_of: date, _at: np.datetime64) -> Proposal:
    """The change is made, looked at, and rolled back: the rows themselves say what it means."""
    present, known = load_rulebook(as_of), _conflicts(as_of)
    with transaction.atomic():
        if approval.status in (Approval.Status.TRIED, Approval.Status.WAITING):
            put_in_place([RowChange(**change) for change in approval.changes])
        changed = load_rulebook(as_of)
        conflicts = [text for text in _conflicts(as_of) if text not in known]
        transaction.set_rollback(True)
    tables = {change["table"] for change in approval.changes}
    notes = [NOT_SEEN] if tables & MEASURED_BY else []
    return Proposal(present, changed, conflicts=conflicts, notes=notes)


def _conflicts(as_of: date) -> list[str]:
    try:
        return [conflict.text for conflict in find_conflicts(as_of)]
    except RuleError:  # the target group's own page says so
        return []


def _map(approval: Approval, as_of: date, at: np.datetime64) -> Proposal:
    journey = SUBJECTS[approval.kind].find(approval.object_id)
    book, version = load_rulebook(as_of), newest_version(journey)
    graph = parse_graph(version.graph) if version else None
    rule, campaign_id = entry_rule(graph), _first_message(graph)
    if rule is None or campaign_id is None:
        return Proposal(book, book, notes=[NOBODY_AT_ONCE])
    entrants = ExpectedEntries(journey, parse_rule(rule), campaign_id, at)
    return Proposal(book, book, entrants, notes=[LATER_STEPS])


def _first_message(graph: Graph | None) -> int | None:
    """The first campaign of a participant; None if they wait or are split before it."""
    step = graph.entry if graph else None
    seen: set[str] = set()
    while graph and step and step.id not in seen:
        if step.kind == "send":
            return step.get("campaign")
        if step.kind not in ("entry", "set"):
            return None
        seen.add(step.id)
        step = graph.steps.get(graph.target(step.id, "next") or "")
    return None
