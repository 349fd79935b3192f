"""Layers 4 to 6: what each customer gets, among what is allowed, and with which probability."""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from campaigns.numerics.rulebook import Rulebook
from campaigns.numerics.verdict_codes import Codes, Verdict
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
    additions: NDArray[np.bool_]  # (n, A) sent alongside the day's campaign
    addition_probs: NDArray[np.float64]  # (n, A) of each of those, had it been picked
    addition_control: NDArray[np.bool_]  # (n, A)

    @classmethod
    def joined(cls, parts: Sequence["Choice"], order: NDArray[np.int64]) -> "Choice":
        """Choices of some customers each, one below the other, then in an order."""
        return cls(
            **{
                each.name: np.concatenate([getattr(part, each.name) for part in parts])[order]
                for each in fields(cls)
            }
        )


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
    else by value or, in the baseline arm, by chance; then what is sent in addition.

    codes : (n, A) verdicts, 0 is allowed. evidence_ok : (A,). in_baseline : (n,). due : the steps;
    a campaign of maps is allowed only where one is due.
    Every draw is a keyed hash of (seed, purpose, customer): the same inputs give the same choice,
    whatever the batch.
    """
    slots = _Slots(book, codes, worth, evidence_ok, customer_ids, seed, due or DueSteps.none())
    slots.fill_by_rank()
    slots.fill_by_due_step()
    slots.fill_by_value(~in_baseline)
    slots.fill_by_chance(in_baseline)
    return slots.choice()


class _Slots:
    """The day's slots of n customers while the layers fill them: each only what is still open."""

    def __init__(
        self,
        book: Rulebook,
        codes: Codes,
        worth: Worth,
        evidence_ok: NDArray[np.bool_],
        customer_ids: NDArray[np.int64],
        seed: int,
        due: DueSteps,
    ) -> None:
        n, n_actions = codes.shape
        self.book, self.codes, self.worth, self.due = book, codes, worth, due
        self.evidence_ok, self.customer_ids, self.seed = evidence_ok, customer_ids, seed
        self.allowed = codes == Verdict.ALLOWED
        self.in_addition = _of_actions(book, [c.in_addition for c in book.campaigns])
        is_ranked = _of_actions(book, [bool(c.rank) for c in book.campaigns])
        self.is_unranked = ~is_ranked & ~self.in_addition
        self.auto_columns = np.flatnonzero(self.is_unranked & ~book.flags.opened_by_step)
        self.action = np.full(n, NONE, dtype=np.int64)
        self.layer = np.full(n, HELD, dtype="<U8")
        self.option_probs = np.zeros((n, 1 + n_actions))

    def fill_by_rank(self) -> None:
        """Ranked campaigns, the lowest rank first."""
        campaigns = self.book.campaigns
        ranked = [i for i, c in enumerate(campaigns) if c.rank is not None and not c.in_addition]
        for campaign in sorted(ranked, key=lambda i: (campaigns[i].rank, campaigns[i].id)):
            columns = self.book.columns_of[campaign]
            rows = np.flatnonzero((self.action == NONE) & self.allowed[:, columns].any(axis=1))
            self._fill_from_campaign(rows, campaign, RANKED)

    def fill_by_due_step(self) -> None:
        """The due step of a journey map that waits longest."""
        if not len(self.due):
            return
        book = self.book
        of_campaign = book.campaign_of[:, None] == np.arange(len(book.campaigns))
        is_possible = (self.allowed & self.is_unranked) @ of_campaign
        step = self.due.first(book, is_possible & (self.action == NONE)[:, None])
        for campaign in np.unique(step[step >= 0]).tolist():
            self._fill_from_campaign(np.flatnonzero(step == campaign), campaign, JOURNEY)

    def fill_by_value(self, in_arm: NDArray[np.bool_]) -> None:
        """Auto campaigns and none, by what each is worth. in_arm : (n,) the optimised customers."""
        rows, columns = self._open_rows(in_arm), self.auto_columns
        if not len(rows):
            return
        options = np.ix_(rows, columns)
        nothing = np.zeros((len(rows), 1))
        p = choice_probabilities(
            np.hstack([nothing, self.worth.total[options]]),
            np.hstack([nothing, self.worth.sd[options]]),
            np.hstack([nothing == 0, self.allowed[options]]),
            np.ones(1 + len(columns), dtype=bool),
            shared_sd=np.hstack([nothing, self.worth.shared_sd[options]]),
        )
        p = _while_testing(
            p, self.allowed[options], self.evidence_ok[columns], self.book.campaign_of[columns]
        )
        drawn = pick(p, choice_draw(self.customer_ids[rows], self.seed, AUTO))
        self.action[rows] = np.concatenate([[NONE], columns])[drawn]
        self.option_probs[np.ix_(rows, np.concatenate([[0], 1 + columns]))] = p
        self.layer[rows] = AUTO

    def fill_by_chance(self, in_arm: NDArray[np.bool_]) -> None:
        """Auto campaigns with even chances. in_arm : (n,) the customers of the baseline arm."""
        rows, columns = self._open_rows(in_arm), self.auto_columns
        if not len(rows):
            return
        p = _even_by_campaign(self.allowed[np.ix_(rows, columns)], self.book.campaign_of[columns])
        drawn = pick(p, choice_draw(self.customer_ids[rows], self.seed, BASELINE))
        self.action[rows] = columns[drawn]
        self.option_probs[np.ix_(rows, 1 + columns)] = p
        self.layer[rows] = BASELINE

    def choice(self) -> Choice:
        """With what is sent in addition, and who is control."""
        n, book = len(self.action), self.book
        option_probs = self.option_probs.copy()
        option_probs[self.layer == HELD, 0] = 1.0
        additions, addition_probs = self._additions()
        taken = np.flatnonzero(self.action != NONE)
        reached = additions.copy()
        reached[taken, self.action[taken]] = True
        control = _controls(book, reached, self.customer_ids, self.seed)
        control |= reached & self.due.controls(book, n)
        is_control = np.zeros(n, dtype=bool)
        is_control[taken] = control[taken, self.action[taken]]
        return Choice(
            action=self.action,
            layer=self.layer,
            assignment_prob=option_probs[np.arange(n), 1 + self.action],
            option_probs=option_probs,
            is_control=is_control,
            codes=self._with_outranked(taken),
            additions=additions,
            addition_probs=addition_probs,
            addition_control=additions & control,
        )

    def _open_rows(self, in_arm: NDArray[np.bool_]) -> NDArray[np.int64]:
        """Rows of an arm without a campaign so far, for whom an Auto campaign is possible."""
        is_possible = self.allowed[:, self.auto_columns].any(axis=1)
        return np.flatnonzero((self.action == NONE) & is_possible & in_arm)

    def _fill_from_campaign(self, rows: NDArray[np.int64], campaign: int, layer: str) -> None:
        if not len(rows):
            return
        columns = self.book.columns_of[campaign]
        self.action[rows], p = self._draw_action(rows, campaign)
        self.option_probs[np.ix_(rows, 1 + columns)] = p
        self.layer[rows] = layer

    def _draw_action(
        self, rows: NDArray[np.int64], campaign: int
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """From the self-optimising mix of a campaign's a actions: (rows,) columns, (rows, a) p."""
        columns = self.book.columns_of[campaign]
        cells = np.ix_(rows, columns)
        p = action_mix(
            self.worth.total[cells],
            self.worth.sd[cells],
            self.allowed[cells],
            self.evidence_ok[columns],
            shared_sd=self.worth.shared_sd[cells],
        )
        campaign_id = self.book.campaigns[campaign].id
        u = choice_draw(self.customer_ids[rows], self.seed, RANKED, campaign_id)
        return columns[pick(p, u)], p

    def _additions(self) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
        """(n, A) what is sent in addition to the slot, and P(each) had its campaign been picked."""
        additions = np.zeros(self.codes.shape, dtype=bool)
        probs = np.zeros(self.codes.shape)
        for campaign, entry in enumerate(self.book.campaigns):
            columns = self.book.columns_of[campaign]
            rows = np.flatnonzero(self.allowed[:, columns].any(axis=1))
            if entry.in_addition and len(rows):
                picked, p = self._draw_action(rows, campaign)
                additions[rows, picked] = True
                probs[np.ix_(rows, columns)] = p
        return additions, probs

    def _with_outranked(self, taken: NDArray[np.int64]) -> Codes:
        """Verdicts, with what lost to a rank or a due step. taken : rows that have a slot."""
        campaign_of, codes = self.book.campaign_of, self.codes.copy()
        chosen = np.full(len(codes), NONE)
        chosen[taken] = campaign_of[self.action[taken]]
        by_hand = np.isin(self.layer, (RANKED, JOURNEY))
        is_outranked = by_hand[:, None] & (campaign_of != chosen[:, None])
        codes[self.allowed & is_outranked & ~self.in_addition] = Verdict.OUTRANKED
        return codes


def _of_actions(book: Rulebook, of_campaigns: list[bool]) -> NDArray[np.bool_]:
    """(A,) a flag of campaigns, for each of their actions."""
    return np.array(of_campaigns, dtype=bool)[book.campaign_of]


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
    nothing is learned, has no more than an equal share among the options not yet known to be worse.
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
