"""One chunk of a run: load, compute, lock, compute, save; in outline and in one transaction."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property, lru_cache

import numpy as np
from django.db import connection, transaction
from numpy.typing import NDArray

from campaigns.models import Arm
from campaigns.numerics.rulebook import Rulebook
from campaigns.numerics.time_zones import main_zones
from campaigns.numerics.verdicts import Codes, Facts, fact_verdicts, limit_verdicts
from journeys.decisions.capacity_accounts import Capacity, book_use, take_left
from journeys.decisions.chunk_leases import ClaimedChunk, finish_chunk, hold_chunk
from journeys.decisions.load_history import HistoryQuery
from journeys.decisions.numerics.arbitration import arbitrate
from journeys.decisions.numerics.choice import has_minimum_evidence
from journeys.decisions.numerics.occasion import DAILY, Occasion
from journeys.decisions.numerics.within_limits import arbitrate_within
from journeys.decisions.numerics.worth import Worth, with_slot_cost, worth_of
from journeys.decisions.plan_moments import earliest
from journeys.decisions.save_decisions import Decided, Stamp, save_decisions
from journeys.decisions.step_results import results_of
from journeys.learning.numerics.design import FeatureScaling
from journeys.learning.numerics.uplift import Prediction, UpliftModel
from journeys.locks import lock_block
from journeys.maps.due_steps import load_due, settle_due
from journeys.maps.numerics.due_steps import DueSteps
from journeys.models import DecisionRun
from segments.models import Organisation
from segments.models.customer import BLOCK_BITS
from segments.state.load_batch import CustomerBatch, load_batch
from segments.state.split_segment import ancestors, nearest_known

MINIMUM = ("min_test", "min_test_responders", "min_control", "min_control_responders")


@dataclass(frozen=True)
class Pinned:
    """What a run was started with, ready for use: the same for all its chunks."""

    run: DecisionRun
    book: Rulebook
    scaling: FeatureScaling
    model: UpliftModel | None  # None where nothing at all is known of actions
    columns: NDArray[np.int64]  # (A,) the model's column of each action, -1 for a newer one
    evidence_ok: NDArray[np.bool_]  # (A,)
    parents: Mapping[int, int]  # of micro-segments: what a leaf was split off
    time_zone: str
    capacity: Capacity | None  # None without budgets and volume limits

    @cached_property
    def history(self) -> HistoryQuery:
        """What its rulebook asks about earlier contacts."""
        return HistoryQuery.of(self.book, as_sent=self.run.kind == DecisionRun.Kind.LIVE)


@dataclass(frozen=True)
class Ready:
    """A batch before the choice: by facts, then, see `limited`, with what customers got before."""

    batch: CustomerBatch
    arms: NDArray[np.str_]  # (n,)
    codes: Codes  # (n, A) verdicts
    worth: Worth
    due: DueSteps = field(default_factory=DueSteps.none)  # known once the customers are locked


@lru_cache(maxsize=4)
def pinned(run_id: int) -> Pinned:
    """The pinned inputs of a started run; they never change, so a worker reads them once."""
    return pin(DecisionRun.objects.select_related("state", "model__scaling").get(pk=run_id))


def pin(run: DecisionRun) -> Pinned:
    assert run.model is not None
    book = Rulebook.from_json(run.rulebook)
    return assemble(run, book, Capacity.of(run, book))


def assemble(run: DecisionRun, book: Rulebook, capacity: Capacity | None) -> Pinned:
    """The inputs of a run under some rules; the run need not be stored."""
    assert run.model is not None
    model = UpliftModel.from_bytes(bytes(run.model.payload)) if run.model.payload else None
    evidence = np.array(
        [run.model.evidence.get(str(action.id), [0, 0, 0, 0]) for action in book.actions]
    ).reshape(-1, 4)
    return Pinned(
        run=run,
        book=book,
        scaling=FeatureScaling.from_fitted(run.model.scaling.fitted),
        model=model,
        columns=_columns(model.action_keys_, book.action_ids) if model else np.zeros(0, int),
        evidence_ok=has_minimum_evidence(
            *evidence.T,
            **dict(zip(MINIMUM, book.minimum_evidence.T, strict=True)),
        ),
        parents=ancestors(),
        time_zone=Organisation.current().time_zone,
        capacity=capacity,
    )


def decide_chunk(chunk: ClaimedChunk, *, now: datetime | None = None) -> int:
    """Decide and commit a chunk; returns the number of decisions.

    now : what time it is, where that matters: a late run is decided as of a moment that has passed,
    but steps of journey maps go on from the present. By default that of the decision.

    All that does not depend on earlier contacts is computed before the block's lock is taken.
    Under it contacts are counted, decided and written, so no other worker and no real-time
    request can spend the same slot. Raises LeaseLost, keeping nothing, if the chunk was taken over.
    """
    given = pinned(chunk.run_id)
    ready = prepare(given, chunk.first_id, chunk.last_id)
    if ready is None:  # half of a chunk that was split may hold nobody
        with transaction.atomic():
            hold_chunk(chunk)
            finish_chunk(chunk, n_decisions=0, watermark=0)
        return 0
    present = max(given.run.decided_at, now or given.run.decided_at)
    with transaction.atomic():
        hold_chunk(chunk)
        lock_block(chunk.first_id >> BLOCK_BITS)
        watermark = next_contact_id()
        ready = with_due(given, ready, load_due(ready.batch.customer_ids, at=present))
        ready = limited(given, ready, watermark=watermark)
        # Last of the locks, for all other chunks need it too.
        left = take_left(given.capacity) if given.capacity else None
        decided, used = choose(given, ready, left=left)
        run = given.run
        stamp = Stamp(run.pk, run.as_of, run.decided_at, given.time_zone, plan_from=earliest(run))
        saved = save_decisions(stamp, given.book, decided, first_contact_id=watermark)
        settle_due(decided.due, results_of(given.book, decided, saved), present)
        if given.capacity:
            book_use(given.capacity, used)
        finish_chunk(chunk, n_decisions=len(ready.batch), watermark=watermark, left=left)
    return len(ready.batch)


def prepare(given: Pinned, first_id: int, last_id: int) -> Ready | None:
    """The customers of a range of ids, judged and valued; None where there is nobody."""
    assert given.run.state is not None
    batch = load_batch(given.run.state, first_id, last_id, fields=given.book.fields())
    if not len(batch):
        return None
    arms = load_arms(given.run, batch.customer_ids)
    return judged(given, batch, arms, DAILY)


def judged(
    given: Pinned, batch: CustomerBatch, arms: NDArray[np.str_], occasion: Occasion
) -> Ready:
    """A batch with its verdicts by facts and its values."""
    codes = fact_verdicts(given.book, facts_of(batch, arms, given.time_zone))
    occasion.block_others(given.book, codes)
    return Ready(batch, arms, codes, value(given, predict(given, batch), codes))


def with_due(given: Pinned, ready: Ready, due: DueSteps) -> Ready:
    """With the steps that are due for the batch's customers, who are locked by now."""
    codes = ready.codes.copy()
    due.block_others(given.book, codes)
    return replace(ready, due=due, codes=codes)


def value(given: Pinned, found: Prediction, codes: Codes) -> Worth:
    """What every action is worth, but for the slot's cost; codes : (n, A) verdicts by facts."""
    worth = worth_of(given.book, found, codes)
    return replace(worth, price=given.capacity.charge) if given.capacity else worth


def limited(given: Pinned, ready: Ready, *, watermark: int, at: datetime | None = None) -> Ready:
    """With the verdicts of the customers' own limits and the slot's cost, from contacts below the
    watermark. at : the moment of decision, by default the run's."""
    batch, book, at = ready.batch, given.book, at or given.run.decided_at
    history = given.history.read(
        given.run.as_of, batch.customer_ids, watermark=watermark, at=at, zone=given.time_zone
    )
    zones = main_zones(batch.time_zones, batch.countries, given.time_zone)
    codes = limit_verdicts(book, ready.codes, history, zones, at=at)
    worth = with_slot_cost(ready.worth, book, codes, history, zones, at=at)
    return replace(ready, codes=codes, worth=worth)


def choose(
    given: Pinned, ready: Ready, *, left: NDArray[np.int64] | None, seed: int | None = None
) -> tuple[Decided, NDArray[np.int64]]:
    """The choice for a batch, and what it uses of the limits that all customers share.

    left : (L,) units of these limits; None: they are not looked at, and nothing counts as used.
    seed : of the draws, by default the run's.
    """
    seed = given.run.seed if seed is None else seed
    arguments = (
        given.book,
        ready.codes,
        ready.worth,
        given.evidence_ok,
        ready.arms == Arm.BASELINE,
        ready.batch.customer_ids,
    )
    used = np.zeros(0, dtype=np.int64)
    if left is None or given.capacity is None:
        choice = arbitrate(*arguments, seed=seed, due=ready.due)
    else:
        choice, used = arbitrate_within(
            *arguments, seed=seed, use=given.capacity.use, left=left, due=ready.due
        )
    return Decided(ready.batch, ready.arms, ready.worth, choice, ready.due), used


def facts_of(batch: CustomerBatch, arms: NDArray[np.str_], time_zone: str) -> Facts:
    return Facts(
        columns=batch.columns,
        held_out=arms == Arm.HOLDOUT,
        suppressed=batch.suppressed,
        barred=batch.barred,
        declined=batch.declined,
        consents=batch.consents,
        addresses=batch.addresses,
        time_zones=main_zones(batch.time_zones, batch.countries, time_zone),
    )


def predict(given: Pinned, batch: CustomerBatch) -> Prediction:
    """Uplift of every action of the rulebook for every customer of the batch."""
    if given.model is None:  # what there is came since the morning: nothing for it or against it
        nothing = np.zeros((len(batch), len(given.book.actions)))
        return Prediction(nothing, np.ones_like(nothing), nothing, nothing)
    leaves = nearest_known(batch.micro_segment_ids, given.model.segment_ids_, given.parents)
    design = given.scaling.transform(batch.features)
    known = given.model.predict(design, leaves)
    if given.columns.min(initial=0) >= 0:
        return _of_columns(known, given.columns)
    new = given.model.predict_new(design)  # one column more, which -1 points to
    return _of_columns(
        Prediction(
            np.hstack([known.uplift, new.uplift]),
            np.hstack([known.sd, new.sd]),
            np.hstack([known.shared_sd, new.shared_sd]),
            np.hstack([known.response_prob, new.response_prob]),
        ),
        given.columns,
    )


def _of_columns(found: Prediction, columns: NDArray[np.int64]) -> Prediction:
    return Prediction(
        found.uplift[:, columns],
        found.sd[:, columns],
        found.shared_sd[:, columns],
        found.response_prob[:, columns],
    )


def _columns(keys: NDArray[np.int64], action_ids: NDArray[np.int64]) -> NDArray[np.int64]:
    """(A,) where each action is among a model's, -1 for one that came after it was learned."""
    place = {int(key): column for column, key in enumerate(keys)}
    return np.array([place.get(int(pk), -1) for pk in action_ids], dtype=np.int64)


def load_arms(
    run: DecisionRun, customer_ids: NDArray[np.int64], *, otherwise: str = Arm.HOLDOUT.value
) -> NDArray[np.str_]:
    """(n,) arm of each customer under the run's plan.

    otherwise : for whoever has none, because they came after the arms were given out. They are
    held out: fail closed.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT customer_id, arm FROM campaigns_armmembership "
            "WHERE plan_id = %s AND customer_id BETWEEN %s AND %s",
            [run.plan_id, int(customer_ids[0]), int(customer_ids[-1])],
        )
        arm_of: Mapping[int, str] = dict(cursor.fetchall())
    return np.array([arm_of.get(int(pk), otherwise) for pk in customer_ids], dtype="<U9")


def next_contact_id() -> int:
    """A new id of the contact ledger; under the block's lock no smaller one is still to come."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval(pg_get_serial_sequence('journeys_contact', 'id'))")
        return cursor.fetchone()[0]
