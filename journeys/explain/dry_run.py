"""Who would get what, and who would lose what, were a proposal in force: nothing is written.

The newest day whose states are known is decided twice, with today's rules and with the proposal:
the same customers, history, model and draws, so that they differ in nothing but the rules. Where
that day's run was begun, from what was known when it was; else from what is known now. Messages
that the control draw withholds count as none.

Of maps that run, the steps that were due for the day are due on both sides.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
from django.db import connection
from django.utils.translation import gettext as _
from numpy.typing import NDArray

from campaigns.models import Approval
from campaigns.numerics.capacity import use_of
from campaigns.numerics.rulebook import Rulebook
from campaigns.services.assign_arms import arm_at, current_plan
from campaigns.services.load_arms import load_arms
from journeys.decisions.capacity_accounts import Capacity, expected_use, left_for, units_of
from journeys.decisions.newest_pair import newest_pair
from journeys.decisions.numerics.arbitration import NONE
from journeys.decisions.numerics.occasion import DAILY
from journeys.decisions.numerics.within_limits import sent_messages
from journeys.decisions.pipeline import choose, judge_batch, with_due_steps, with_limit_verdicts
from journeys.decisions.price_run import find_prices, spread
from journeys.decisions.run_inputs import RunInputs, inputs_under
from journeys.decisions.save_decisions import next_contact_id
from journeys.decisions.start_run import DECISION_TIME, default_seed
from journeys.errors import StaleState
from journeys.explain.numerics.differences import NOTHING, Differences, scaled
from journeys.explain.proposals import ExpectedEntries, Proposal, propose
from journeys.maps.due_steps import load_due
from journeys.maps.numerics.due_steps import DueSteps
from journeys.models import Decision, DecisionRun
from optiengine.lib.moments import utc64
from segments.models import Customer, Organisation, StateBuild
from segments.models.customer import BLOCK_BITS
from segments.rules.rule_fields import newest_state
from segments.state.load_batch import CustomerBatch, load_batch

BLOCKS = """
SELECT min(customer_id), max(customer_id) FROM segments_customerstate WHERE as_of = %s
GROUP BY customer_id >> %s ORDER BY 1
"""


@dataclass(frozen=True)
class DryRunDay:
    """The day that is decided twice. `run` is never stored; `stored` is the day's own run."""

    run: DecisionRun
    stored: DecisionRun | None
    places: tuple[tuple[int, int, int], ...]  # ranges of ids, each with its watermark
    n_customers: int


@dataclass
class DryRunSide:
    """The rules of one side, and what is left of budgets and volumes as it goes on."""

    inputs: RunInputs
    left: NDArray[np.int64] | None  # (L,) units
    used: NDArray[np.int64] | int = 0  # (L,)

    def messages(
        self, batch: CustomerBatch, arms: NDArray, due: DueSteps, watermark: int
    ) -> NDArray:
        """(n, A) whether each action's message leaves for a customer."""
        judged = with_due_steps(self.inputs, judge_batch(self.inputs, batch, arms, DAILY), due)
        judged = with_limit_verdicts(self.inputs, judged, watermark=watermark)
        decided, used = choose(self.inputs, judged, left=self.left)
        if self.left is not None:
            self.left, self.used = self.left - used, self.used + used
        return sent_messages(decided.choice) > 0


def dry_run(
    approval: Approval, *, progress: Callable[[int, int], None] = lambda done, of: None
) -> dict[str, Any]:
    """What an approval would change, as JSON. progress : called with batches done and in total.

    Counts are [estimate, low, high]: exact where all customers were looked at, else limits of
    95 %. Raises StaleState where no day has been computed or learned from; what `propose` raises.
    """
    day = newest_day()
    at = utc64(day.run.decided_at)
    proposal = propose(approval, day.run.as_of, at).over(_state(day).feature_set.names)
    present, changed = (_side(day, book) for book in (proposal.present, proposal.changed))
    differences = Differences()
    for n_done, (first, last, watermark) in enumerate(day.places):
        progress(n_done, len(day.places))
        batch = load_batch(_state(day), first, last, fields=proposal.fields())
        if len(batch):
            _compare(differences, day, batch, watermark, present, changed, proposal.entrants)
    progress(len(day.places), len(day.places))
    return _as_json(day, proposal, differences) | {
        "limits": _limits(day, differences.n, present, changed),
        "conflicts": proposal.conflicts,
        "notes": proposal.notes,
    }


def newest_day() -> DryRunDay:
    """The newest day with a state and a model, as its run saw it or would see it."""
    newest = newest_state()
    pair = newest_pair(newest.as_of) if newest else None
    if pair is None:
        raise StaleState(
            _("There is no customer data with a fitted model yet, so a dry run is not possible.")
        )
    state, model = pair
    begun = DecisionRun.objects.daily().filter(as_of=state.as_of, state=state)
    stored = begun.select_related("model__scaling").first()
    zone = Organisation.current().zone
    run = DecisionRun(
        as_of=state.as_of,
        decided_at=stored.decided_at
        if stored
        else datetime.combine(state.as_of, DECISION_TIME, zone),
        seed=stored.seed if stored else default_seed(state.as_of),
        plan=stored.plan if stored else current_plan(state.as_of),
        state=state,
        model=stored.model if stored else model,
        n_customers=state.n_customers,
    )
    places = tuple(_places(run, stored))
    return DryRunDay(run, stored, places, state.n_customers)


def _places(run: DecisionRun, stored: DecisionRun | None) -> Iterator[tuple[int, int, int]]:
    with connection.cursor() as cursor:
        cursor.execute(BLOCKS, [run.as_of, BLOCK_BITS])
        blocks = cursor.fetchall()
    marks: dict[int, int] = {}
    if stored is not None:
        chunks = stored.chunks.filter(done=True, contact_watermark__gt=0)
        for first, mark in chunks.values_list("first_id", "contact_watermark"):
            block = first >> BLOCK_BITS  # one that was split has several
            marks[block] = min(int(mark or 0), marks.get(block, int(mark or 0)))
    now = next_contact_id()
    for first, last in spread(blocks, run.n_customers, seed=run.seed):
        yield first, last, marks.get(first >> BLOCK_BITS, now)


def _side(day: DryRunDay, book: Rulebook) -> DryRunSide:
    if not book.capacities:
        return DryRunSide(inputs_under(day.run, book, None), None)
    available, wanted = left_for(day.run, book, stored=day.stored)
    inputs = inputs_under(day.run, book, None)
    prices, n_looked_at = find_prices(
        inputs, available.tolist(), wanted.tolist(), day.places, day.n_customers
    )
    capacity = Capacity(
        use_ids=(),
        account_ids=(),
        maximum=available,
        available=available,
        use=use_of(book),
        charge=(prices.price - prices.subsidy) @ expected_use(book),
    )
    # Of a sample's customers only their part of what there is.
    left = available * n_looked_at // max(day.n_customers, 1)
    return DryRunSide(inputs_under(day.run, book, capacity), left)


def _compare(
    differences: Differences,
    day: DryRunDay,
    batch: CustomerBatch,
    watermark: int,
    present: DryRunSide,
    changed: DryRunSide,
    entrants: ExpectedEntries | None,
) -> None:
    arms, due = _arms(day, batch), _due(day, batch, present.inputs.book)
    with_entrants = due.and_also(entrants.among(batch)) if entrants else due
    ids, got = [], []
    for side, steps in ((present, due), (changed, with_entrants)):
        ids.append(side.inputs.book.campaign_ids)
        got.append(side.messages(batch, arms, steps, watermark))
    campaigns = np.unique(np.concatenate(ids))
    before, after = (
        _by_campaign(messages, side.inputs.book, campaigns)
        for messages, side in zip(got, (present, changed), strict=True)
    )
    differences.add(batch.customer_ids, campaigns, before, after)


def _by_campaign(
    messages: NDArray[np.bool_], book: Rulebook, campaigns: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """(n, C) from (n, A): whether a message of each of these campaigns leaves."""
    got = np.zeros((len(messages), len(campaigns)), dtype=bool)
    of = np.searchsorted(campaigns, book.campaign_ids[book.campaign_of])
    for column, campaign in enumerate(of.tolist()):
        got[:, campaign] |= messages[:, column]
    return got


def _arms(day: DryRunDay, batch: CustomerBatch) -> NDArray[np.str_]:
    """Arms as on the day; for customers without one, as the plan will assign it."""
    arms = load_arms(day.run.plan_id, batch.customer_ids, as_of=day.run.as_of, otherwise="")
    for row in np.flatnonzero(arms == "").tolist():
        assert day.run.plan is not None
        arms[row] = arm_at(day.run.plan, int(batch.customer_ids[row]))
    return arms


def _due(day: DryRunDay, batch: CustomerBatch, book: Rulebook) -> DueSteps:
    """Steps that the day's run took, and those that waited then and wait still."""
    if not book.flags.opened_by_step.any():
        return DueSteps.none()
    ids = batch.customer_ids
    waiting = load_due(ids, at=day.run.decided_at)
    if day.stored is None:
        return waiting
    before = day.run.decided_at.astimezone(UTC).replace(tzinfo=None)
    early = np.flatnonzero(waiting.since < np.datetime64(before, "us"))
    waiting = DueSteps(*(getattr(waiting, name)[early] for name in DueSteps.__dataclass_fields__))
    taken = np.full(len(ids), NONE)
    control = np.zeros(len(ids), dtype=bool)
    stored = Decision.objects.filter(
        run=day.stored,
        as_of=day.run.as_of,
        customer_id__gte=int(ids[0]),
        customer_id__lte=int(ids[-1]),
    ).exclude(action=None)
    rows = list(stored.values_list("customer_id", "action_id", "is_control"))
    index = np.searchsorted(ids, [row[0] for row in rows])
    taken[index], control[index] = [row[1] for row in rows], [row[2] for row in rows]
    return DueSteps.taken(book, taken, control).and_also(waiting)


def _as_json(day: DryRunDay, proposal: Proposal, differences: Differences) -> dict[str, Any]:
    def count(k: int) -> list[float]:
        return [
            round(value, 1)
            for value in scaled(k, differences.n, max(day.n_customers, differences.n))
        ]

    names = {c.id: c.name for book in (proposal.present, proposal.changed) for c in book.campaigns}
    touched = sorted(
        {*differences.before, *differences.after}, key=lambda pk: -differences.before[pk]
    )
    customers = Customer.objects.in_bulk(list(differences.examples))
    return {
        "as_of": day.run.as_of.isoformat(),
        "is_run_day": day.stored is not None,
        "n_customers": day.n_customers,
        "n_looked_at": differences.n,
        "campaigns": [
            {
                "id": pk,
                "name": names[pk],
                "before": count(differences.before[pk]),
                "after": count(differences.after[pk]),
                "kept": count(differences.kept[pk]),
            }
            for pk in touched
        ],
        "changes": [
            {"from": origin, "to": target, "n": count(k)}
            for (origin, target), k in differences.changes.most_common()
        ],
        "names": {str(pk): names[pk] for pk in touched if pk != NOTHING},
        "losing": count(differences.n_losing),
        "gaining": count(differences.n_gaining),
        "swapping": count(differences.n_swapping),
        "examples": [
            {"id": pk, "external_id": customers[pk].external_id, "changes": pairs}
            for pk, pairs in differences.examples.items()
            if pk in customers
        ],
    }


def _limits(
    day: DryRunDay, n_looked_at: int, present: DryRunSide, changed: DryRunSide
) -> list[dict[str, Any]]:
    """What each budget or volume has for the day, and what either side uses of it, for all."""
    limits: dict[str, dict[str, Any]] = {}
    share = n_looked_at / max(day.n_customers, 1) or 1.0
    for side, when in ((present, "before"), (changed, "after")):
        if side.left is None or side.inputs.capacity is None:
            continue
        entries = side.inputs.book.capacities
        for index, (entry, unit) in enumerate(
            zip(entries, units_of(side.inputs.book), strict=True)
        ):
            row = limits.setdefault(entry.name, {"name": entry.name, "measure": entry.measure})
            used = side.used[index] / share  # type: ignore[index]
            row[when] = {
                "available": float(side.inputs.capacity.available[index] / unit),
                "used": float(used / unit),
            }
    return list(limits.values())


def _state(day: DryRunDay) -> StateBuild:
    assert day.run.state is not None
    return day.run.state
