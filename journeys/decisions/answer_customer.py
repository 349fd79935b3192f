"""What to say to a customer who came to us: decided now, in words, as good as handed over."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from django.db import transaction

from campaigns.models import Action
from journeys.decisions.decide_now import Request, decide_now
from journeys.delivery.release_contacts import release_deliveries
from journeys.delivery.render_message import Recipient, Words, render_message
from journeys.locks import lock_block
from journeys.models import Delivery, LiveDecision, Reason, ReasonCode, make_reason
from optiengine.lib.text_scan import TextError
from segments.channels import inbound_channels
from segments.models import Customer
from segments.models.customer import BLOCK_BITS


@dataclass(frozen=True)
class SpokenAnswer:
    """All fields are None if there is no message, or if it is withheld from a control customer."""

    decision: int
    as_of: date
    campaign: int | None = None
    campaign_name: str | None = None
    action: int | None = None
    action_name: str | None = None
    offer: str | None = None
    message: Words | None = None


def answer_customer(
    customer: Customer, *, at: datetime, channels: Sequence[str] = (), request_id: str = ""
) -> SpokenAnswer | None:
    """Decide and fill in. A text with a fault is not said, and its delivery has failed.

    channels : inbound ones; default: all. request_id : of the caller; the same question gets
    the same answer. None: no customer, since they register on a later day or left just now.
    Raises StaleState, SendingStopped.
    """
    request = Request(
        LiveDecision.Reason.INBOUND,
        channels=tuple(channels) or inbound_channels(),
        key=f"{customer.pk}:{request_id}" if request_id else "",
    )
    answer = decide_now([customer.pk], at=at, request=request).get(customer.pk)
    if answer is None:
        return None
    nothing = SpokenAnswer(answer.decision_id, answer.as_of)
    if answer.action_id is None or answer.is_control:
        return nothing
    action = Action.objects.select_related("campaign").get(pk=answer.action_id)
    try:
        words = render_message(action, Recipient.of(customer))
    except TextError as fault:
        reason = make_reason(ReasonCode.TEXT_FAULT, fault=str(fault))
        if answer.contact_id:
            _take_back(customer, answer.contact_id, answer.as_of, reason, at=at)
        return nothing
    return SpokenAnswer(
        answer.decision_id,
        answer.as_of,
        action.campaign_id,
        action.campaign.name,
        action.pk,
        action.name,
        action.offer,
        words,
    )


@transaction.atomic
def _take_back(
    customer: Customer, contact_id: int, as_of: date, reason: Reason, *, at: datetime
) -> None:
    """An answer that could not be given has failed, and uses no slot."""
    lock_block(customer.pk >> BLOCK_BITS)
    delivery = Delivery.objects.filter(as_of=as_of, contact_id=contact_id).first()
    if delivery is None:
        return
    delivery.status, delivery.reason, delivery.sent_at = Delivery.Status.FAILED, reason, None
    delivery.save(update_fields=["status", "reason_code", "reason_params", "sent_at"])
    release_deliveries([delivery.pk], as_of, as_of, at)
