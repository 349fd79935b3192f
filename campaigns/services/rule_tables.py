"""The tables that rules are made of: the one list from which all else about rules derives.

What is approved, put in place, hashed and read again in real time are the tables of RULE_TABLES.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any

from django.apps import apps
from django.db.models import Model

from campaigns.models import (
    Action,
    ArmPlan,
    Campaign,
    CapacityLimit,
    Exclusion,
    FollowUp,
    FrequencyCap,
    Goal,
    MinimumEvidence,
    MinimumGap,
    QuietHours,
    Tag,
)
from optiengine.lib.hooks import Hook
from segments.models import FeatureDefinition, Organisation, TargetGroup

Status = Campaign.Status
Values = dict[str, Any]  # of a row, by field, as JSON has them

# Of the organisation: what days, windows and stages of the life cycle are counted by.
MEASURES = ("time_zone", "new_days", "at_risk_days", "lapsed_days")


@dataclass(frozen=True)
class RowChange:
    """What becomes of a row: `old` None makes it, `new` None deletes it; else what differs."""

    table: str  # "campaigns.frequencycap"
    pk: int | None
    name: str
    old: Values | None
    new: Values | None

    @property
    def model(self) -> type[Model]:
        return apps.get_model(self.table)

    @property
    def versions(self) -> list[Values]:
        """The row before and after, where there is one."""
        return [values for values in (self.old, self.new) if values]

    def trimmed(self) -> "RowChange":
        """With only the fields that differ, so that changes of other fields do not collide."""
        if self.old is None or self.new is None:
            return self
        fields = [name for name in self.new if self.old.get(name) != self.new[name]]
        return replace(
            self,
            old={name: self.old.get(name) for name in fields},
            new={name: self.new[name] for name in fields},
        )

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class RuleTable:
    """A table of rules.

    in_force : whether a change, with all fields, has an effect on what runs or is a limit on it, so
        that a second person has to approve it. None: one person may change the table.
    set_by_services : fields that are no rule, and the stop switch, which works at once.
    in_rulebook : whether decisions read the table; real time then notices each change.
    """

    model: type[Model]
    in_force: Callable[[RowChange], bool] | None
    set_by_services: frozenset[str] = frozenset()
    in_rulebook: bool = True

    @property
    def label(self) -> str:
        return self.model._meta.label_lower


def rule_table(label: str) -> RuleTable:
    """Raises ValueError for a table that is not registered: it must not pass without approval."""
    if label not in RULE_TABLES:
        raise ValueError(f"{label} is not registered in RULE_TABLES.")
    return RULE_TABLES[label]


def approved_tables() -> list[RuleTable]:
    """Those that a second person approves changes of, in the order in which rows can be made."""
    return [table for table in RULE_TABLES if table.in_force]


def rulebook_models() -> list[type[Model]]:
    """All models that decisions read rules from, with those of many-to-many relations."""
    models = [table.model for table in RULE_TABLES if table.in_rulebook]
    relations = [field.remote_field.through for m in models for field in m._meta.many_to_many]
    return [*models, *filter(None, relations)]


def is_in_force(change: RowChange) -> bool:
    """Whether a second person has to approve a change of a row, which comes with all fields.

    What belongs to a draft is part of what is approved when the draft is launched.
    """
    in_force = rule_table(change.table).in_force
    return (in_force is not None and in_force(change)) or any(
        says(change) for says in ALSO_IN_FORCE
    )


def _runs(**which: object) -> bool:
    return Campaign.objects.filter(status=Status.ACTIVE, **which).exists()


def _organisation(change: RowChange) -> bool:
    old, new = change.old or {}, change.new or {}
    audience, new_audience = old.get("approval_audience"), new.get("approval_audience")
    lock, new_lock = old.get("lock_time"), new.get("lock_time")
    return (
        any(old.get(name) != new.get(name) for name in MEASURES)
        or (audience is not None and (new_audience is None or new_audience > audience))
        or (lock is not None and (new_lock is None or new_lock < lock))
    )


def _feature(change: RowChange) -> bool:
    """A new feature is in no rule yet, and a label is a label."""
    old, new = change.old or {}, change.new or {}
    if not old:
        return False
    is_same = bool(new) and {**old, "label": ""} == {**new, "label": ""}
    return not is_same and (old["is_active"] or new.get("is_active", False))


def _target_group(change: RowChange) -> bool:
    is_same = (change.old or {}).get("rule") == (change.new or {}).get("rule")
    return not is_same and _runs(target_group=change.pk)


def _exclusion(change: RowChange) -> bool:
    ends = {values[end] for values in change.versions for end in ("campaign", "excluded_campaign")}
    named = Campaign.objects.filter(pk__in=ends - {None})
    return named.exclude(status=Status.DRAFT).count() == len(ends - {None})


def _evidence(change: RowChange) -> bool:
    return any(not v["campaign"] or _runs(pk=v["campaign"]) for v in change.versions)


def _limit(change: RowChange) -> bool:
    return any(values["is_active"] for values in change.versions)


# In the order in which rows can be made; the other way round they can be deleted.
RULE_TABLES: Hook[RuleTable] = Hook(key=lambda table: table.label)
RULE_TABLES.add(
    RuleTable(Organisation, _organisation, frozenset({"sending_stopped"})),
    RuleTable(FeatureDefinition, _feature),
    RuleTable(Tag, lambda change: False),
    RuleTable(TargetGroup, _target_group, frozenset({"n_customers", "counted_on"})),
    RuleTable(Goal, None),
    RuleTable(ArmPlan, None),
    RuleTable(Campaign, lambda change: _runs(pk=change.pk), frozenset({"status"})),
    RuleTable(Action, lambda change: any(_runs(pk=v["campaign"]) for v in change.versions)),
    RuleTable(MinimumEvidence, _evidence),
    RuleTable(Exclusion, _exclusion),
    # It makes its target a step of a series.
    RuleTable(FollowUp, lambda change: any(_runs(pk=v["target"]) for v in change.versions)),
    RuleTable(FrequencyCap, _limit),
    RuleTable(MinimumGap, _limit),
    RuleTable(QuietHours, _limit),
    RuleTable(CapacityLimit, _limit),
)
# What later apps have running that a change of these tables concerns.
ALSO_IN_FORCE: Hook[Callable[[RowChange], bool]] = Hook()
