"""The engine's own decisions as a log: what was sent, what happened, what might have been sent.

Probabilities are not stored but computed again from what each run pinned, as a replay does, under
the rules that were followed and under changed ones. A decision that does not come out again as
it was stored, because the day's state or an earlier contact is no longer kept, is left out and
counted.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray
from psycopg import sql

from campaigns.models import Goal
from campaigns.numerics.rule_changes import Change, changed
from campaigns.numerics.rulebook import Rulebook
from campaigns.numerics.verdict_codes import Codes, Verdict, block, facts_of_codes, is_upcoming
from campaigns.numerics.verdicts import fact_verdicts
from campaigns.services.load_arms import load_arms
from campaigns.services.outcome_value import EVENTS, VALUE
from journeys.decisions.numerics.arbitration import NONE, Choice
from journeys.decisions.pipeline import facts_of
from journeys.decisions.run_inputs import RunInputs, pinned_inputs, predict_uplift
from journeys.evidence import IS_EVIDENCE
from journeys.explain.replay_run import decide_again
from journeys.maps.numerics.due_steps import DueSteps
from journeys.models import DecisionChunk, DecisionRun
from optiengine.lib.columns import read_columns
from optiengine.lib.days import day_of, day_start
from reports.numerics.change_value import LoggedDecisions
from segments.models import Organisation
from segments.same_person import IN_FORCE_AT, are_of_persons, last_change_of, records_of
from segments.state.load_batch import CustomerBatch, load_batch

BATCH = 16 * 4096  # customer ids whose decisions of all runs are added up at a time
# A decision is no evidence as a contact is none that it would have made; nor is one about a record
# that was merged by then, for which nothing could be decided.
DECISIONS = f"""
WITH g AS (
    SELECT {{kind}}::text AS event_kind, {{per_event}}::bigint AS value_per_event_cents
)
SELECT d.customer_id, coalesce(d.action_id, {{none}}) AS action_id, d.is_control, d.assignment_prob,
       d.verdicts::int4[] AS verdicts, {VALUE}::float8 AS reward,
       {IS_EVIDENCE.format(as_of="{known_on}")} AND NOT EXISTS (
           SELECT FROM segments_customermerge m
           WHERE m.alias_id = k.customer_id AND {IN_FORCE_AT.format(watermark="k.id")}
       ) AS is_evidence
FROM journeys_decision d
CROSS JOIN g
CROSS JOIN LATERAL (
    SELECT d.customer_id, {{watermark}}::int8 AS id, {{decided_at}}::timestamptz AS reserved_at
) k
{{with_change}}
LEFT JOIN (
    SELECT {{record}} AS customer_id, {EVENTS}
    FROM segments_event {{with_records}} CROSS JOIN g
    WHERE {{of_persons}} AND occurred_at >= {{decided_at}} AND occurred_at < {{end}}
    GROUP BY 1
) e ON e.customer_id = d.customer_id
LEFT JOIN segments_customerstate s ON s.customer_id = d.customer_id AND s.as_of = {{as_of}}
LEFT JOIN segments_customerstate t ON t.customer_id = d.customer_id AND t.as_of = {{closed_on}}
     AND ({{as_of}}::date > {{changed_on}}) IS NOT FALSE
CROSS JOIN LATERAL (SELECT t.clv_cents - s.clv_cents AS clv_change_cents) v
WHERE d.run_id = {{run}} AND d.as_of = {{as_of}}
  AND d.customer_id BETWEEN {{first}} AND {{last}}
ORDER BY d.customer_id
"""
COLUMNS = [
    "customer_id",
    "action_id",
    "is_control",
    "assignment_prob",
    "verdicts",
    "reward",
    "is_evidence",
]


@dataclass(frozen=True)
class DecisionReward:
    """What a customer brought in the days after a decision, sent to or not: in cents.

    Without a price per event it is the organisation's main goal: margin in the window plus the
    change in predicted value up to the first day that begins after it.
    """

    window_days: int = 14
    event_kind: str = "order"
    value_per_event_cents: int | None = None

    @classmethod
    def of(cls, goal: Goal) -> "DecisionReward":
        return cls(goal.window_days, goal.event_kind, goal.value_per_event_cents)

    def closed_on(self, run: DecisionRun, zone: str) -> date:
        """The first day that begins when a run's windows have closed."""
        end = run.decided_at + timedelta(days=self.window_days)
        day = day_of(end, zone)
        return day if day_start(day, zone) >= end else day + timedelta(days=1)


@dataclass
class DecisionLog:
    """Runs of one feature set whose windows have closed, and what reading them came upon."""

    runs: list[DecisionRun]
    reward: DecisionReward
    changes: Sequence[Change]
    known_on: date  # what was no evidence by then is left out
    n_lost: int = 0  # decisions that did not come out again as stored
    changes_additions: bool = False  # the change reaches what is sent in addition, too
    zone: str = field(default_factory=lambda: Organisation.current().time_zone)

    def batches(self) -> list[tuple[int, int]]:
        """First and last customer id of each batch that has decisions."""
        firsts = DecisionChunk.objects.filter(run__in=self.runs).values_list("first_id", flat=True)
        starts = sorted({first // BATCH * BATCH for first in firsts.distinct()})
        return [(start, start + BATCH - 1) for start in starts]

    def decisions(
        self, first_id: int, last_id: int, progress: Callable[[], None] = lambda: None
    ) -> Iterator[LoggedDecisions]:
        """All decisions of a batch of customers, a chunk at a time. progress: after each run."""
        for run in self.runs:
            inputs = pinned_inputs(run.pk)
            after = replace(inputs, book=changed(inputs.book, self.changes))
            chunks = DecisionChunk.objects.filter(
                run=run, done=True, error="", first_id__gte=first_id, first_id__lte=last_id
            )
            for chunk in chunks.order_by("first_id") if inputs.book.actions else ():
                if (log := self._chunk(inputs, after, chunk)) is not None:
                    yield log
            progress()

    def _chunk(
        self, inputs: RunInputs, after: RunInputs, chunk: DecisionChunk
    ) -> LoggedDecisions | None:
        assert inputs.run.state is not None
        fields = after.book.fields() if _retargeted(inputs.book, after.book).any() else set()
        batch = load_batch(inputs.run.state, chunk.first_id, chunk.last_id, fields=fields)
        rows = self._rows(inputs.run, chunk)
        if len(batch) == 0 or not np.array_equal(rows["customer_id"], batch.customer_ids):
            self.n_lost += len(rows["customer_id"])
            return None
        prediction = predict_uplift(inputs, batch)
        facts = facts_of_codes(rows["verdicts"].astype(np.int16))
        due = DueSteps.taken(inputs.book, rows["action_id"], rows["is_control"])
        present = decide_again(inputs, chunk, batch, facts, prediction, due=due).choice
        same_rules = after.book == inputs.book
        then = (
            present
            if same_rules
            else decide_again(
                after,
                chunk,
                batch,
                changed_facts(inputs, after.book, batch, facts),
                prediction,
                due=due,
            ).choice
        )
        self.changes_additions |= not np.array_equal(present.addition_probs, then.addition_probs)
        book = inputs.book
        taken = np.append(book.action_ids, NONE)[present.action]  # the last one is NONE's
        kept = (taken == rows["action_id"]) & (present.is_control == rows["is_control"])
        kept &= present.assignment_prob == rows["assignment_prob"]
        self.n_lost += int((~kept & rows["is_evidence"]).sum())
        kept &= rows["is_evidence"]
        sent = np.where(present.is_control, 0, 1 + present.action)
        log = LoggedDecisions(
            customer=batch.customer_ids[kept],
            option=sent[kept],
            present=_p_sent(book, present)[kept],
            changed=_p_sent(book, then)[kept],
            reward=rows["reward"][kept],
            cost=np.concatenate([[0.0], book.cost_cents]),
            features=inputs.scaling.transform(batch.features[kept]),
            uplift=np.column_stack([np.zeros(int(kept.sum())), prediction.uplift[kept]]),
        )
        return log if kept.any() else None

    def _rows(self, run: DecisionRun, chunk: DecisionChunk) -> dict[str, NDArray]:
        records, change = records_of("segments_event.customer_id"), last_change_of("k.customer_id")
        query = sql.SQL(DECISIONS).format(
            none=sql.Literal(NONE),
            record=sql.SQL(records.id),
            with_records=sql.SQL(records.join),
            of_persons=are_of_persons("segments_event.customer_id", chunk.first_id, chunk.last_id),
            with_change=sql.SQL(change.join),
            changed_on=sql.SQL(change.day),
            known_on=sql.Literal(self.known_on),
            watermark=sql.Literal(chunk.contact_watermark),
            kind=sql.Literal(self.reward.event_kind),
            per_event=sql.Literal(self.reward.value_per_event_cents),
            first=sql.Literal(chunk.first_id),
            last=sql.Literal(chunk.last_id),
            decided_at=sql.Literal(run.decided_at),
            end=sql.Literal(run.decided_at + timedelta(days=self.reward.window_days)),
            as_of=sql.Literal(run.as_of),
            closed_on=sql.Literal(self.reward.closed_on(run, self.zone)),
            run=sql.Literal(run.pk),
        )
        return read_columns(query, COLUMNS)


def changed_facts(inputs: RunInputs, book: Rulebook, batch: CustomerBatch, facts: Codes) -> Codes:
    """The codes by facts under another rulebook on the same actions, as far as they differ.

    Customers whom only the changed target groups reach are judged by today's consents and
    addresses: those of the day are not kept where another reason was stored first.
    """
    facts = facts.copy()
    scheduled = np.array([c.runs_today for c in book.campaigns], dtype=bool)[book.campaign_of]
    block(facts, ~scheduled[None, :], Verdict.NOT_SCHEDULED)
    ahead = np.array([bool(c.runs_in_days) for c in book.campaigns], dtype=bool)[book.campaign_of]
    facts[is_upcoming(facts) & ~ahead] = Verdict.NOT_SCHEDULED
    moved = _retargeted(inputs.book, book)[book.campaign_of]
    if moved.any():
        arms = load_arms(inputs.run.plan_id, batch.customer_ids, as_of=inputs.run.as_of)
        fresh = fact_verdicts(book, facts_of(batch, arms, inputs.time_zone))
        outside = facts == Verdict.NOT_IN_TARGET_GROUP
        moved = moved & (outside | (_is_of_group(facts) & _is_of_group(fresh)))
        facts = np.where(moved, fresh, facts)
    return facts


def _is_of_group(facts: Codes) -> NDArray[np.bool_]:
    """Codes that only target group and schedule decide: all other facts are in order."""
    by_schedule = [Verdict.ALLOWED, Verdict.NOT_IN_TARGET_GROUP, Verdict.NOT_SCHEDULED]
    return np.isin(facts, by_schedule) | is_upcoming(facts)


def _retargeted(book: Rulebook, other: Rulebook) -> NDArray[np.bool_]:
    """The campaigns whose target group is another one."""
    pairs = zip(book.campaigns, other.campaigns, strict=True)
    return np.array([old.rule != new.rule for old, new in pairs], dtype=bool)


def _p_sent(book: Rulebook, choice: Choice) -> NDArray[np.float64]:
    """(n, 1 + A) P(nothing is sent), P(each message is): controls of a campaign get nothing."""
    shares = np.array([c.control_share for c in book.campaigns], dtype=float)[book.campaign_of]
    sent = choice.option_probs[:, 1:] * (1 - shares)
    return np.column_stack([1 - sent.sum(axis=1), sent])
