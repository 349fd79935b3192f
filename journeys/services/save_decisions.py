"""From arrays back to rows: decisions, contacts and deliveries of a batch, by COPY."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID, uuid5

import numpy as np
from django.db import connection
from numpy.typing import NDArray
from psycopg import sql

from campaigns.numerics.rulebook import Rulebook
from campaigns.numerics.verdicts import Codes
from journeys.models import Contact, DecisionRun, Delivery
from journeys.numerics.arbitration import NONE, Choice
from journeys.numerics.worth import Worth
from segments.services.load_batch import CustomerBatch

KEYS = UUID("6f1f5d0e-4c3b-5b0a-9a55-2c0f9e1f7a11")  # name space of contact and delivery keys


DECISION_COLUMNS = [
    "as_of",
    "run_id",
    "customer_id",
    "arm",
    "layer",
    "campaign_id",
    "action_id",
    "is_control",
    "assignment_prob",
    "response_prob",
    "value_now_cents",
    "value_later_cents",
    "slot_cost_cents",
    "cost_cents",
    "verdicts",
]
CONTACT_COLUMNS = [
    "id",
    "as_of",
    "reserved_at",
    "customer_id",
    "campaign_id",
    "action_id",
    "channel",
    "tags",
    "takes_slot",
    "arm",
    "is_control",
    "assignment_prob",
    "control_share",
    "micro_segment_id",
    "source",
    "key",
]
DELIVERY_COLUMNS = [
    "as_of",
    "contact_id",
    "customer_id",
    "action_id",
    "channel",
    "key",
    "status",
    "owner",
    "attempts",
    "reason",
    "batch",
    "transport",
]


@dataclass(frozen=True)
class Decided:
    """A batch of n customers with all that was computed for it."""

    batch: CustomerBatch
    arms: NDArray[np.str_]  # (n,)
    worth: Worth
    choice: Choice


def save_decisions(
    run: DecisionRun, book: Rulebook, decided: Decided, *, first_contact_id: int
) -> None:
    """Write a batch inside the caller's transaction: one decision per customer, none included."""
    _copy("journeys_decision", DECISION_COLUMNS, _decision_rows(run, book, decided))
    contacts = _contacts(run, book, decided)
    _reserve_ids(contacts, first_contact_id)
    _copy("journeys_contact", CONTACT_COLUMNS, (contact[:-1] for contact in contacts))
    _copy("journeys_delivery", DELIVERY_COLUMNS, _delivery_rows(run, contacts))


def _decision_rows(run: DecisionRun, book: Rulebook, decided: Decided) -> Iterable[tuple]:
    choice, worth = decided.choice, decided.worth
    n = len(choice.action)
    taken = np.flatnonzero(choice.action != NONE)
    chosen = choice.action[taken]

    def parts(values: NDArray[np.float64], none: float | None = 0.0) -> list[float | None]:
        """The chosen action's value of (n, A) values; `none` where none was chosen."""
        found = np.full(n, none, dtype=object)
        found[taken] = values[taken, chosen].tolist()
        return found.tolist()

    costs = np.broadcast_to(book.cost_cents, worth.now.shape)
    action_ids = np.full(n, None, dtype=object)
    campaign_ids = action_ids.copy()
    if len(taken):
        action_ids[taken] = book.action_ids[chosen].tolist()
        campaign_ids[taken] = book.campaign_ids[book.campaign_of[chosen]].tolist()
    return zip(
        [run.as_of] * n,
        [run.pk] * n,
        decided.batch.customer_ids.tolist(),
        decided.arms.tolist(),
        choice.layer.tolist(),
        campaign_ids.tolist(),
        action_ids.tolist(),
        choice.is_control.tolist(),
        choice.assignment_prob.tolist(),
        parts(worth.response_prob, None),
        parts(worth.now + costs),
        parts(worth.later),
        parts(worth.slot),
        parts(costs),
        _array_texts(choice.codes),
        strict=True,
    )


def _contacts(run: DecisionRun, book: Rulebook, decided: Decided) -> list[list]:
    """Rows of the ledger, ids still missing: the slots, then what goes in addition."""
    choice, batch = decided.choice, decided.batch
    slots = [
        (row, action, choice.assignment_prob[row], choice.is_control[row], True)
        for row, action in enumerate(choice.action.tolist())
        if action != NONE
    ]
    additions = [
        (
            row,
            action,
            choice.addition_probs[row, action],
            choice.addition_control[row, action],
            False,
        )
        for row, action in zip(
            *(axis.tolist() for axis in np.nonzero(choice.additions)), strict=True
        )
    ]
    found = []
    for row, index, prob, is_control, takes_slot in slots + additions:
        action = book.actions[index]
        campaign = book.campaigns[action.campaign]
        customer = int(batch.customer_ids[row])
        found.append(
            [
                None,
                run.as_of,
                run.decided_at,
                customer,
                campaign.id,
                action.id,
                action.channel,
                list(campaign.tags),
                takes_slot,
                decided.arms[row],
                bool(is_control),
                float(prob),
                campaign.control_share,
                int(batch.micro_segment_ids[row]),
                Contact.Source.DECISION.value,
                contact_key(run.pk, customer, campaign.id),
                delivery_key(run.pk, customer, campaign.id, action.channel),
            ]
        )
    return found


def contact_key(run_id: int, customer_id: int, campaign_id: int) -> UUID:
    return uuid5(KEYS, f"{run_id}:{customer_id}:{campaign_id}")


def delivery_key(run_id: int, customer_id: int, campaign_id: int, channel: str) -> UUID:
    """The same message, however often it is tried: what a provider drops repeats by."""
    return uuid5(KEYS, f"{run_id}:{customer_id}:{campaign_id}:{channel}")


def _reserve_ids(contacts: list[list], first: int) -> None:
    """Number the contacts; the first id was drawn under the lock and marks where history ends."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT nextval(pg_get_serial_sequence('journeys_contact', 'id')) "
            "FROM generate_series(2, %s)",
            [len(contacts)],
        )
        ids = [first, *(row[0] for row in cursor.fetchall())]
    for contact, contact_id in zip(contacts, ids, strict=False):
        contact[0] = contact_id


def _delivery_rows(run: DecisionRun, contacts: list[list]) -> Iterable[tuple]:
    """A message for every contact that is not a control's."""
    new = Delivery.Status.NEW.value
    return (
        (run.as_of, c[0], c[3], c[5], c[6], c[16], new, "", 0, "", None, "")
        for c in contacts
        if not c[10]
    )


def _array_texts(codes: Codes) -> list[str]:
    """Rows of codes as PostgreSQL array literals; few differ, so each is written once."""
    if codes.shape[1] == 0:
        return ["{}"] * len(codes)
    texts: dict[bytes, str] = {}
    found = []
    for row in codes:
        key = row.tobytes()
        if key not in texts:
            texts[key] = "{" + ",".join(map(str, row.tolist())) + "}"
        found.append(texts[key])
    return found


def _copy(table: str, columns: Sequence[str], rows: Iterable[Sequence]) -> None:
    statement = sql.SQL("COPY {} ({}) FROM STDIN").format(
        sql.Identifier(table), sql.SQL(", ").join(map(sql.Identifier, columns))
    )
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        for row in rows:
            copy.write_row(row)
