"""From arrays back to rows: decisions, contacts and deliveries of a batch, by COPY."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from itertools import repeat
from uuid import UUID, uuid5

import numpy as np
from django.db import connection
from numpy.typing import NDArray
from psycopg import sql

from campaigns.numerics.rulebook import Rulebook
from campaigns.numerics.time_zones import zones_of
from campaigns.numerics.verdict_codes import Codes
from journeys.decisions.numerics.arbitration import NONE, Choice
from journeys.decisions.numerics.worth import Worth
from journeys.decisions.plan_moments import ContactsToPlan, expiry, plan_moments
from journeys.maps.numerics.due_steps import DueSteps
from journeys.models import Contact, Delivery
from segments.channels import inbound_channels
from segments.state.load_batch import CustomerBatch

Status = Delivery.Status
KEYS = UUID("6f1f5d0e-4c3b-5b0a-9a55-2c0f9e1f7a11")  # name space of contact and delivery keys
NULL = "\\N"  # in COPY's text format, which every value here is written in


@dataclass(frozen=True)
class DecidedBatch:
    """A batch of n customers with all that was computed for it."""

    batch: CustomerBatch
    arms: NDArray[np.str_]  # (n,)
    worth: Worth
    choice: Choice
    due: DueSteps = field(default_factory=DueSteps.none)


@dataclass(frozen=True)
class DecisionContext:
    """What all rows of a batch have in common."""

    run_id: int
    as_of: date
    at: datetime
    time_zone: str  # the organisation's
    plan_from: datetime | None = None  # no contact is planned before; None: from `at` on
    occasion: int = 0  # of real-time decisions, which may be several for a customer

    def contact_key(self, customer_id: int, campaign_id: int, channel: str) -> UUID:
        """Of a contact and its message: the same however often it is tried, so that a provider
        can drop repeats by it."""
        run = f"{self.run_id}/{self.occasion}" if self.occasion else f"{self.run_id}"
        return uuid5(KEYS, f"{run}:{customer_id}:{campaign_id}:{channel}")


@dataclass(frozen=True)
class ChosenContacts:
    """The batch's contacts: the day's slots, then what goes in addition. k of them."""

    row: NDArray[np.int64]  # (k,) of the batch
    action: NDArray[np.int64]  # (k,) index on the rulebook's action axis
    assignment_prob: NDArray[np.float64]  # (k,)
    is_control: NDArray[np.bool_]  # (k,)
    takes_slot: NDArray[np.bool_]  # (k,)

    @classmethod
    def by(cls, choice: Choice) -> "ChosenContacts":
        slots = np.flatnonzero(choice.action != NONE)
        rows, actions = np.nonzero(choice.additions)
        return cls(
            row=np.concatenate([slots, rows]),
            action=np.concatenate([choice.action[slots], actions]),
            assignment_prob=np.concatenate(
                [choice.assignment_prob[slots], choice.addition_probs[rows, actions]]
            ),
            is_control=np.concatenate(
                [choice.is_control[slots], choice.addition_control[rows, actions]]
            ),
            takes_slot=np.arange(len(slots) + len(rows)) < len(slots),
        )


@dataclass(frozen=True)
class SavedContacts:
    """The contacts of a batch as they were written: k of them."""

    chosen: ChosenContacts
    contact_ids: NDArray[np.int64]  # (k,)
    planned: list[datetime]  # k of them: when each may leave


def save_decisions(
    context: DecisionContext,
    book: Rulebook,
    decided: DecidedBatch,
    *,
    first_contact_id: int,
    decision_ids: list[int] | None = None,
) -> SavedContacts:
    """Write a batch inside the caller's transaction: one decision per customer, none included.

    first_contact_id : drawn under the lock; it marks where the batch's own contacts begin.
    decision_ids : n of them, where the caller needs to know them.
    """
    ids = {} if decision_ids is None else {"id": list(map(str, decision_ids))}
    _copy("journeys_decision", ids | _decisions(context, book, decided))
    chosen = ChosenContacts.by(decided.choice)
    planned, expiries = _planned(context, book, decided, chosen)
    contacts = _contacts(context, book, decided, chosen, first_contact_id)
    contacts["reserved_at"] = [moment.isoformat() for moment in planned]
    _copy("journeys_contact", contacts)
    _copy("journeys_delivery", _deliveries(context, contacts, expiries))
    return SavedContacts(chosen, np.array(contacts["id"], dtype=np.int64), planned)


def _decisions(
    context: DecisionContext, book: Rulebook, decided: DecidedBatch
) -> dict[str, list[str]]:
    choice, worth = decided.choice, decided.worth
    n = len(choice.action)
    taken = np.flatnonzero(choice.action != NONE)
    chosen = choice.action[taken]

    def where_taken(values: NDArray, none: str = "0") -> list[str]:
        """Values of the contacts (len(taken),), `none` elsewhere."""
        values_of_all = np.full(n, none, dtype=object)
        values_of_all[taken] = _texts(values)
        return values_of_all.tolist()

    return {
        "as_of": [context.as_of.isoformat()] * n,
        "run_id": [str(context.run_id)] * n,
        "occasion": [str(context.occasion)] * n,
        "customer_id": _texts(decided.batch.customer_ids),
        "arm": decided.arms.tolist(),
        "layer": choice.layer.tolist(),
        "campaign_id": where_taken(book.campaign_ids[book.campaign_of[chosen]], NULL),
        "action_id": where_taken(book.action_ids[chosen], NULL),
        "is_control": _texts(choice.is_control),
        "assignment_prob": _texts(choice.assignment_prob),
        "response_prob": where_taken(worth.response_prob[taken, chosen], NULL),
        "value_now_cents": where_taken(worth.now[taken, chosen] + book.cost_cents[chosen]),
        "value_later_cents": where_taken(worth.later[taken, chosen]),
        "slot_cost_cents": where_taken(worth.slot[taken, chosen]),
        "price_cents": where_taken(np.broadcast_to(worth.price, worth.slot.shape)[taken, chosen]),
        "cost_cents": where_taken(book.cost_cents[chosen]),
        "verdicts": _arrays(choice.codes),
    }


def _contacts(
    context: DecisionContext,
    book: Rulebook,
    decided: DecidedBatch,
    chosen: ChosenContacts,
    first_id: int,
) -> dict[str, list[str]]:
    k, source = len(chosen.row), Contact.Source.DECISION.value
    customer_ids = decided.batch.customer_ids[chosen.row].tolist()
    actions = [book.actions[index] for index in chosen.action.tolist()]
    campaigns = [book.campaigns[action.campaign] for action in actions]
    channels = [action.channel for action in actions]
    mix_ids, mix_shares = _mixes(book, decided.choice, chosen)
    return {
        "id": _contact_ids(first_id, k),
        "as_of": [context.as_of.isoformat()] * k,
        "customer_id": list(map(str, customer_ids)),
        "campaign_id": [str(campaign.id) for campaign in campaigns],
        "action_id": [str(action.id) for action in actions],
        "channel": channels,
        "tags": ["{" + ",".join(map(str, campaign.tags)) + "}" for campaign in campaigns],
        "takes_slot": _texts(chosen.takes_slot),
        "counted": [repr(not campaign.not_counted_by_caps) for campaign in campaigns],
        "transactional": [repr(campaign.transactional) for campaign in campaigns],
        "arm": decided.arms[chosen.row].tolist(),
        "is_control": _texts(chosen.is_control),
        "assignment_prob": _texts(chosen.assignment_prob),
        "control_share": _texts(_control_shares(book, decided, chosen)),
        "mix_action_ids": mix_ids,
        "mix_shares": mix_shares,
        "micro_segment_id": _texts(decided.batch.micro_segment_ids[chosen.row]),
        "source": [source] * k,
        "key": [
            str(context.contact_key(customer_id, campaign.id, channel))
            for customer_id, campaign, channel in zip(
                customer_ids, campaigns, channels, strict=True
            )
        ],
    }


def _control_shares(
    book: Rulebook, decided: DecidedBatch, chosen: ChosenContacts
) -> NDArray[np.float64]:
    """(k,) P(withheld): by the campaign's own draw, or by that of the map whose step it is."""
    shares = np.array([campaign.control_share for campaign in book.campaigns], dtype=np.float64)
    campaign = book.campaign_of[chosen.action]
    due = decided.due
    steps = zip(due.row.tolist(), due.campaigns(book).tolist(), strict=True)
    of_map = dict(zip(steps, due.control_share.tolist(), strict=True))
    pairs = zip(chosen.row.tolist(), campaign.tolist(), strict=True)
    withheld = np.array([of_map.get(pair, 0.0) for pair in pairs], dtype=np.float64)
    share = shares[campaign]
    return np.where(withheld > 0, 1 - (1 - share) * (1 - withheld), share)


def _planned(
    context: DecisionContext, book: Rulebook, decided: DecidedBatch, chosen: ChosenContacts
) -> tuple[list[datetime], list[str]]:
    """Of each contact: its planned moment, and until when a message may leave."""
    time_zone = context.time_zone
    actions = [book.actions[index] for index in chosen.action.tolist()]
    batch, rows = decided.batch, chosen.row
    places = zip(batch.time_zones[rows].tolist(), batch.countries[rows].tolist(), strict=True)
    to_plan = ContactsToPlan(
        customer_ids=batch.customer_ids[rows],
        channels=np.array([action.channel for action in actions], dtype=object),
        countries=batch.countries[rows],
        zones=[zones_of(*pair, time_zone) for pair in places],
        campaigns=[book.campaigns[action.campaign] for action in actions],
    )
    at = context.plan_from or context.at
    planned = plan_moments(to_plan, quiet_hours=book.quiet_hours, at=at, time_zone=time_zone)
    moments = [moment.replace(tzinfo=UTC) for moment in planned.tolist()]
    ends = map(expiry, to_plan.campaigns, moments, repeat(time_zone))
    return moments, [end.isoformat() if end else NULL for end in ends]


def _mixes(book: Rulebook, choice: Choice, chosen: ChosenContacts) -> tuple[list[str], list[str]]:
    """Of each contact: among which of the campaign's actions was drawn, and with which shares.

    NULL where only one action was possible. With these shares the campaign's actions can be
    compared without bias, whichever action the mix preferred for whom.
    """
    k = len(chosen.row)
    ids, shares = np.full(k, NULL, dtype=object), np.full(k, NULL, dtype=object)
    campaign = book.campaign_of[chosen.action]
    for index in np.unique(campaign):
        columns = np.flatnonzero(book.campaign_of == index)
        if len(columns) < 2:
            continue
        members = np.flatnonzero(campaign == index)
        cells = np.ix_(chosen.row[members], columns)
        slots = choice.option_probs[np.ix_(chosen.row[members], 1 + columns)]
        p = np.where(chosen.takes_slot[members, None], slots, choice.addition_probs[cells])
        p = p / p.sum(axis=1, keepdims=True)
        for contact, row in zip(members.tolist(), p, strict=True):
            possible = np.flatnonzero(row)
            if len(possible) > 1:
                ids[contact] = _array(book.action_ids[columns[possible]])
                shares[contact] = _array(row[possible])
    return ids.tolist(), shares.tolist()


def _array(values: NDArray) -> str:
    return "{" + ",".join(_texts(values)) + "}"


def next_contact_id() -> int:
    """A new id of the contact ledger; under the block's lock no smaller one is still to come."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval(pg_get_serial_sequence('journeys_contact', 'id'))")
        return cursor.fetchone()[0]


def _contact_ids(first: int, k: int) -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT nextval(pg_get_serial_sequence('journeys_contact', 'id'))::text "
            "FROM generate_series(2, %s)",
            [k],
        )
        return [str(first), *(row[0] for row in cursor.fetchall())][:k]


def _deliveries(
    context: DecisionContext, contacts: Mapping[str, list[str]], expiries: list[str]
) -> dict[str, list[str]]:
    """A message for every contact that is not a control's.

    An answer to somebody who came to us is handed over by being given.
    """
    sent = [index for index, control in enumerate(contacts["is_control"]) if control == "False"]
    inbound = inbound_channels()
    is_given = [contacts["channel"][index] in inbound for index in sent]
    same = {name: name for name in ("as_of", "customer_id", "action_id", "channel", "key")}
    same |= {"contact_id": "id", "due_at": "reserved_at"}
    given_at = [context.at.isoformat() if at_once else NULL for at_once in is_given]
    return {
        **{column: [contacts[theirs][index] for index in sent] for column, theirs in same.items()},
        "status": [(Status.SENT if at_once else Status.NEW).value for at_once in is_given],
        "sent_at": given_at,
        "attempted_at": given_at,
        "expires_at": [expiries[index] for index in sent],
        "owner": [""] * len(sent),
        "attempts": ["0"] * len(sent),
    }


def _texts(values: NDArray) -> list[str]:
    """Numbers as Python writes them, which PostgreSQL reads back to the last bit."""
    return list(map(repr, values.tolist()))


def _arrays(codes: Codes) -> list[str]:
    """Rows of codes as PostgreSQL arrays; few differ, so each is written once."""
    if not codes.shape[1]:
        return ["{}"] * len(codes)
    different, index = np.unique(codes, axis=0, return_inverse=True)
    texts = ["{" + ",".join(map(str, row)) + "}" for row in different.tolist()]
    return [texts[i] for i in index.ravel().tolist()]


def _copy(table: str, columns: Mapping[str, Iterable[str]]) -> None:
    """Append columns of one length, their values written in COPY's text format."""
    statement = sql.SQL("COPY {} ({}) FROM STDIN").format(
        sql.Identifier(table), sql.SQL(", ").join(map(sql.Identifier, columns))
    )
    lines = map("\t".join, zip(*columns.values(), strict=True))
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        copy.write("".join(line + "\n" for line in lines))
