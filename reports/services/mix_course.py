"""The share of each action of a campaign over time."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import date, timedelta

from campaigns.models import Campaign
from reports.services.mix_sums import daily_expected

DAILY_UP_TO = 60  # days of history that are shown by day; longer ones by week


@dataclass(frozen=True)
class MixCourse:
    """Expected contacts by action, over days or over weeks named by their Monday."""

    actions: list[tuple[int, str]]  # id, name; all that ever had a share, in the order made
    is_weekly: bool
    points: list[tuple[date, list[float]]]  # in the order of the actions


def mix_course(
    campaign: Campaign, micro_segment_id: int | None = None, *, as_of: date
) -> MixCourse:
    """Sums of assignment probabilities, not counts: what the mix was meant to be."""
    by_day = daily_expected(campaign.pk, micro_segment_id, as_of=as_of)
    seen = {action for day in by_day.values() for action in day}
    actions = [(a.pk, a.name) for a in campaign.actions.order_by("pk") if a.pk in seen]
    days = sorted(by_day)
    is_weekly = bool(days) and (days[-1] - days[0]).days >= DAILY_UP_TO
    sums: dict[date, dict[int, float]] = defaultdict(lambda: defaultdict(float))
    for day in days:
        start = day - timedelta(days=day.weekday()) if is_weekly else day
        for action, expected in by_day[day].items():
            sums[start][action] += expected
    points = [(day, [sums[day][pk] for pk, _name in actions]) for day in sorted(sums)]
    return MixCourse(actions, is_weekly, points)
