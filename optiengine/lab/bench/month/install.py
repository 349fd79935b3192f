"""What marketers entered: ten ranked and forty Auto campaigns, three maps, all limits at once."""

from base64 import b64encode
from dataclasses import dataclass, field
from datetime import date, datetime, time
from typing import Any

from campaigns import models as campaigns
from journeys.maps.edit_map import launch_map
from journeys.maps.map_templates import make_from_template
from journeys.models import ChannelRoute, JourneyMap, WebhookEndpoint
from segments.models import Organisation, TargetGroup

SECRET = "whsec_" + b64encode(b"a month's secret, thirty-two byte").decode()
LOCK_TIME = time(9, 30)
THROTTLED = "sms"
MAPS = ("welcome", "abandoned_cart", "birthday")

GROUPS: dict[str, dict[str, Any]] = {
    "recent": {"field": "feature.recency_days", "op": "le", "value": 30},
    "at risk": {"field": "feature.recency_days", "op": "gt", "value": 60},
    "new": {"field": "registered_days", "op": "le", "value": 30},
    "basic": {"field": "attribute.loyalty_tier", "op": "eq", "value": "basic"},
    "silver": {"field": "attribute.loyalty_tier", "op": "eq", "value": "silver"},
    "gold": {"field": "attribute.loyalty_tier", "op": "eq", "value": "gold"},
    "store": {"field": "attribute.signup_source", "op": "eq", "value": "store"},
    "coupon": {"field": "attribute.signup_source", "op": "eq", "value": "coupon_site"},
}
TAGS = ("price", "news", "season", "service", "never", "gift")


@dataclass(frozen=True)
class Plan:
    """A campaign: its actions' channels, its tags, its target group, what is not the default."""

    name: str
    channels: tuple[str, ...]
    tags: tuple[str, ...] = ()
    group: str = ""
    settings: dict[str, Any] = field(default_factory=dict)


RANKED = (
    Plan("Receipt", ("email",), settings={
        "recurrence": "event", "trigger_kind": "order", "transactional": True,
        "control_share": 0, "repeat_after_days": 0}),
    Plan("Wishlist", ("push",), ("service",), settings={
        "recurrence": "event", "trigger_kind": "wishlist", "repeat_after_days": 1}),
    Plan("Terms of use", ("email",), ("service",), "store", {
        "exempt_from_caps": True, "repeat_after_days": 2}),
    Plan("Service call", ("call",), ("service",), "at risk", {
        "repeat_after_days": 2, "expires_after_hours": 20}),
    Plan("Price alert", ("sms",), ("price",), "coupon", {"repeat_after_days": 2}),
    Plan("Loyalty points", ("email",), ("news",), "gold", {
        "duration_days": 3, "repeat_after_days": 4}),
    Plan("Store news", ("email",), ("news",), "gold", {
        "ignores_durations": True, "repeat_after_days": 2}),
    Plan("Invitation", ("sms", "email"), ("service",), "gold", {"repeat_after_days": 3}),
    Plan("Survey", ("email",), ("service",), "recent", {
        "not_counted_by_caps": True, "repeat_after_days": 5}),
    Plan("Coupon beside", ("push",), ("gift",), "coupon", {
        "in_addition": True, "repeat_after_days": 2}),
)  # fmt: skip

CHANNELS = (
    *(("email",), ("sms",), ("email", "sms"), ("push",), ("email",)),
    *(("web",), ("email",), ("push", "email"), ("call",), ("email",)),
)
WEEKDAYS = ((), (1, 3, 5, 6), (), (2, 4, 6, 7), ())


def _auto(number: int) -> Plan:
    days = WEEKDAYS[number % 5]
    settings: dict[str, Any] = {
        "recurrence": "weekly" if days else "daily",
        "recurs_on": list(days),
        "repeat_after_days": 2 + number % 6,
        "duration_days": 2 if number % 9 == 4 else 0,
        "send_time_per_person": number == 4,
        "expires_after_hours": 12 if number % 8 == 3 else None,
    }
    tags = ("never",) if number == 39 else (TAGS[number % 4],)
    group = ("", "basic", "", "recent", "", "silver", "at risk")[number % 7]
    return Plan(f"Auto {number}", CHANNELS[number % 10], tags, group, settings)


PLANS = (*RANKED, *map(_auto, range(40)))


def install(start: date, at: datetime, *, sink_url: str, per_minute: int) -> None:
    """Everything but customers. at : the moment at which the maps are launched.

    sink_url : of the webhook endpoint. per_minute : of the throttled channel.
    """
    Organisation.objects.update_or_create(
        pk=1, defaults={"name": "Town", "time_zone": "Europe/Berlin", "lock_time": LOCK_TIME}
    )
    campaigns.ArmPlan.objects.create(
        starts_on=start, salt="month", holdout_share=0.05, baseline_share=0.2
    )
    goal = campaigns.Goal.objects.create(name="Orders", window_days=7, value_per_event_cents=2_000)
    groups = {n: TargetGroup.objects.create(name=n, rule=rule) for n, rule in GROUPS.items()}
    tags = {name: campaigns.Tag.objects.create(name=name) for name in TAGS}
    made = {}
    for number, plan in enumerate(PLANS):
        made[plan.name] = campaigns.Campaign.objects.create(
            name=plan.name,
            status=campaigns.Campaign.Status.ACTIVE,
            goal=goal,
            target_group=groups.get(plan.group),
            rank=number + 1 if number < len(RANKED) else None,
            starts_on=start,
            **plan.settings,
        )
        made[plan.name].tags.set(tags[name] for name in plan.tags)
        for channel in plan.channels:
            _action(made[plan.name], channel)
    made["Invitation"].ignores_durations_of.add(made["Loyalty points"])
    _limits(made, tags)
    _maps(start, at, tags)
    _routes(sink_url, per_minute)


def _action(campaign: campaigns.Campaign, channel: str) -> None:
    campaigns.Action.objects.create(
        campaign=campaign,
        name=channel,
        channel=channel,
        cost_cents=1,
        subject="{{ campaign }}",
        body='Dear {{ customer.first_name | default: "customer" }},\n\n{{ campaign }}.\n',
    )


def _limits(made: dict[str, campaigns.Campaign], tags: dict[str, campaigns.Tag]) -> None:
    cap, scope = campaigns.FrequencyCap.objects.create, campaigns.FrequencyCap.Scope
    cap(name="Three in seven days", limit=3, window="days", length=7)
    cap(name="Three in a week with receipts", limit=3, window="week", counts_transactional=True)
    cap(name="An e-mail a day", scope=scope.CHANNEL, channel="email", limit=1, window="day")
    cap(name="Two texts a month", scope=scope.CHANNEL, channel="sms", limit=2, window="month")
    cap(name="A call in 60 hours", scope=scope.CHANNEL, channel="call", limit=1,
        window="hours", length=60)  # fmt: skip
    cap(name="A price offer a week", scope=scope.TAG, tag=tags["price"], limit=1,
        window="week", week_starts_on=7)  # fmt: skip
    cap(name="Never", scope=scope.TAG, tag=tags["never"], limit=0)
    cap(name="As many news as you like", scope=scope.TAG, tag=tags["news"], limit=None)

    campaigns.MinimumGap.objects.create(name="A day less an hour", hours=23)
    campaigns.MinimumGap.objects.create(name="Between texts", channel="sms", hours=50)

    quiet = campaigns.QuietHours.objects.create
    quiet(name="Nights", starts_at=time(21), ends_at=time(8))
    quiet(name="Texts", channel="sms", starts_at=time(19), ends_at=time(10))
    quiet(name="Calls", channel="call", starts_at=time(18), ends_at=time(9))
    quiet(name="Calls on Sundays", channel="call", starts_at=time(0), ends_at=time(23, 59),
          weekdays=[7])  # fmt: skip
    quiet(name="United States", country="US", starts_at=time(20), ends_at=time(9))
    quiet(name="Push in Germany", channel="push", country="DE",
          starts_at=time(20), ends_at=time(2, 30))  # fmt: skip
    quiet(name="India", country="IN", starts_at=time(22), ends_at=time(14, 15))

    exclude = campaigns.Exclusion.objects.create
    exclude(name="Price and season", tag=tags["price"], excluded_tag=tags["season"], days=2,
            both_ways=True)  # fmt: skip
    exclude(name="Gift, then no price", tag=tags["gift"], excluded_tag=tags["price"], days=4)
    exclude(name="Wishlist, then no news", campaign=made["Wishlist"], excluded_tag=tags["news"],
            days=3)  # fmt: skip
    exclude(name="Terms, then no survey", campaign=made["Terms of use"],
            excluded_campaign=made["Survey"], days=5, both_ways=True)  # fmt: skip


def _maps(start: date, at: datetime, tags: dict[str, campaigns.Tag]) -> None:
    for name in MAPS:
        before = set(campaigns.Campaign.objects.values_list("pk", flat=True))
        journey = make_from_template(name, by="town", at=at, starts_on=start)
        for campaign in campaigns.Campaign.objects.exclude(pk__in=before):
            campaign.status = campaigns.Campaign.Status.ACTIVE
            campaign.save(update_fields=["status"])
            campaign.tags.add(tags["gift" if name == "birthday" else "service"])
        launch_map(JourneyMap.objects.get(pk=journey.pk), by="town", at=at)


def _routes(sink_url: str, per_minute: int) -> None:
    endpoint = WebhookEndpoint(name="sink", url=sink_url, timeout_seconds=1)
    endpoint.set_secret(SECRET)
    endpoint.save()
    webhook, by_phone = ChannelRoute.Transport.WEBHOOK, ChannelRoute.Transport.CALL_LIST
    for channel, transport in (("sms", webhook), ("push", webhook), ("call", by_phone)):
        ChannelRoute.objects.update_or_create(
            channel=channel,
            defaults={
                "transport": transport,
                "endpoint": endpoint if transport == webhook else None,
                "max_per_minute": per_minute if channel == THROTTLED else None,
            },
        )
