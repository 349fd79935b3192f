"""On which days a campaign is possible for a customer by its schedule and its target group."""

import numpy as np
from numpy.typing import NDArray

from campaigns.numerics.foresight import NEVER
from campaigns.numerics.rulebook import Rulebook
from campaigns.numerics.rulebook_entries import CampaignEntry
from segments.rules.numerics.rule_ahead import RuleAhead
from segments.rules.numerics.rule_tree import Columns, Mask

Days = NDArray[np.int64]


def possible_days(book: Rulebook, columns: Columns, n: int) -> tuple[Mask, Days, Days]:
    """(n, C) each: whether in the target group today; first and last day that is possible.

    Days from today, 0 is today; NEVER where none is foreseen. What is possible on the last day that
    is looked at counts as possible until the schedule ends. A target group is foreseen where the
    calendar moves it (see RuleAhead); in all else customers are taken to stay as they are. Of a
    target group that asks for what is not known, nothing is foreseen.
    """
    shape = (n, len(book.campaigns))
    targeted = np.zeros(shape, dtype=bool)
    first, last = np.full(shape, NEVER), np.full(shape, NEVER)
    for together in book.foresight.possible_together:
        campaign = int(together[0])
        if book.has_unknown_group[campaign]:
            continue
        group = RuleAhead(book.rules[campaign], columns, n, book.ageing_fields)
        days = _span(group, book.campaigns[campaign], book.foresight.days[campaign])
        targeted[:, together] = group.mask(0)[:, None]
        first[:, together], last[:, together] = (day[:, None] for day in days)
    return targeted, first, last


def _span(group: RuleAhead, campaign: CampaignEntry, foresight: int) -> tuple[Days, Days]:
    """(n,) each: first and last day; NEVER in both where there is none."""
    days = [0] * campaign.runs_today + list(campaign.runs_in_days)
    member = group.mask(0)
    if not group.moves:
        first, last = (days[0], days[-1]) if days else (NEVER, NEVER)
        return np.where(member, first, NEVER), np.where(member, last, NEVER)
    span = np.full(len(member), NEVER), np.full(len(member), NEVER)
    looked_at = [day for day in days if day <= foresight]
    for day in looked_at:
        member = group.mask(day)
        span[0][member & (span[0] == NEVER)] = day
        span[1][member] = days[-1] if day == looked_at[-1] else day
    return span
