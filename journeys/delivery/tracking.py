"""Listens to what anymail makes of the reports of e-mail service providers.

The views check the secret (optiengine.urls mounts them); here a provider's words become ours.
"""

import re
from contextlib import suppress
from datetime import date
from typing import Any
from urllib.parse import urlsplit
from uuid import NAMESPACE_URL, UUID, uuid5

from anymail.signals import AnymailTrackingEvent, EventType, RejectReason
from django.utils import timezone

from journeys.delivery.record_report import DELIVERED, Report, record_report
from segments.models import EventKind

KINDS = {  # no DEFERRED: the provider goes on trying, and says so each time
    EventType.DELIVERED: DELIVERED,
    EventType.OPENED: EventKind.OPEN.value,
    EventType.CLICKED: EventKind.CLICK.value,
    EventType.BOUNCED: EventKind.BOUNCE.value,
    EventType.COMPLAINED: EventKind.COMPLAINT.value,
    EventType.UNSUBSCRIBED: EventKind.UNSUBSCRIBE.value,
}
DEAD = {RejectReason.BOUNCED, RejectReason.INVALID, None}  # the mailbox, rather than the message
# Anymail's BOUNCED is any that the provider gave up. Words by which providers tell those that may
# work another day, and RFC 3463's class 4 in what the mail server said.
FOR_NOW = {
    "soft_bounce", "soft_bounced", "softbounce", "soft bounce",
    "transient", "temporary", "undetermined", "blocked",
}  # fmt: skip
CLASS_4 = re.compile(r"\b4\.\d{1,3}\.\d{1,3}\b|^4\d\d\b")


def listen(event: AnymailTrackingEvent, esp_name: str, **_kwargs: Any) -> None:
    if report := read_event(event, esp_name):
        record_report(report, at=timezone.now())


def read_event(event: AnymailTrackingEvent, provider: str) -> Report | None:
    """In our words; None for what we do not keep."""
    if (kind := KINDS.get(event.event_type)) is None:
        return None
    moment = event.timestamp
    is_bounce = event.event_type == EventType.BOUNCED
    return Report(
        provider=provider,
        kind=kind,
        event_id=_event_id(event, provider),
        occurred_at=moment if moment and moment.tzinfo else None,
        key=_read(UUID, event, "delivery"),
        day=_read(date.fromisoformat, event, "day"),
        recipient=_clean(event.recipient),
        is_hard=is_bounce and event.reject_reason in DEAD and not _is_for_now(event),
        reason=_clean(event.mta_response or event.description or event.reject_reason),
        url=_without_query(event.click_url),
    )


def _event_id(event: AnymailTrackingEvent, provider: str) -> str:
    """The provider's, else one made of all that tells an event from another."""
    if event.event_id:
        # With the type: some providers count bounces and complaints apart.
        name = f"{provider} {event.event_type} {event.event_id}"
        return name if name.isprintable() and len(name) <= 100 else _made(name)
    parts = (
        provider,
        event.event_type,
        event.message_id,
        event.recipient,
        event.timestamp,
        event.click_url,
        (event.metadata or {}).get("delivery"),
    )
    return _made("\n".join(map(str, parts)))


def _made(name: str) -> str:
    return str(uuid5(NAMESPACE_URL, name))


def _is_for_now(event: AnymailTrackingEvent) -> bool:
    if CLASS_4.search(_clean(event.mta_response)):
        return True
    said = event.esp_event if isinstance(event.esp_event, dict) else {}
    inner = [value for value in said.values() if isinstance(value, dict)]
    return any(
        str(value).lower() in FOR_NOW or (name == "hard_bounce" and value is False)
        for level in [said, *inner]
        for name, value in level.items()
    )


def _read(parse: Any, event: AnymailTrackingEvent, name: str) -> Any:
    """Metadata of ours, as it came back; None where it did not, or is not what we sent."""
    with suppress(ValueError, TypeError, AttributeError, KeyError):
        return parse((event.metadata or {})[name])
    return None


def _without_query(url: str | None) -> str:
    """A link may carry what lets somebody in; which link it was is in its path."""
    with suppress(ValueError):
        return _clean(urlsplit(url or "")._replace(query="", fragment="").geturl())
    return ""


def _clean(text: object) -> str:
    """As the database takes it: no NUL, no half of a character, at a bounded length."""
    words = str(text or "").replace("\x00", "")[:500]
    return words.encode(errors="replace").decode()
