"""Layers 4 to 6: what each customer gets, among what is allowed, and with which probability."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from campaigns.numerics.rulebook import Rulebook
from campaigns.numerics.verdicts import Codes, Verdict
from journeys.decisions.numerics.choice import action_mix, choice_probabilities
from journeys.decisions.numerics.worth import Worth
from journeys.draws import keyed_uniform, pick
from journeys.maps.numerics.due_steps import DueSteps

NONE = -1

HELD, RANKED, JOURNEY, AUTO, BASELINE = "held", "ranked", "journey", "auto", "baseline"


@dataclass(frozen=True)
class Choice:
    """n customers down. `action` is an index on the rulebook's action axis, or NONE."""

    action: NDArray[np.int64]  # (n,)
    layer: NDArray[np.str_]  # (n,)
    assignment_prob: NDArray[np.float64]  # (n,) of this action, or of none
    option_probs: NDArray[np.float64]  # (n, 1 + A) of none, then of each action, for the slot
    is_control: NDArray[np.bool_]  # (n,) the message is withheld
    codes: Codes  # (n, A) with what was outranked
    additions: NDArray[np.bool_]  # (n, A) sent beside the day's campaign
    addition_probs: NDArray[np.float64]  # (n, A) of each of those, had it been picked
    addition_control: NDArray[np.bool_]  # (n, A)


def arbitrate(
    book: Rulebook,
    codes: Codes,
    worth: Worth,
    evidence_ok: NDArray[np.bool_],
    in_baseline: NDArray[np.bool_],
    customer_ids: NDArray[np.int64],
    *,
    seed: int,
    due: DueSteps | None = None,
) -> Choice:
    """At most one slot per customer: by rank, else the step of a journey map that waits longest,
    else by value or, in the baseline arm, by chance.

    codes : (n, A) verdicts, 0 is allowed. evidence_ok : (A,). in_baseline : (n,). due : the steps;
    a campaign of maps is allowed only where one is due.
    Every draw is a keyed hash of (seed, purpose, customer): the same inputs give the same choice,
    whatever the batch.
    """
    n, n_actions = codes.shape
    codes = codes.copy()
    action = np.full(n, NONE, dtype=np.int64)
    layer = np.full(n, HELD, dtype="<U8")
    option_probs = np.zeros((n, 1 + n_actions))
    allowed = codes == Verdict.ALLOWED
    in_addition = np.array([c.in_addition for c in book.campaigns], dtype=bool)[book.campaign_of]
    ranks = np.array([c.rank or 0 for c in book.campaigns], dtype=np.int64)[book.campaign_of]
    auto = (ranks == 0) & ~in_addition & ~book.by_step
    due = due or DueSteps.none()

    def mix(rows: NDArray[np.int64], columns: NDArray[np.int64], campaign: int):
        """The self-optimising mix of one campaign's actions: picked columns, (rows, columns) p."""
        p = action_mix(
            worth.total[np.ix_(rows, columns)],
            worth.sd[np.ix_(rows, columns)],
            allowed[np.ix_(rows, columns)],
            evidence_ok[columns],
            shared_sd=worth.shared_sd[np.ix_(rows, columns)],
        )
        u = choice_draw(customer_ids[rows], seed, RANKED, book.campaigns[campaign].id)
        drawn = pick(p, u)
        return columns[drawn], p

    by_rank = [i for i, c in enumerate(book.campaigns) if c.rank is not None and not c.in_addition]
    for campaign in sorted(by_rank, key=lambda i: (book.campaigns[i].rank, book.campaigns[i].id)):
        columns = book.columns_of[campaign]
        rows = np.flatnonzero((action == NONE) & allowed[:, columns].any(axis=1))
        if len(rows):
            action[rows], p = mix(rows, columns, campaign)
            option_probs[np.ix_(rows, 1 + columns)] = p
            layer[rows] = RANKED

    if len(due):
        slot = allowed & ~in_addition & (ranks == 0)
        of_campaign = book.campaign_of[:, None] == np.arange(len(book.campaigns))
        step = due.first(book, (slot @ of_campaign) & (action == NONE)[:, None])
        for campaign in np.unique(step[step >= 0]):
            columns = book.columns_of[campaign]
            rows = np.flatnonzero(step == campaign)
            action[rows], p = mix(rows, columns, int(campaign))
            option_probs[np.ix_(rows, 1 + columns)] = p
            layer[rows] = JOURNEY

    auto_columns = np.flatnonzero(auto)
    contest = (action == NONE) & allowed[:, auto_columns].any(axis=1)
    rows = np.flatnonzero(contest & ~in_baseline)
    if len(rows):
        options = np.ix_(rows, auto_columns)
        nothing = np.zeros((len(rows), 1))
        p = choice_probabilities(
            np.hstack([nothing, worth.total[options]]),
            np.hstack([nothing, worth.sd[options]]),
            np.hstack([nothing == 0, allowed[options]]),
            np.ones(1 + len(auto_columns), dtype=bool),
            shared_sd=np.hstack([nothing, worth.shared_sd[options]]),
        )
        p = _while_testing(
            p, allowed[options], evidence_ok[auto_columns], book.campaign_of[auto_columns]
        )
        drawn = pick(p, choice_draw(customer_ids[rows], seed, AUTO))
        action[rows] = np.concatenate([[NONE], auto_columns])[drawn]
        option_probs[np.ix_(rows, np.concatenate([[0], 1 + auto_columns]))] = p
        layer[rows] = AUTO
    rows = np.flatnonzero(contest & in_baseline)
    if len(rows):
        p = _even_by_campaign(allowed[np.ix_(rows, auto_columns)], book.campaign_of[auto_columns])
        drawn = pick(p, choice_draw(customer_ids[rows], seed, BASELINE))
        action[rows] = auto_columns[drawn]
        option_probs[np.ix_(rows, 1 + auto_columns)] = p
        layer[rows] = BASELINE
    option_probs[layer == HELD, 0] = 1.0

    taken = np.flatnonzero(action != NONE)
    chosen_campaign = np.full(n, NONE)
    chosen_campaign[taken] = book.campaign_of[action[taken]]
    outranked = np.isin(layer, (RANKED, JOURNEY))[:, None] & (
        book.campaign_of != chosen_campaign[:, None]
    )
    codes[allowed & outranked & ~in_addition] = Verdict.OUTRANKED

    additions = np.zeros((n, n_actions), dtype=bool)
    addition_probs = np.zeros((n, n_actions))
    for campaign in np.flatnonzero([entry.in_addition for entry in book.campaigns]).tolist():
        columns = book.columns_of[campaign]
        rows = np.flatnonzero(allowed[:, columns].any(axis=1))
        if len(rows):
            picked, p = mix(rows, columns, campaign)
            additions[rows, picked] = True
            addition_probs[np.ix_(rows, columns)] = p
    reached = additions.copy()
    reached[taken, action[taken]] = True
    control = _controls(book, reached, customer_ids, seed)
    control |= reached & due.controls(book, n)
    is_control = np.zeros(n, dtype=bool)
    is_control[taken] = control[taken, action[taken]]
    return Choice(
        action=action,
        layer=layer,
        assignment_prob=option_probs[np.arange(n), 1 + action],
        option_probs=option_probs,
        is_control=is_control,
        codes=codes,
        additions=additions,
        addition_probs=addition_probs,
        addition_control=additions & control,
    )


def choice_draw(
    customer_ids: NDArray[np.int64], seed: int, layer: str, campaign_id: int = 0
) -> NDArray[np.float64]:
    """(n,) the uniform numbers that decide in a layer; by rank or step, within one campaign."""
    within = f"action of campaign {campaign_id}"
    purpose = {AUTO: "choice", BASELINE: "baseline", RANKED: within, JOURNEY: within}
    return keyed_uniform(customer_ids, seed=seed, purpose=purpose[layer])


def control_draw(
    customer_ids: NDArray[np.int64], seed: int, campaign_id: int
) -> NDArray[np.float64]:
    """(n,) the uniform numbers that make a customer control of a campaign, below its share."""
    return keyed_uniform(customer_ids, seed=seed, purpose=f"control of campaign {campaign_id}")


def _while_testing(
    p: NDArray[np.float64],
    allowed: NDArray[np.bool_],
    evidence_ok: NDArray[np.bool_],
    campaign_of: NDArray[np.int64],
) -> NDArray[np.float64]:
    """(n, 1 + A) p of none and each action, changed where actions are short of evidence.

    Between campaigns such an action competes as it is known, by what others have in common. But
    inside a campaign shares are equal while any of its actions is short; and none, from which
    nothing is learned, has no more than an equal share beside what is not yet known to be worse.
    """
    share = p[:, 1:].copy()
    several = np.flatnonzero(np.bincount(campaign_of) > 1)
    for campaign in several.tolist():
        columns = np.flatnonzero(campaign_of == campaign)
        if not evidence_ok[columns].all():
            testing = allowed[:, columns]
            together = share[:, columns].sum(axis=1, keepdims=True)
            share[:, columns] = (
                testing * together / np.maximum(testing.sum(axis=1, keepdims=True), 1)
            )
    some = 1 - p[:, :1]
    untested = (share * ~evidence_ok).sum(axis=1, keepdims=True) / some
    even = 1 / (1 + allowed.sum(axis=1, keepdims=True))
    none = (1 - untested) * p[:, :1] + untested * np.minimum(p[:, :1], even)
    return np.hstack([none, share * ((1 - none) / some)])


def _even_by_campaign(
    allowed: NDArray[np.bool_], campaign_of: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Equal shares over the allowed campaigns, and within each over its allowed actions."""
    campaigns, column = np.unique(campaign_of, return_inverse=True)
    per_campaign = allowed.astype(np.int64) @ np.eye(len(campaigns), dtype=np.int64)[column]
    n_campaigns = (per_campaign > 0).sum(axis=1, keepdims=True)
    weight = np.where(allowed, 1 / np.maximum(per_campaign[:, column], 1), 0.0) / n_campaigns
    return weight / weight.sum(axis=1, keepdims=True)


def _controls(
    book: Rulebook, reached: NDArray[np.bool_], customer_ids: NDArray[np.int64], seed: int
) -> NDArray[np.bool_]:
    """(n, A) of the actions that reached a customer, those whose message is withheld in this run.

    A customer is control or not for a whole campaign, by a draw of its own.
    """
    control = np.zeros_like(reached)
    for index in np.unique(book.campaign_of[reached.any(axis=0)]).tolist():
        campaign, columns = book.campaigns[index], book.columns_of[index]
        rows = np.flatnonzero(reached[:, columns].any(axis=1))
        if campaign.control_share:
            u = control_draw(customer_ids[rows], seed, campaign.id)
            control[np.ix_(rows, columns)] = (u < campaign.control_share)[:, None]
    return control & reached
