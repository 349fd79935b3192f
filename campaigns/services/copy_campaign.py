"""A campaign once more, as a draft: with its actions and rules, without anything it brought."""

from dataclasses import dataclass, field
from datetime import date
from typing import Any, cast

from django.db import transaction
from django.db.models import CharField, Model, Q
from django.utils.translation import gettext as _

from campaigns.models import (
    Action,
    Campaign,
    CapacityLimit,
    Exclusion,
    FollowUp,
    MinimumEvidence,
)
from campaigns.services.approval_subjects import all_customers
from campaigns.services.approvals import is_above_limit
from segments.models import Organisation

Status = Campaign.Status


@dataclass
class CampaignCopy:
    campaign: Campaign
    actions: dict[int, Action] = field(default_factory=dict)  # by the id of the original's
    left_out: list[str] = field(default_factory=list)  # rules that need a second person


@transaction.atomic
def copy_campaign(original: Campaign, *, today: date) -> CampaignCopy:
    """A draft with the same settings, actions, tags, limits, exclusions and follow-ups.

    It begins on the original's first day, or today where that is past, and lasts as long. Goal and
    target group are shared. A rule that would be in force at once, and needs the approval of a
    second person here, is left out and named.
    """
    row = Campaign.objects.get(pk=original.pk)
    copy = CampaignCopy(row)
    shift = max(row.starts_on, today) - row.starts_on
    tags, ignored = list(row.tags.all()), list(row.ignores_durations_of.all())
    fixed = row.fixed_action_id
    row.starts_on += shift
    row.ends_on = row.ends_on and row.ends_on + shift
    row.status, row.fixed_action = Status.DRAFT, None
    row.name = free_name(Campaign, row.name)
    _insert(row)
    row.tags.set(tags)
    row.ignores_durations_of.set(ignored)
    for action in Action.objects.filter(campaign=original.pk).order_by("pk"):
        copy.actions[action.pk] = action
        action.campaign = row
        _insert(action)
    if fixed in copy.actions:
        row.fixed_action = copy.actions[fixed]
        row.save(update_fields=["fixed_action"])
    for evidence in MinimumEvidence.objects.filter(campaign=original.pk):
        evidence.campaign = row
        _insert(evidence)
    _copy_exclusions(original.pk, row)
    _copy_rules_in_force(original.pk, copy)
    return copy


def free_name(model: type[Model], name: str) -> str:
    """Of a copy: “Spring (copy)”, “Spring (copy 2)” and so on, as long as the column allows."""
    longest = cast(CharField, model._meta.get_field("name")).max_length or 100
    number = 1
    while True:
        mark = _("copy") if number == 1 else f"{_('copy')} {number}"
        ending = f" ({mark})"
        free = f"{name[: longest - len(ending)]}{ending}"
        if not model._default_manager.filter(name=free).exists():
            return free
        number += 1


def _copy_exclusions(original: int, row: Campaign) -> None:
    """What it blocks and what blocks it: with a draft at one end they block nothing yet."""
    ends = Q(campaign=original) | Q(excluded_campaign=original)
    for exclusion in Exclusion.objects.filter(ends).order_by("pk"):
        if exclusion.campaign_id == original:
            exclusion.campaign = row
        if exclusion.excluded_campaign_id == original:
            exclusion.excluded_campaign = row
        _insert(exclusion)


def _copy_rules_in_force(original: int, copy: CampaignCopy) -> None:
    """Follow-ups and limits: some of them are in force as soon as they are there."""
    needs_approval = is_above_limit(all_customers(), Organisation.current().approval_audience)
    ends = Q(source=original) | Q(target=original)
    for step in FollowUp.objects.filter(ends).select_related("target").order_by("pk"):
        if needs_approval and step.target_id != original and step.target.status == Status.ACTIVE:
            copy.left_out.append(str(step))
            continue
        if step.source_id == original:
            step.source = copy.campaign
        if step.target_id == original:
            step.target = copy.campaign
        _insert(step)
    scopes = Q(campaign=original) | Q(action__in=copy.actions)
    for limit in CapacityLimit.objects.filter(scopes).order_by("pk"):
        if needs_approval and limit.is_active:
            copy.left_out.append(str(limit))
            continue
        limit.campaign = copy.campaign if limit.campaign_id else None
        limit.action = copy.actions[limit.action_id] if limit.action_id else None
        limit.name = free_name(CapacityLimit, limit.name)
        _insert(limit)


def _insert(row: Any) -> None:
    """A row that was read, as a new one."""
    row.pk = None
    row._state.adding = True
    row.save()
