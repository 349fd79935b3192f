"""What can be launched with an approval: how its content is read, whom it reaches, who made it.

A later app adds its own kind to SUBJECTS.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db.models import Model, Q, QuerySet

from campaigns.models import Approval, Campaign, Exclusion, FollowUp
from campaigns.services.rule_rows import values_of
from optiengine.lib.hooks import Hook
from segments.models import Customer, FeatureDefinition
from segments.rules.count_target_group import count_customers
from segments.rules.numerics.rule import FEATURE, RuleError, parse_rule
from segments.rules.rule_fields import newest_state


@dataclass(frozen=True)
class Subject:
    """One kind of what is launched. Its functions take the row."""

    kind: str  # of Approval.Kind
    model: type[Model]
    content: Callable[[Any], Any]  # as JSON: everything that matters, so that any edit shows
    audience: Callable[[Any], int]  # customers that could get it, as far as is known today
    makers: Callable[[Any], set[int]]  # ids of the users who changed it last

    def find(self, pk: int | None) -> Any:
        """The row; None where it is no longer there."""
        return self.model._default_manager.filter(pk=pk).first()


def all_customers() -> int:
    """How many are known today: those that any rule in force concerns."""
    state = newest_state()
    return state.n_customers if state else Customer.objects.persons().count()


def count_rule(rule: object) -> int:
    """For how many customers of the newest day a rule holds; all where that is unknown."""
    state = newest_state()
    if state is None:
        return all_customers()
    try:
        return count_customers(parse_rule(rule), state)
    except RuleError:
        return all_customers()


def last_edit(*rows: Model) -> set[int]:
    """Who last saved one of these rows by its form, as the admin's log says."""
    of_rows = Q(pk=None)
    for row in rows:
        of_rows |= Q(content_type=ContentType.objects.get_for_model(row), object_id=str(row.pk))
    forms = LogEntry.objects.filter(of_rows, change_message__startswith="[{")
    return set(forms.order_by("-pk").values_list("user_id", flat=True)[:1])


def campaign_content(campaign: Campaign) -> Any:
    named = Q(campaign=campaign) | Q(excluded_campaign=campaign)
    led = Q(source=campaign) | Q(target=campaign)
    rule = campaign.target_group.rule if campaign.target_group else {}
    return [
        sorted(values_of(rows).items())
        for rows in (
            [campaign],
            campaign.actions.order_by("pk"),
            Exclusion.objects.filter(named).order_by("pk"),
            FollowUp.objects.filter(led).order_by("pk"),
        )
    ] + [rule, *sorted(values_of(features_in(rule)).items())]


def features_in(*rules: Any) -> QuerySet[FeatureDefinition]:
    """The features, defined by users, that rules name: with another definition they say more."""
    named: set[str] = set()
    for rule in rules:
        with suppress(RuleError):
            named |= parse_rule(rule).fields()
    names = [field.removeprefix(FEATURE) for field in named if field.startswith(FEATURE)]
    return FeatureDefinition.objects.filter(name__in=names)


def _audience(campaign: Campaign) -> int:
    return count_rule(campaign.target_group.rule) if campaign.target_group else all_customers()


def _makers(campaign: Campaign) -> set[int]:
    group = campaign.target_group
    rows = [group, *features_in(group.rule)] if group else []
    return last_edit(campaign, *campaign.actions.all(), *rows)


SUBJECTS: Hook[Subject] = Hook(key=lambda subject: subject.kind)
SUBJECTS.add(
    Subject(Approval.Kind.CAMPAIGN, Campaign, campaign_content, _audience, _makers),
)
