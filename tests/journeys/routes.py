"""Routes of tests to other sides on loopback."""

from base64 import b64encode
from collections import Counter
from datetime import timedelta

from journeys.models import ChannelRoute, Delivery, WebhookEndpoint
from tests.factories import NOW, make_action, make_delivery

SECRET = "whsec_" + b64encode(b"a secret of thirty-two bytes yes").decode()


def route(channel: str, transport: str, **fields) -> ChannelRoute:
    defaults = {"transport": transport, "endpoint": None, "target": None} | fields
    return ChannelRoute.objects.update_or_create(channel=channel, defaults=defaults)[0]


def make_endpoint(url: str, **fields) -> WebhookEndpoint:
    endpoint = WebhookEndpoint(name=url, url=url, **fields)
    endpoint.set_secret(SECRET)
    endpoint.save()
    return endpoint


def make_deliveries(n: int, channel: str = "sms", **fields) -> list[Delivery]:
    action = make_action(channel=channel, **fields)
    return [make_delivery(action=action) for _ in range(n)]


def statuses() -> dict[str, int]:
    return dict(Counter(Delivery.objects.values_list("status", flat=True)))


def let_time_pass() -> None:
    """Until leases have run out and back-offs are over."""
    past = NOW - timedelta(days=1)
    Delivery.objects.exclude(lease_until=None).update(lease_until=past)
    Delivery.objects.update(due_at=past)
