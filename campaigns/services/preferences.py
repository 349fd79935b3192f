"""What a customer chooses on the preference page: channels and topics."""

import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from campaigns.models import Tag
from segments.channel_labels import channel_label
from segments.channels import address_field, outbound_channels
from segments.customers.lock_persons import lock_person
from segments.customers.record_consents import record_consents
from segments.customers.withdraw_consent import withdraw_consent
from segments.models import Customer, EventKind
from segments.models.consent import ConsentSource

SOURCE = "preference page"


@dataclass(frozen=True)
class ChannelChoice:
    channel: str
    label: str
    address: str  # masked; empty where the channel has none
    is_on: bool


def offered_channels(customer: Customer) -> list[ChannelChoice]:
    """The channels by which the customer can be reached, or allowed to be."""
    choices = []
    for channel in outbound_channels():
        column = address_field(channel)
        address = getattr(customer, column) if column else ""
        is_on = channel in customer.consents
        if is_on or address:
            choices.append(ChannelChoice(channel, channel_label(channel), masked(address), is_on))
    return choices


def topic_choices(customer: Customer) -> list[tuple[Tag, bool]]:
    """Topics in the order of their titles, and whether the customer wants to hear of them."""
    topics = Tag.objects.filter(is_topic=True).order_by("title")
    return [(topic, topic.pk not in customer.topics_declined) for topic in topics]


@transaction.atomic
def save_preferences(
    customer: Customer,
    *,
    channels: Collection[str],
    topics: Collection[int],
    campaign_id: int | None,
    at: datetime,
) -> None:
    """Store what the customer wants of what the page offered.

    channels, topics : those that are wanted; what the page did not offer stays as it is.
    """
    locked = lock_person(customer.pk)
    offered = offered_channels(locked)
    for choice in offered:
        if choice.channel not in channels:
            withdraw_consent(
                locked,
                choice.channel,
                kind=EventKind.UNSUBSCRIBE,
                campaign_id=campaign_id,
                by=ConsentSource.PREFERENCE_PAGE,
                source=SOURCE,
                at=at,
            )
    record_consents(
        locked,
        {choice.channel: True for choice in offered if choice.channel in channels},
        {topic.pk: topic.pk in topics for topic, _wanted in topic_choices(locked)},
        kind=ConsentSource.PREFERENCE_PAGE,
        source=SOURCE,
        said_at=at,
        at=at,
    )


def masked(address: str) -> str:
    """Enough for its owner to recognise an address, and nobody else: a•••@e•••.com, •••42."""
    local, at, domain = address.strip().rpartition("@")
    if at:
        name, _dot, ending = domain.rpartition(".")
        return f"{local[:1]}•••@{name[:1]}•••.{ending}"
    digits = re.sub(r"\D", "", address)
    return f"•••{digits[-2:]}" if digits else ""
