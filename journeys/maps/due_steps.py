"""Send steps that wait for a decision: what a run looks at, and what becomes of the travellers."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray
from psycopg import sql

from journeys.maps.numerics.due_steps import DueSteps
from journeys.maps.numerics.journey_graph import Step
from journeys.maps.travellers import PassageLog, TravellerRow, graph_of, load_travellers, park
from journeys.models import Traveller
from optiengine.lib.columns import read_columns

SENT, WITHHELD, BLOCKED = "sent", "withheld", "blocked"

# Who waits in two maps for the same campaign gets it once, from where they have waited longest;
# the other step waits on.
DUE = """
    SELECT DISTINCT ON (t.customer_id, t.campaign_id)
        t.id, t.customer_id, t.campaign_id, t.is_control, m.control_share,
        (extract(epoch FROM t.step_since) * 1e6)::int8 AS since
    FROM journeys_traveller t JOIN journeys_journeymap m ON m.id = t.map_id
    WHERE t.customer_id = ANY(%s) AND t.campaign_id IS NOT NULL AND m.status = 'active'
      AND (%s::timestamptz IS NULL OR t.give_up_at > %s) AND (t.at_once OR NOT %s)
    ORDER BY t.customer_id, t.campaign_id, t.step_since, t.id
"""


@dataclass(frozen=True)
class StepResults:
    """What was decided at k due steps."""

    result: NDArray[np.str_]  # (k,) SENT, WITHHELD (a control's ghost) or BLOCKED
    contact_id: NDArray[np.int64]  # (k,) 0 where blocked
    leaves_at: Sequence[datetime | None]  # k of them: the planned moment, None where blocked


def load_due(
    customer_ids: NDArray[np.int64], *, at: datetime | None = None, at_once: bool = False
) -> DueSteps:
    """The steps at which these customers wait, in active maps; `row` is the place in the ids.

    customer_ids : (n,) ascending. at : leave out steps that have given up by then.
    at_once : only steps that do not wait for the day's run, which looks at all.
    The caller holds the lock of the customers' block until it has settled what it loaded.
    """
    names = ["id", "customer_id", "campaign_id", "is_control", "control_share", "since"]
    columns = read_columns(sql.SQL(DUE), names, [customer_ids.tolist(), at, at, at_once])
    return DueSteps(
        traveller_ids=columns["id"],
        row=np.searchsorted(customer_ids, columns["customer_id"]),
        campaign_id=columns["campaign_id"],
        since=columns["since"].astype("datetime64[us]"),
        is_control=columns["is_control"],
        control_share=columns["control_share"],
    )


def settle_due(due: DueSteps, results: StepResults, at: datetime) -> None:
    """Move the travellers on from steps that were decided, inside the caller's transaction.

    A message sent or withheld leads on. One that was not possible waits on, leads on or ends the
    journey, as the step says. at : the moment of the decision. What follows counts from there, from
    the moment at which the message may leave where that is later, and never from before the
    traveller had come to the step: a late run decides for a moment that has passed.
    """
    if not len(due):
        return
    outcomes = zip(
        results.result.tolist(), results.contact_id.tolist(), results.leaves_at, strict=True
    )
    decided = dict(zip(due.traveller_ids.tolist(), outcomes, strict=True))
    travellers = load_travellers("t.id = ANY(%s) AND t.campaign_id IS NOT NULL", [list(decided)])
    passage_log = PassageLog()
    for traveller in travellers:
        result, contact_id, leaves_at = decided[traveller.id]
        since = max(at, traveller.step_since, leaves_at or at)
        step = graph_of(traveller.version_id).steps.get(traveller.step)
        if step is None:
            park(traveller, f"{traveller.step}?")
        elif result != BLOCKED:
            _lead_on(passage_log, traveller, result, since, contact_id)
        else:
            settle_blocked(passage_log, step, traveller, since, gave_up=False)
    passage_log.save(travellers)


def settle_blocked(
    passage_log: PassageLog, step: Step, traveller: TravellerRow, at: datetime, *, gave_up: bool
) -> None:
    """What the step says of a message that was not possible. gave_up : and waits no longer."""
    what = step["when_blocked"]
    if what == "wait" and gave_up:
        what = step["then"]
    if what == "skip":
        _lead_on(passage_log, traveller, "skipped", at, None)
    elif what == "exit":
        passage_log.finish(traveller, Traveller.ExitReason.BLOCKED, at=at)


def _lead_on(
    passage_log: PassageLog,
    traveller: TravellerRow,
    result: str,
    at: datetime,
    contact_id: int | None,
) -> None:
    graph = graph_of(traveller.version_id)
    passage_log.move(traveller, "next", graph, at=at, result=result, contact_id=contact_id)
