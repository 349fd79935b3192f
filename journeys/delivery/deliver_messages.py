"""Send what waits in the outbox."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from campaigns.models import Action
from journeys.delivery import outbox
from journeys.delivery.begin_attempt import begin_attempt
from journeys.delivery.channel_throttle import left_in_minute
from journeys.delivery.channels import (
    TRANSPORTS,
    Message,
    NotReady,
    Receipt,
    SendResult,
    SessionOver,
    Unreachable,
)
from journeys.delivery.channels.base import Send
from journeys.delivery.load_limits import load_limits
from journeys.delivery.message_links import links_for
from journeys.delivery.numerics.last_check import Limits
from journeys.delivery.outbox import Batch, other_side
from journeys.delivery.release_contacts import expire_messages, release_controls
from journeys.delivery.render_message import Recipient, render_message
from journeys.delivery.report_bounces import record_bounces
from journeys.models import ChannelRoute, Reason, ReasonCode, make_reason
from optiengine.lib.text_scan import TextError
from segments.channels import outbound_channels
from segments.customers.customer_links import Reader

STATUSES = ("sent", "failed", "unknown", "suppressed", "new")


def deliver_messages(
    *,
    now: datetime,
    channel: str | None = None,
    limit: int | None = None,
    owner: str,
    progress: Callable[[int], object] | None = None,
    clock: Callable[[], datetime] | None = None,
    has_time: Callable[[], bool] | None = None,
) -> dict[str, int]:
    """Send the waiting deliveries of one channel, or of all; any number of workers may, at once.

    Channels take turns, a batch each, so that many messages of one do not hold up another's.
    now : the moment of sending: what is due later waits. limit : claim at most so many deliveries.
    owner : names the worker; two that run at once need different names.
    progress : called with how many deliveries were dealt with since the last call.
    clock : says what time it is while the work goes on, so that limits are checked at the moment at
    which each group leaves; without it, as in a simulation, all of it is done at `now`.
    has_time : called before each group; if it returns False, the rest waits for the next call.
    Returns a count per status. `new` are those put back to wait: a limit holds them, the other side
    could not be reached or asked for another time, the route was closed or sending stopped.
    """
    worker = Worker(
        owner,
        clock or (lambda: now),
        limit,
        progress or (lambda _n: None),
        has_time or (lambda: True),
    )
    worker.count(Counter(unknown=outbox.declare_unclear(now=now)))
    worker.count(Counter(suppressed=expire_messages(now)))
    waiting = [channel] if channel else list(outbound_channels())
    while waiting:
        waiting = [each for each in waiting if worker.take_turn(each)]
    if worker.counts["suppressed"] or worker.counts["failed"]:
        release_controls(worker.clock())
    return {status: worker.counts[status] for status in STATUSES}


@dataclass
class Worker:
    """One call of `deliver`: who works, by which clock, and what came of it so far."""

    owner: str
    clock: Callable[[], datetime]
    left: int | None  # deliveries it may still claim; None: as many as there are
    progress: Callable[[int], object]
    has_time: Callable[[], bool]
    counts: Counter[str] = field(default_factory=Counter)
    actions: dict[int, Action] = field(default_factory=dict)
    batches: set[UUID] = field(default_factory=set)  # claimed so far
    shut: set[str] = field(default_factory=set)  # other sides that took nothing

    def count(self, statuses: Counter[str]) -> None:
        self.counts.update(statuses)
        self.counts["new"] += self.counts.pop("attempting", 0)  # unclear: waits, to be repeated
        self.progress(statuses.total())

    def take_turn(self, channel: str) -> bool:
        """Deliver one batch of a channel; returns whether another one may follow."""
        batch = self._next_batch(channel) if self.has_time() else None
        if batch is None:
            return False
        n_sent_before, is_whole, is_shut = self.counts["sent"], False, False
        try:
            with TRANSPORTS[batch.transport].open(batch.peer_id) as send:
                is_whole = self._deliver_groups(batch, send)
        except SessionOver:
            is_shut = True
        except Unreachable as error:
            is_attempt = not isinstance(error, NotReady)
            now = self.clock()
            self.count(outbox.put_off(batch, error.reason, now=now, is_attempt=is_attempt))
            is_shut = True
        self.count(outbox.release(batch))
        if self.counts["sent"] > n_sent_before:
            return True
        if is_shut:  # trying again at once would be a storm; the next call does
            self.shut.add(batch.other_side)
        return is_whole or is_shut  # another side may take what goes there

    def _next_batch(self, channel: str) -> Batch | None:
        now = self.clock()
        if repeat := outbox.take_over_batch(channel, owner=self.owner, now=now, shut=self.shut):
            return repeat
        route = ChannelRoute.for_channel(channel)
        if other_side(route.transport, route.peer_id) in self.shut:
            return None
        size = TRANSPORTS[route.transport].batch_size
        bounds = [size, self.left, left_in_minute(channel, now=now)]
        batch = outbox.claim_batch(
            channel,
            route.transport,
            peer_id=route.peer_id,
            owner=self.owner,
            size=min(bound for bound in bounds if bound is not None),
            now=now,
        )
        if batch is None:
            return None
        if self.left is not None:
            self.left -= len(batch.delivery_ids)
        # What this call had put back to wait does not wait any more.
        self.counts["new"] -= sum(
            n for before, n in batch.claimed_before.items() if before in self.batches
        )
        self.batches.add(batch.id)
        return batch

    def _deliver_groups(self, batch: Batch, send: Send) -> bool:
        """Returns whether all of the batch was dealt with. Raises SessionOver."""
        ids, limits = batch.delivery_ids, load_limits()
        size = TRANSPORTS[batch.transport].group_size
        for start in range(0, len(ids), size):
            group = ids[start : start + size]
            if not self.has_time() or not self._deliver_group(batch, group, send, limits):
                return False
        return True

    def _deliver_group(self, batch: Batch, ids: Sequence[int], send: Send, limits: Limits) -> bool:
        """Returns whether all of them were dealt with. Raises SessionOver."""
        now = self.clock()
        recipients, stopped = begin_attempt(batch, ids, now=now, limits=limits)
        self.count(stopped)
        is_whole = len(recipients) + stopped.total() == len(ids)
        if not recipients:
            return is_whole
        messages, receipts = self._messages(batch, recipients)
        n_told = len(receipts)
        try:
            for receipt in send(batch.id, messages, now) if messages else ():
                receipts.append(receipt)  # what came before an exception counts
        except SessionOver:
            receipts += _for_the_rest(messages, receipts, SendResult.UNTOUCHED)
            raise
        except Unreachable as error:
            if not batch.is_repeat:  # of a repeat, the first attempt is still unclear
                receipts += _for_the_rest(messages, receipts, SendResult.LATER, error.reason)
            raise SessionOver from error
        except BaseException:  # a time-out of the queue is one: what was on its way stays unclear
            n_begun = len(receipts) - n_told + TRANSPORTS[batch.transport].at_once
            receipts += _for_the_rest(messages[n_begun:], receipts, SendResult.UNTOUCHED)
            raise
        finally:
            now = self.clock()
            settled = [receipt for receipt in receipts if not receipt.is_bounce]
            self.count(outbox.record_receipts(batch, settled, now=now))
            self.count(record_bounces(batch, recipients, receipts, now=now))
        return is_whole

    def _messages(
        self, batch: Batch, recipients: list[dict[str, Any]]
    ) -> tuple[list[Message], list[Receipt]]:
        """What to hand over, and the receipts of those whose text cannot be filled in."""
        if missing := {row["action_id"] for row in recipients} - self.actions.keys():
            self.actions |= Action.objects.select_related("campaign").in_bulk(missing)
        # Of a repeat, the first attempt is still unclear.
        result = SendResult.UNKNOWN if batch.is_repeat else SendResult.FAILED
        messages, faults = [], []
        for row in recipients:
            try:
                messages.append(_message(batch, row, self.actions[row["action_id"]]))
            except TextError as error:
                reason = make_reason(ReasonCode.TEXT_FAULT, fault=f"{error}")
                faults.append(Receipt(row["id"], result, reason))
        return messages, faults


def _message(batch: Batch, row: dict[str, Any], action: Action) -> Message:
    links = links_for(Reader(row["customer_id"], batch.channel, action.campaign_id))
    words = render_message(action, Recipient.from_row(row), links)
    return Message(
        delivery_id=row["id"],
        key=row["key"],
        as_of=row["as_of"],
        channel=batch.channel,
        customer_id=row["external_id"],
        address=row["address"],
        campaign=action.campaign.name,
        action=action.name,
        offer=action.offer,
        subject=words.subject,
        text=words.text,
        html=words.html,
        unsubscribe_url="" if action.campaign.transactional else links.unsubscribe_url,
    )


def _for_the_rest(
    messages: Sequence[Message],
    receipts: Sequence[Receipt],
    result: SendResult,
    reason: Reason | None = None,
) -> list[Receipt]:
    reported = {receipt.delivery_id for receipt in receipts}
    ids = (message.delivery_id for message in messages)
    return [Receipt(each, result, reason) for each in ids if each not in reported]
