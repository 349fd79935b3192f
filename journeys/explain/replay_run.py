"""Replay: a finished run computed again from what it pinned, and compared with what it stored."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

import numpy as np

from campaigns.numerics.verdict_codes import Codes, Verdict, facts_of_codes, is_kind
from campaigns.services.load_arms import load_arms
from journeys.decisions.numerics.arbitration import NONE
from journeys.decisions.numerics.sharing import Sharing
from journeys.decisions.pipeline import JudgedBatch, choose, value_actions, with_limit_verdicts
from journeys.decisions.run_inputs import RunInputs, pinned_inputs, predict_uplift
from journeys.decisions.save_decisions import DecidedBatch
from journeys.errors import OtherDecisionVersion
from journeys.learning.numerics.uplift import Prediction
from journeys.maps.numerics.due_steps import DueSteps
from journeys.models import Decision, DecisionChunk, DecisionRun, LiveDecision
from segments.state.load_batch import CustomerBatch, load_batch


@dataclass
class Replay:
    """What a replay found. It may not differ anywhere."""

    n_decisions: int = 0
    differing: list[int] = field(default_factory=list)  # customers
    missing: list[int] = field(default_factory=list)  # customers whose state or row is gone


def replay_run(run: DecisionRun) -> Replay:
    """Recompute every decision of a run.

    Taken as stored: the features and micro-segments of the day, the verdicts on facts that may
    since have changed (consent, target group, address), rulebook, model, seed, arms. Computed
    again: values, series, exclusions, caps from the ledger up to each chunk's watermark, turns at
    what was left of budgets and volumes, choice, probabilities, controls. Compared: action,
    control, layer, probability, value parts, verdicts. Raises OtherDecisionVersion.
    """
    _expect_own_version(run)
    replay = Replay()
    inputs = pinned_inputs(run.pk)
    assert run.state is not None
    for chunk in DecisionChunk.objects.filter(run=run, done=True, error="").order_by("first_id"):
        stored = list(
            Decision.objects.filter(
                run=run,
                as_of=run.as_of,
                customer_id__gte=chunk.first_id,
                customer_id__lte=chunk.last_id,
            ).order_by("customer_id")
        )
        batch = load_batch(run.state, chunk.first_id, chunk.last_id)
        replay.n_decisions += len(stored)
        ids = [decision.customer_id for decision in stored]
        if ids != batch.customer_ids.tolist():
            replay.missing += sorted(set(ids) ^ set(batch.customer_ids.tolist()))
            continue
        if not ids:
            continue
        replay.differing += _differences(inputs, recompute(inputs, chunk, batch, stored), stored)
    return replay


def replay_live(run: DecisionRun) -> Replay:
    """The same for the real-time decisions that rest on a live run."""
    _expect_own_version(run)
    replay, inputs = Replay(), pinned_inputs(run.pk)
    lives = LiveDecision.objects.filter(as_of=run.as_of).select_related("customer")
    stored = Decision.objects.filter(run=run, as_of=run.as_of).in_bulk()
    for live in lives.filter(decision_id__in=stored).iterator():
        decision = stored[live.decision_id]
        again = recompute_live(inputs, decision, live)
        replay.differing += _differences(inputs, again, [decision])
        replay.n_decisions += 1
    return replay


def _expect_own_version(run: DecisionRun) -> None:
    if not run.is_of_this_version:
        raise OtherDecisionVersion(run.decision_version)


def recompute(
    inputs: RunInputs,
    chunk: DecisionChunk,
    batch: CustomerBatch,
    stored: Sequence[Decision],
    *,
    alone: bool = False,
) -> DecidedBatch:
    """A batch decided again; `stored` are its n decisions. The chunk must be done.

    alone : whether the batch is one customer instead of the whole chunk. What was left of budgets
    and volumes at a customer's turn followed from the others, so it is then taken from the stored
    verdicts.
    """
    verdicts = stored_verdicts(stored)
    facts, prediction = facts_of_codes(verdicts), predict_uplift(inputs, batch)
    over = None
    if alone:
        over = over_budget_of(verdicts)
    due = DueSteps.taken(
        inputs.book,
        np.array([decision.action_id or NONE for decision in stored]),
        np.array([decision.is_control for decision in stored]),
    )
    return decide_again(inputs, chunk, batch, facts, prediction, due=due, over_budget=over)


def recompute_live(inputs: RunInputs, decision: Decision, live: LiveDecision) -> DecidedBatch:
    """A real-time decision made again, from what was stored with it."""
    verdicts = stored_verdicts([decision])
    batch = _batch_of(inputs, live)
    over = over_budget_of(verdicts)
    due = DueSteps.taken(
        inputs.book, np.array([decision.action_id or NONE]), np.array([decision.is_control])
    )
    return decide_again(
        inputs,
        live,
        batch,
        facts_of_codes(verdicts),
        predict_uplift(inputs, batch),
        due=due,
        over_budget=over,
        at=live.decided_at,
        seed=live.seed,
    )


def _batch_of(inputs: RunInputs, live: LiveDecision) -> CustomerBatch:
    """One customer as a decision made again needs them; the facts are in its codes."""
    assert inputs.run.state is not None
    customer = live.customer
    return CustomerBatch(
        as_of=live.as_of,
        customer_ids=np.array([customer.pk]),
        feature_names=tuple(inputs.run.state.feature_set.names),
        features=np.array([live.features], dtype=np.float64),
        stages=np.array([""], dtype=object),
        micro_segment_ids=np.array([live.micro_segment_id]),
        clv_cents=np.zeros(1),
        p_alive=np.full(1, np.nan),
        consents={},
        addresses={},
        barred={},
        suppressed=np.zeros(1, dtype=bool),
        time_zones=np.array([customer.time_zone], dtype=object),
        countries=np.array([customer.country], dtype=object),
    )


def stored_verdicts(stored: Sequence[Decision]) -> Codes:
    """(n, A) the codes of n decisions."""
    codes = np.array([decision.verdicts for decision in stored], dtype=np.int16)
    return codes.reshape(len(stored), -1)


def over_budget_of(verdicts: Codes) -> Codes:
    """The codes of actions that a budget or volume had too little left for, or that somebody else
    with the address took, 0 elsewhere: what followed from others who were decided before."""
    followed = is_kind(verdicts, Verdict.OVER_BUDGET) | (verdicts == Verdict.SHARED_ADDRESS)
    return np.where(followed, verdicts, np.int16(0))


def decide_again(
    inputs: RunInputs,
    chunk: DecisionChunk | LiveDecision,
    batch: CustomerBatch,
    facts: Codes,
    prediction: Prediction,
    *,
    due: DueSteps,
    over_budget: Codes | None = None,
    at: datetime | None = None,
    seed: int | None = None,
) -> DecidedBatch:
    """A batch decided by given rules, codes by facts and uplift, from the chunk's own history.

    due : the steps of maps that were taken. at, seed : of a real-time decision.
    over_budget : (n, A) the codes of actions that a budget or volume had too little left for, 0
    elsewhere; without them turns are taken again at what the whole chunk found.
    """
    assert chunk.contact_watermark is not None
    arms = load_arms(inputs.run.plan_id, batch.customer_ids, as_of=inputs.run.as_of)
    worth = value_actions(inputs, prediction, facts)
    sharing = Sharing.of(chunk.shared, batch.customer_ids)
    judged = JudgedBatch(batch, arms, facts, worth, due, sharing)
    judged = with_limit_verdicts(inputs, judged, watermark=chunk.contact_watermark, at=at)
    left = None
    if over_budget is not None:
        codes = np.where(over_budget, over_budget, judged.codes)
        judged = replace(judged, codes=codes)
    elif chunk.capacity_left is not None:
        left = np.array(chunk.capacity_left, dtype=np.int64)
    return choose(inputs, judged, left=left, seed=seed)[0]


def _differences(inputs: RunInputs, again: DecidedBatch, stored: list[Decision]) -> list[int]:
    verdicts = stored_verdicts(stored)
    rows = np.arange(len(stored))
    taken = again.choice.action != NONE
    actions = np.array([d.action_id or NONE for d in stored])
    ids = np.append(inputs.book.action_ids, NONE)  # the last one is where NONE points to

    def part(values: np.ndarray) -> np.ndarray:
        return (
            np.where(taken, values[rows, again.choice.action], 0.0) if values.size else rows * 0.0
        )

    worth, book = again.worth, inputs.book
    price = np.broadcast_to(worth.price, worth.slot.shape)
    same = (
        (ids[again.choice.action] == actions)
        & (again.choice.is_control == [d.is_control for d in stored])
        & (again.choice.layer == [d.layer for d in stored])
        & (again.choice.assignment_prob == [d.assignment_prob for d in stored])
        & (part(worth.now + book.cost_cents) == [d.value_now_cents for d in stored])
        & (part(worth.later) == [d.value_later_cents for d in stored])
        & (part(worth.slot) == [d.slot_cost_cents for d in stored])
        & (part(price) == [d.price_cents for d in stored])
        & (again.choice.codes == verdicts).all(axis=1)
    )
    return again.batch.customer_ids[~same].tolist()
