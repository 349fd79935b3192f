"""What an e-mail service provider reports of a message, as events of the customer.

Delivered, opened and clicked are events and no more. What follows from a bounce, a complaint and an
unsubscribe is the same for every reporter: segments.events.feedback. A report that comes again
changes nothing. A report on a delivery that was unclear settles it: the provider that reports has
accepted it.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from uuid import NAMESPACE_URL, UUID, uuid5

from django.db import transaction

from journeys.delivery.settle_delivery import settle_by_report
from journeys.models import Delivery
from optiengine.lib.partitions import ensure_partitions
from segments.channels import EMAIL
from segments.customers.lock_persons import lock_few
from segments.customers.with_address import customers_with, is_address
from segments.errors import AddressRefused
from segments.events.feedback import FEEDBACK, act_on_feedback
from segments.models import Customer, Event, EventKind

SOURCE = "anymail"
DELIVERED = "delivered"  # a kind of event
OLDEST = timedelta(days=366)  # a moment further back, or ahead, is taken for a mistake
AHEAD = timedelta(hours=1)


@dataclass(frozen=True)
class Report:
    """One report, in our words."""

    provider: str
    kind: str  # of the event
    event_id: str  # at most 100 characters; the same when it comes again
    occurred_at: datetime | None  # None: the provider does not say
    key: UUID | None  # of the delivery; None: not a message of ours, or the provider lost it
    day: date | None  # its as_of
    recipient: str  # the address
    is_hard: bool = False  # of a bounce: for good
    reason: str = ""
    url: str = ""


def record_report(report: Report, *, at: datetime) -> Event | None:
    """Write a report down, once; None where it came before, or tells of nobody whom we know.

    at : when it came.
    """
    delivery = _delivery(report)
    with transaction.atomic():
        event = None
        for customer in _customers(report, delivery):
            made = _new_event(report, customer, delivery, at=at)
            if made and made.kind in FEEDBACK:
                address = report.recipient if is_address("email", report.recipient) else ""
                act_on_feedback(made, at=at, address=address)
            event = made or event
        if delivery and delivery.status == Delivery.Status.UNKNOWN:
            sent_at = event.occurred_at if event else at
            settle_by_report(delivery, provider=report.provider, at=sent_at)
    return event


def _delivery(report: Report) -> Delivery | None:
    if report.key is None or report.day is None:
        return None
    deliveries = Delivery.objects.filter(key=report.key, as_of=report.day, channel=EMAIL)
    return deliveries.select_related("action").first()


def _customers(report: Report, delivery: Delivery | None) -> list[Customer]:
    """Whom it is about, their rows locked in the order of ids."""
    if delivery:
        ids = [delivery.customer_id]
    else:
        try:
            ids = customers_with(EMAIL, report.recipient)
        except AddressRefused:
            ids = []
    lock_few(ids)
    return list(Customer.objects.filter(pk__in=ids, erased_at=None).order_by("pk"))


def _new_event(
    report: Report, customer: Customer, delivery: Delivery | None, *, at: datetime
) -> Event | None:
    external_id = report.event_id
    if not delivery:  # one for each who has the address
        external_id = str(uuid5(NAMESPACE_URL, f"{report.event_id} {customer.pk}"))
    # Without the moment, which the database's own key has: where the provider does not say it, a
    # repeat has another. The customer's row is locked, so nobody else writes it meanwhile.
    known = Event.objects.filter(
        source=SOURCE, external_id=external_id, occurred_at__gte=at - OLDEST
    )
    if known.exists():
        return None
    moment = report.occurred_at
    if moment is None or not at - OLDEST < moment < at + AHEAD:
        moment = at
    day = moment.astimezone(UTC).date()
    ensure_partitions("segments_event", day, day)
    properties: dict[str, object] = {"channel": EMAIL, "provider": report.provider}
    if delivery:
        properties |= {
            "delivery": str(delivery.key),
            "campaign": delivery.action.campaign_id,
            "action": delivery.action_id,
        }
    if report.kind == EventKind.BOUNCE:
        properties["hard"] = report.is_hard
    properties |= {name: text for name in ("reason", "url") if (text := getattr(report, name))}
    return Event.objects.create(
        customer=customer,
        kind=report.kind,
        occurred_at=moment,
        source=SOURCE,
        external_id=external_id,
        properties=properties,
    )
