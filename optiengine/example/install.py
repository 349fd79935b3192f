"""What the retailer's marketers would have entered in the admin, for a scenario's catalogue."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.db import transaction

from campaigns import models as campaigns
from optiengine.example import truth
from optiengine.example.population import CATEGORIES
from optiengine.example.scenario import Scenario
from segments.models import FeatureDefinition, Organisation, TargetGroup

SALT = "demo-"  # what the salts of a demo's arm plans begin with
# What an order is worth to the goals: the retailer's mean margin. Margins of single orders, and the
# predicted lifetime value that they move, vary so much that 60 days of 20,000 customers would
# not tell the campaigns apart: a contact's value then varies almost four times as much.
ORDER_CENTS = 2_000
HOLDOUT_SHARE, BASELINE_SHARE = 0.05, 0.15
CHANNEL = {"email": "email", "sms": "sms", "app": "push"}  # the world's word → the engine's

AUDIENCES: Mapping[str, tuple[str, dict[str, Any]]] = {
    "everyone": ("Everyone", {}),
    "new": (
        "Registered within 30 days",
        {"field": "registered_days", "op": "le", "value": 30},
    ),
    "birthday": (
        "Birthday within a week",
        {"field": "days_to_birthday", "op": "lt", "value": 7},
    ),
    "recent": (
        "Ordered within 30 days",
        {"field": "feature.recency_days", "op": "le", "value": 30},
    ),
    "at_risk": (
        "Last order 61 to 150 days ago",
        {
            "all": [
                {"field": "feature.recency_days", "op": "gt", "value": 60},
                {"field": "feature.recency_days", "op": "le", "value": 150},
            ]
        },
    ),
    "lapsed": (
        "Last order more than 120 days ago",
        {"field": "feature.recency_days", "op": "gt", "value": 120},
    ),
}

ACTION_NAMES = {
    "email": "E-mail",
    "voucher": "E-mail with voucher",
    "stories": "E-mail with stories",
    "products": "E-mail with products",
    "sms": "Text message",
    "push": "App message",
}


@dataclass(frozen=True)
class Plan:
    """When a campaign runs and how often a customer may get it; defaults are the admin's."""

    recurrence: str = "daily"
    recurs_on: tuple[int, ...] = ()
    repeat_after_days: int | None = 21


PLANS = {
    "welcome": Plan(repeat_after_days=None),
    "birthday": Plan(repeat_after_days=300),
    "winback": Plan(repeat_after_days=60),
    "thanks": Plan(repeat_after_days=45),
    "loyalty": Plan("monthly", (5, 20), 30),
    "midweek": Plan("weekly", (2, 3, 4), 14),
    "newsletter": Plan("weekly", (1, 2, 3), 14),
    "events": Plan("weekly", (4, 5), 21),
    "flash": Plan("weekly", (5, 6, 7), 14),
}


def fingerprint(scenario: Scenario) -> str:
    """The salt of the demo's arm plan: says which world a database holds."""
    population = scenario.population
    return f"{SALT}{scenario.n_customers}-{len(population)}-{scenario.seed}"


def holds_demo(scenario: Scenario | None = None) -> bool:
    """Whether the database holds this demo, or any."""
    plans = campaigns.ArmPlan.objects.filter(salt__startswith=SALT)
    return (plans.filter(salt=fingerprint(scenario)) if scenario else plans).exists()


@transaction.atomic
def install(scenario: Scenario) -> None:
    """Make organisation, features, target groups, goals, campaigns, limits, series and arms."""
    start = scenario.population.start
    Organisation.objects.update_or_create(
        pk=1, defaults={"name": "Casa Aurora", "time_zone": "UTC", "currency": "EUR"}
    )
    _install_features()
    groups = {
        audience: TargetGroup.objects.create(name=name, rule=rule)
        for audience, (name, rule) in AUDIENCES.items()
    }
    goals = {
        days: campaigns.Goal.objects.create(
            name=f"Orders within {days} days",
            window_days=days,
            value_per_event_cents=ORDER_CENTS,
        )
        for days in sorted({c.window_days for c in scenario.catalogue.campaigns})
    }
    tags = {
        name: campaigns.Tag.objects.create(name=name)
        for name in sorted({c.tag for c in scenario.catalogue.campaigns})
    }
    made = {}
    for campaign in scenario.catalogue.campaigns:
        group = groups[campaign.audience] if campaign.audience != "everyone" else None
        made[campaign.key] = _install_campaign(
            campaign, PLANS.get(campaign.key, Plan()), goals[campaign.window_days], group, start
        )
        made[campaign.key].tags.add(tags[campaign.tag])
    _install_limits(made, tags)
    campaigns.ArmPlan.objects.create(
        starts_on=start,
        salt=fingerprint(scenario),
        holdout_share=HOLDOUT_SHARE,
        baseline_share=BASELINE_SHARE,
    )


def action_keys(catalogue: truth.Catalogue) -> dict[int, str]:
    """The catalogue's key of every action that was installed from it."""
    key_of = {
        (campaign.name, action_name(action)): action.key for campaign, action in catalogue.options
    }
    rows = campaigns.Action.objects.values_list("pk", "campaign__name", "name")
    return {pk: key_of[campaign, name] for pk, campaign, name in rows if (campaign, name) in key_of}


def action_name(action: truth.Action) -> str:
    return ACTION_NAMES[action.key.rpartition(".")[2]]


def _install_features() -> None:
    """What orders tell about taste and price, which the built-in features leave out."""

    def define(name: str, label: str, prop: str, value: str) -> None:
        FeatureDefinition.objects.create(
            name=name,
            label=label,
            aggregate=FeatureDefinition.Aggregate.COUNT,
            event_kind="order",
            property_name=prop,
            property_value=value,
        )

    for category in CATEGORIES:
        define(f"orders_{category}", f"Orders of {category}", "category", category)
    define("orders_on_sale", "Orders at a reduced price", "on_sale", "true")


def _install_campaign(
    campaign: truth.Campaign,
    plan: Plan,
    goal: campaigns.Goal,
    group: TargetGroup | None,
    start: date,
) -> campaigns.Campaign:
    made = campaigns.Campaign.objects.create(
        name=campaign.name,
        status=campaigns.Campaign.Status.ACTIVE,
        goal=goal,
        target_group=group,
        rank=campaign.rank,
        starts_on=start,
        recurrence=plan.recurrence,
        recurs_on=list(plan.recurs_on),
        repeat_after_days=plan.repeat_after_days,
    )
    for action in campaign.actions:
        campaigns.Action.objects.create(
            campaign=made,
            name=action_name(action),
            channel=CHANNEL[action.channel],
            cost_cents=action.cost_cents,
            offer=f"{action.discount:.0%} off" if action.discount else "",
            subject="{{ campaign }}",
            body=(
                'Dear {{ customer.first_name | default: "customer" }},\n\n'
                + (
                    "{{ campaign }}: {{ offer }}, this week alone.\n"
                    if action.discount
                    else "{{ campaign }}.\n"
                )
                + "\nCasa Aurora\n"
            ),
        )
    return made


def _install_limits(
    made: Mapping[str, campaigns.Campaign], tags: Mapping[str, campaigns.Tag]
) -> None:
    cap, window = campaigns.FrequencyCap.objects.create, campaigns.FrequencyCap.Window
    scope = campaigns.FrequencyCap.Scope
    cap(name="Two contacts in 21 days", limit=2, window=window.DAYS, length=21)
    cap(
        name="One e-mail a day",
        scope=scope.CHANNEL,
        channel="email",
        limit=1,
        window=window.DAY,
    )
    cap(
        name="One price offer a calendar week",
        scope=scope.TAG,
        tag=tags["price"],
        limit=1,
        window=window.WEEK,
    )
    exclude = campaigns.Exclusion.objects.create
    exclude(
        name="No price offers on top of a birthday present",
        campaign=made["birthday"],
        excluded_tag=tags["price"],
        days=10,
    )
    exclude(
        name="A text message sale and an app sale are too much",
        campaign=made["clearance"],
        excluded_campaign=made["flash"],
        days=14,
        both_ways=True,
    )
    follow = campaigns.FollowUp.objects.create
    follow(source=made["thanks"], target=made["review"], after_days=7, within_days=14)
    follow(
        source=made["season"],
        target=made["bundle"],
        after_days=8,
        within_days=14,
        outcome=campaigns.FollowUpOn.NON_RESPONDERS,
    )
