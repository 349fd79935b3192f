"""Which changes of rows concern what runs: drafts may be changed by anybody."""

from collections.abc import Callable

from campaigns.models import Campaign
from campaigns.services.rule_rows import RowChange, Values

Status = Campaign.Status

# Of the organisation: what days, windows and stages of the life cycle are counted by.
MEASURES = ("time_zone", "new_days", "at_risk_days", "lapsed_days")

OTHERS: list[Callable[[RowChange], bool]] = []  # what later apps have running


def is_in_force(change: RowChange) -> bool:
    """Whether a change, with all fields, has an effect on what runs, or is a limit on it.

    What belongs to a draft is part of what is approved when the draft is launched.
    """
    return _of_campaigns(change) or any(says(change) for says in OTHERS)


def _of_campaigns(change: RowChange) -> bool:
    both = [values for values in (change.old, change.new) if values]
    match change.table.split(".")[1]:
        case "organisation":
            return _changes_rules(change.old or {}, change.new or {})
        case "featuredefinition":
            return _is_redefined(change.old or {}, change.new or {})
        case "targetgroup":
            old = change.old or {}
            return old.get("rule") != (change.new or {}).get("rule") and _runs(
                target_group=change.pk
            )
        case "campaign":
            return _runs(pk=change.pk)
        case "action":
            return any(_runs(pk=values["campaign"]) for values in both)
        case "minimumevidence":
            return any(not v["campaign"] or _runs(pk=v["campaign"]) for v in both)
        case "exclusion":
            ends = {values[end] for values in both for end in ("campaign", "excluded_campaign")}
            named = Campaign.objects.filter(pk__in=ends - {None})
            return named.exclude(status=Status.DRAFT).count() == len(ends - {None})
        case "followup":  # it makes its target a step of a series
            return any(_runs(pk=values["target"]) for values in both)
        case "frequencycap" | "minimumgap" | "quiethours" | "capacitylimit":
            return any(values["is_active"] for values in both)
    return False


def _changes_rules(old: Values, new: Values) -> bool:
    audience, lock = old.get("approval_audience"), old.get("lock_time")
    n, time = new.get("approval_audience"), new.get("lock_time")
    return (
        any(old.get(name) != new.get(name) for name in MEASURES)
        or (audience is not None and (n is None or n > audience))
        or (lock is not None and (time is None or time < lock))
    )


def _is_redefined(old: Values, new: Values) -> bool:
    """A feature that rules may name; one that is new is in no rule yet, and a label is a label."""
    if not old:
        return False
    is_same = bool(new) and {**old, "label": ""} == {**new, "label": ""}
    return not is_same and (old["is_active"] or new.get("is_active", False))


def _runs(**which: object) -> bool:
    return Campaign.objects.filter(status=Status.ACTIVE, **which).exists()
