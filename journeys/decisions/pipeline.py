"""The steps of a decision, over a batch of customers: verdicts, values, limits, the choice."""

from dataclasses import dataclass, field, replace
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from campaigns.models import Arm
from campaigns.numerics.time_zones import main_zones
from campaigns.numerics.verdict_codes import Codes, Verdict, block
from campaigns.numerics.verdicts import Facts, fact_verdicts, limit_verdicts
from campaigns.services.load_arms import load_arms
from journeys.decisions.merged_records import load_merged
from journeys.decisions.numerics.arbitration import Choice, arbitrate
from journeys.decisions.numerics.occasion import DAILY, Occasion
from journeys.decisions.numerics.sharing import MailboxesOfToday, Sharing
from journeys.decisions.numerics.within_limits import arbitrate_within
from journeys.decisions.numerics.worth import Worth, with_slot_cost, worth_of
from journeys.decisions.run_inputs import RunInputs, predict_uplift
from journeys.decisions.save_decisions import DecidedBatch
from journeys.learning.numerics.uplift import Prediction
from journeys.maps.numerics.due_steps import DueSteps
from segments.state.load_batch import CustomerBatch, load_batch


@dataclass(frozen=True)
class JudgedBatch:
    """A batch before the choice: by facts, then, see `limited`, with what customers got before."""

    batch: CustomerBatch
    arms: NDArray[np.str_]  # (n,)
    codes: Codes  # (n, A) verdicts
    worth: Worth
    due: DueSteps = field(default_factory=DueSteps.none)  # known once the customers are locked
    sharing: Sharing | None = None  # likewise


def judge_customers(inputs: RunInputs, first_id: int, last_id: int) -> JudgedBatch | None:
    """The customers of a range of ids, judged and valued; None where there is nobody."""
    assert inputs.run.state is not None
    batch = load_batch(inputs.run.state, first_id, last_id, fields=inputs.book.fields())
    if not len(batch):
        return None
    arms = load_arms(inputs.run.plan_id, batch.customer_ids, as_of=inputs.run.as_of)
    return judge_batch(inputs, batch, arms, DAILY)


def judge_batch(
    inputs: RunInputs, batch: CustomerBatch, arms: NDArray[np.str_], occasion: Occasion
) -> JudgedBatch:
    """A batch with its verdicts by facts and its values."""
    codes = fact_verdicts(inputs.book, facts_of(batch, arms, inputs.time_zone))
    occasion.block_others(inputs.book, codes)
    return JudgedBatch(
        batch, arms, codes, value_actions(inputs, predict_uplift(inputs, batch), codes)
    )


def with_due_steps(inputs: RunInputs, judged: JudgedBatch, due: DueSteps) -> JudgedBatch:
    """With the steps that are due for the batch's customers, who are locked by now."""
    codes = judged.codes.copy()
    due.block_others(inputs.book, codes)
    return replace(judged, due=due, codes=codes)


def value_actions(inputs: RunInputs, prediction: Prediction, codes: Codes) -> Worth:
    """What every action is worth, but for the slot's cost; codes : (n, A) verdicts by facts."""
    worth = worth_of(inputs.book, prediction, codes)
    return replace(worth, price=inputs.capacity.charge) if inputs.capacity else worth


def with_limit_verdicts(
    inputs: RunInputs, judged: JudgedBatch, *, watermark: int, at: datetime | None = None
) -> JudgedBatch:
    """With the verdicts of the customers' own limits and the slot's cost, from contacts below the
    watermark. at : the moment of decision, by default the run's.

    Records that are merged into another get nothing under their own number.
    """
    batch, book, at = judged.batch, inputs.book, at or inputs.run.decided_at
    others = judged.sharing.other_ids if judged.sharing else []
    merged = load_merged(batch.customer_ids, others, watermark=watermark)
    codes = judged.codes.copy()
    block(codes, merged.are_merged(batch.customer_ids)[:, None], Verdict.MERGED)
    history = inputs.history.read(
        inputs.run.as_of,
        batch.customer_ids,
        watermark=watermark,
        at=at,
        zone=inputs.time_zone,
        sharing=judged.sharing,
        merged=merged,
    )
    zones = main_zones(batch.time_zones, batch.countries, inputs.time_zone)
    codes = limit_verdicts(book, codes, history, zones, at=at)
    worth = with_slot_cost(judged.worth, book, codes, history, zones, at=at)
    return replace(judged, codes=codes, worth=worth)


def choose(
    inputs: RunInputs,
    judged: JudgedBatch,
    *,
    left: NDArray[np.int64] | None,
    seed: int | None = None,
) -> tuple[DecidedBatch, NDArray[np.int64]]:
    """The choice for a batch, and what it uses of the limits that all customers share.

    left : (L,) units of these limits; None: they are not looked at, and nothing counts as used.
    seed : of the draws, by default the run's.
    """
    seed = inputs.run.seed if seed is None else seed
    waves = judged.sharing.waves() if judged.sharing else []
    if len(waves) < 2:
        choice, used = _choose(inputs, judged, judged.codes, None, left=left, seed=seed)
    else:
        choice, used = _choose_in_waves(inputs, judged, waves, left=left, seed=seed)
    return DecidedBatch(judged.batch, judged.arms, judged.worth, choice, judged.due), used


def _choose(
    inputs: RunInputs,
    judged: JudgedBatch,
    codes: Codes,
    rows: NDArray[np.int64] | None,
    *,
    left: NDArray[np.int64] | None,
    seed: int,
) -> tuple[Choice, NDArray[np.int64]]:
    """For some rows of a batch, or all of them (None)."""
    worth, due = judged.worth, judged.due
    everybody: slice | NDArray[np.int64] = slice(None)
    if rows is not None:
        worth, due, everybody = worth.of(rows), due.of(rows, len(codes)), rows
    arguments = (
        inputs.book,
        codes[everybody],
        worth,
        inputs.evidence_ok,
        judged.arms[everybody] == Arm.BASELINE,
        judged.batch.customer_ids[everybody],
    )
    if left is None or inputs.capacity is None:
        return arbitrate(*arguments, seed=seed, due=due), np.zeros(0, dtype=np.int64)
    return arbitrate_within(*arguments, seed=seed, use=inputs.capacity.use, left=left, due=due)


def _choose_in_waves(
    inputs: RunInputs,
    judged: JudgedBatch,
    waves: list[NDArray[np.int64]],
    *,
    left: NDArray[np.int64] | None,
    seed: int,
) -> tuple[Choice, NDArray[np.int64]]:
    """Of customers who share an address one after the other: each knows what those before got."""
    assert judged.sharing is not None
    codes, mailboxes = judged.codes.copy(), MailboxesOfToday(inputs.book, judged.sharing)
    choices = []
    used = np.zeros(0 if left is None or inputs.capacity is None else len(left), dtype=np.int64)
    for rows in waves:
        mailboxes.block(codes, rows)
        choice, spent = _choose(
            inputs, judged, codes, rows, left=None if left is None else left - used, seed=seed
        )
        used = used + spent
        mailboxes.note(rows, choice.action)
        choices.append(choice)
    order = np.argsort(np.concatenate(waves), kind="stable")
    return Choice.joined(choices, order), used


def facts_of(batch: CustomerBatch, arms: NDArray[np.str_], time_zone: str) -> Facts:
    return Facts(
        columns=batch.columns,
        held_out=arms == Arm.HOLDOUT,
        suppressed=batch.suppressed,
        barred=batch.barred,
        declined=batch.declined,
        unclear=batch.unclear,
        consents=batch.consents,
        addresses=batch.addresses,
        time_zones=main_zones(batch.time_zones, batch.countries, time_zone),
    )
