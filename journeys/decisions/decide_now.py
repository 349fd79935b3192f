"""A decision at once, for one customer or a few: under the same rules, locks and log as a run."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from hashlib import blake2b
from itertools import groupby

import numpy as np
from django.db import IntegrityError, connection, transaction
from django.utils.translation import gettext as _
from numpy.typing import NDArray

from campaigns.models import Arm
from campaigns.services.assign_arms import assign_newcomers
from campaigns.services.load_arms import load_arms
from journeys.decisions.capacity_accounts import book_use, take_left
from journeys.decisions.live_rules import LiveRules, live_rules
from journeys.decisions.numerics.arbitration import NONE
from journeys.decisions.numerics.occasion import Occasion
from journeys.decisions.numerics.sharing import Sharing
from journeys.decisions.pipeline import (
    JudgedBatch,
    choose,
    judge_batch,
    with_due_steps,
    with_limit_verdicts,
)
from journeys.decisions.save_decisions import (
    DecidedBatch,
    DecisionContext,
    SavedContacts,
    next_contact_id,
    save_decisions,
)
from journeys.decisions.shared_contacts import Pinned, as_pinned
from journeys.decisions.step_results import results_of
from journeys.errors import SendingStopped
from journeys.locks import lock_block
from journeys.maps.due_steps import load_due, settle_due
from journeys.maps.numerics.due_steps import DueSteps
from journeys.models import Decision, LiveDecision
from segments.customers.shared_addresses import lock_shared_addresses
from segments.models.customer import BLOCK_BITS
from segments.state.load_batch import CustomerBatch

Reason = LiveDecision.Reason


@dataclass(frozen=True)
class Request:
    """Why a decision is requested, and about what."""

    reason: str  # of LiveDecision.Reason
    channels: tuple[str, ...] = ()  # inbound: by which an answer is possible
    trigger_kind: str = ""  # of the event that arrived
    key: str = ""  # of one customer's request: a repeat gets the same answer

    @property
    def occasion(self) -> Occasion:
        return Occasion(self.channels, self.trigger_kind, self.reason == Reason.STEP)


@dataclass(frozen=True)
class Answer:
    """What was decided for a customer, and where it is written down."""

    customer_id: int
    decision_id: int
    as_of: date
    contact_id: int | None  # None: nothing was chosen
    action_id: int | None
    is_control: bool

    @property
    def has_message(self) -> bool:
        """Whether there is something to say; a control's message is withheld."""
        return self.action_id is not None and not self.is_control


def decide_now(customer_ids: Sequence[int], *, at: datetime, request: Request) -> dict[int, Answer]:
    """Decide for customers, from what is known of them at this moment; by customer.

    Customers who are unknown or came after `at` are left out. A block of customers at a time is
    locked, decided and committed in one transaction. Raises StaleState, SendingStopped; a key that
    was used before on the day brings back its answer.
    """
    rules = live_rules(at)
    if rules.organisation.sending_stopped:
        raise SendingStopped(_("Sending is stopped, so nothing is decided."))
    if request.key and (before := _answer_before(rules.day, request.key)):
        return {before.customer_id: before}
    answers: dict[int, Answer] = {}
    for block, ids in groupby(sorted(set(customer_ids)), key=lambda pk: pk >> BLOCK_BITS):
        try:
            answers |= _decide_block(rules, block, list(ids), at, request)
        except IntegrityError:  # the same request, at the same time
            if not (request.key and (before := _answer_before(rules.day, request.key))):
                raise
            return {before.customer_id: before}
    return answers


def _decide_block(
    rules: LiveRules, block: int, ids: list[int], at: datetime, request: Request
) -> dict[int, Answer]:
    judged = _prepare(rules, ids, at, request)
    if judged is None:
        return {}
    inputs, book = rules.inputs, rules.inputs.book
    with transaction.atomic():
        lock_block(block)
        here = judged.batch.customer_ids
        pinned = as_pinned(lock_shared_addresses("c.id = ANY(%s)", [here.tolist()]), here)
        judged = replace(judged, sharing=Sharing.of(pinned, here))
        watermark = next_contact_id()
        due = DueSteps.none()  # what is not requested here waits on
        if request.reason == Reason.STEP:
            due = load_due(judged.batch.customer_ids, at=at, at_once=True)
        judged = with_due_steps(inputs, judged, due)
        judged = with_limit_verdicts(inputs, judged, watermark=watermark, at=at)
        left = take_left(inputs.capacity) if inputs.capacity else None
        seed = _seed(inputs.run.seed, watermark)
        decided, used = choose(inputs, judged, left=left, seed=seed)
        context = DecisionContext(
            inputs.run.pk, rules.day, at, inputs.time_zone, occasion=watermark
        )
        decision_ids = _decision_ids(len(judged.batch))
        saved = save_decisions(
            context, book, decided, first_contact_id=watermark, decision_ids=decision_ids
        )
        settle_due(decided.due, results_of(book, decided, saved), at)
        if inputs.capacity:
            book_use(inputs.capacity, used)
        _remember(context, decided, decision_ids, request, seed, left, pinned)
    return _answers(context, rules, decided, saved, decision_ids)


def _prepare(
    rules: LiveRules, ids: list[int], at: datetime, request: Request
) -> JudgedBatch | None:
    inputs = rules.inputs
    assert inputs.run.plan is not None
    batch = rules.customers.read(ids, at)
    if not len(batch):
        return None
    batch = _with_segments(rules, batch)
    arms = load_arms(inputs.run.plan_id, batch.customer_ids, as_of=rules.day, otherwise="")
    if (new := batch.customer_ids[arms == ""]).size:
        given_out = assign_newcomers(inputs.run.plan, new.tolist(), rules.day)
        arms[arms == ""] = [given_out.get(pk, Arm.HOLDOUT).value for pk in new.tolist()]
    return judge_batch(inputs, batch, arms, request.occasion)


def _with_segments(rules: LiveRules, batch: CustomerBatch) -> CustomerBatch:
    """Customers who came after the day's state get the leaf that fits by now."""
    new = np.flatnonzero(batch.micro_segment_ids == 0)
    if not len(new):
        return batch
    columns = {name: batch.features[new, i] for i, name in enumerate(batch.feature_names)}
    leaves = batch.micro_segment_ids.copy()
    leaves[new] = rules.tree.leaves(batch.stages[new], columns)
    return replace(batch, micro_segment_ids=leaves)


def _seed(run_seed: int, occasion: int) -> int:
    """Of one occasion's draws: a later one draws anew."""
    digest = blake2b(f"{run_seed}:{occasion}".encode(), digest_size=7).digest()
    return int.from_bytes(digest, "big")


def _decision_ids(n: int) -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT nextval(pg_get_serial_sequence('journeys_decision', 'id'))"
            " FROM generate_series(1, %s)",
            [n],
        )
        return [row[0] for row in cursor.fetchall()]


def _remember(
    context: DecisionContext,
    decided: DecidedBatch,
    decision_ids: list[int],
    request: Request,
    seed: int,
    left: NDArray[np.int64] | None,
    pinned: Pinned,
) -> None:
    """Store what only this moment knows; see LiveDecision."""
    batch = decided.batch
    LiveDecision.objects.bulk_create(
        LiveDecision(
            as_of=context.as_of,
            decision_id=decision_id,
            customer_id=int(customer_id),
            reason=request.reason,
            channels=list(request.channels),
            trigger_kind=request.trigger_kind,
            decided_at=context.at,
            seed=seed,
            contact_watermark=context.occasion,
            features=features.tolist(),
            micro_segment_id=int(segment),
            capacity_left=None if left is None else left.tolist(),
            shared=[(field, ids) for field, ids in pinned if int(customer_id) in ids],
            request_key=request.key or f"#{decision_id}",
        )
        for decision_id, customer_id, features, segment in zip(
            decision_ids, batch.customer_ids, batch.features, batch.micro_segment_ids, strict=True
        )
    )


def _answers(
    context: DecisionContext,
    rules: LiveRules,
    decided: DecidedBatch,
    saved: SavedContacts,
    decision_ids: list[int],
) -> dict[int, Answer]:
    """By customer; messages sent alongside the day's campaign are only in the ledger."""
    choice, book = decided.choice, rules.inputs.book
    slots = saved.chosen.takes_slot
    contact = dict(
        zip(saved.chosen.row[slots].tolist(), saved.contact_ids[slots].tolist(), strict=True)
    )
    answers = {}
    for row, (customer_id, decision_id) in enumerate(
        zip(decided.batch.customer_ids.tolist(), decision_ids, strict=True)
    ):
        action = int(choice.action[row])
        answers[customer_id] = Answer(
            customer_id,
            decision_id,
            context.as_of,
            contact.get(row),
            None if action == NONE else int(book.action_ids[action]),
            bool(choice.is_control[row]),
        )
    return answers


def _answer_before(day: date, key: str) -> Answer | None:
    """What a request with this key was answered on the day."""
    live = LiveDecision.objects.filter(as_of=day, request_key=key).first()
    if live is None:
        return None
    decision = Decision.objects.get(pk=live.decision_id, as_of=day)
    return Answer(
        decision.customer_id, decision.pk, day, None, decision.action_id, decision.is_control
    )
