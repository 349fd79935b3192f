"""One chunk of a run: load, compute, lock, compute, save; in one transaction."""

from dataclasses import replace
from datetime import datetime

from django.db import transaction

from journeys.decisions.capacity_accounts import book_use, take_left
from journeys.decisions.chunk_leases import ClaimedChunk, finish_chunk, hold_chunk
from journeys.decisions.numerics.sharing import Sharing
from journeys.decisions.pipeline import choose, judge_customers, with_due_steps, with_limit_verdicts
from journeys.decisions.plan_moments import earliest
from journeys.decisions.run_inputs import pinned_inputs
from journeys.decisions.save_decisions import DecisionContext, next_contact_id, save_decisions
from journeys.decisions.shared_contacts import as_pinned
from journeys.decisions.step_results import results_of
from journeys.locks import lock_block
from journeys.maps.due_steps import load_due, settle_due
from segments.customers.shared_addresses import lock_shared_addresses
from segments.models.customer import BLOCK_BITS


def decide_chunk(chunk: ClaimedChunk, *, now: datetime | None = None) -> int:
    """Decide and commit a chunk; returns the number of decisions.

    now : what time it is, where that matters: a late run is decided as of a moment that has passed,
    but steps of journey maps go on from the present. By default that of the decision.

    All that does not depend on earlier contacts is computed before the block's lock is taken.
    Under it contacts are counted, decided and written, so no other worker and no real-time
    request can spend the same slot. Raises LeaseLost, keeping nothing, if the chunk was taken over.
    """
    inputs = pinned_inputs(chunk.run_id)
    judged = judge_customers(inputs, chunk.first_id, chunk.last_id)
    if judged is None:  # half of a chunk that was split may hold nobody
        with transaction.atomic():
            hold_chunk(chunk)
            finish_chunk(chunk, n_decisions=0, watermark=0)
        return 0
    present = max(inputs.run.decided_at, now or inputs.run.decided_at)
    with transaction.atomic():
        hold_chunk(chunk)
        lock_block(chunk.first_id >> BLOCK_BITS)
        ids = judged.batch.customer_ids
        groups = lock_shared_addresses("c.id BETWEEN %s AND %s", [int(ids[0]), int(ids[-1])])
        pinned = as_pinned(groups, ids)
        judged = replace(judged, sharing=Sharing.of(pinned, ids))
        watermark = next_contact_id()
        judged = with_due_steps(inputs, judged, load_due(judged.batch.customer_ids, at=present))
        judged = with_limit_verdicts(inputs, judged, watermark=watermark)
        # Last of the locks, for all other chunks need it too.
        left = take_left(inputs.capacity) if inputs.capacity else None
        decided, used = choose(inputs, judged, left=left)
        run = inputs.run
        context = DecisionContext(
            run.pk, run.as_of, run.decided_at, inputs.time_zone, plan_from=earliest(run)
        )
        saved = save_decisions(context, inputs.book, decided, first_contact_id=watermark)
        settle_due(decided.due, results_of(inputs.book, decided, saved), present)
        if inputs.capacity:
            book_use(inputs.capacity, used)
        finish_chunk(
            chunk, n_decisions=len(judged.batch), watermark=watermark, left=left, shared=pinned
        )
    return len(judged.batch)
