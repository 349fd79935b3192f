"""What a feature is, and the features that every installation has."""

from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext_lazy as _

OF_CUSTOMER = ("age", "attribute")  # read from the customer, not summed over events


@dataclass(frozen=True)
class Feature:
    """A number per customer and day: an aggregate over events before the day began, or a fact.

    aggregate : count; sum of amounts; margin (of orders, less what returns took back, whatever the
    kinds); mean amount; days_since the last (calendar days, so yesterday is 1); tenure (days since
    registration or the first event, whichever came first); of the customer: age in whole years, and
    attribute, the number or truth value (1 or 0) under property_name, or, with a property_value,
    whether it is that one. An attribute has its value at the time the day is built: there is no
    history of it.
    kinds : of the events that count; none given means any.
    window_days : whole calendar days before the day; None is since ever.
    property_name, property_value : only events with this property, and, unless empty, this value.
    label : its name in lists. low, high : what a group with little or much of it is called.
    A count or sum over nothing is 0; a mean or days_since of nothing is unknown (NaN), and so are
    an unknown age or attribute.
    """

    name: str
    label: Any
    aggregate: str
    kinds: tuple[str, ...] = ()
    window_days: int | None = None
    property_name: str = ""
    property_value: str = ""
    low: Any = ""
    high: Any = ""


BUILT_IN = (
    Feature(
        "recency_days",
        _("Days since the last order"),
        "days_since",
        ("order",),
        low=_("ordered recently"),
        high=_("last order a while ago"),
    ),
    Feature(
        "orders_total",
        _("Orders"),
        "count",
        ("order",),
        low=_("few orders"),
        high=_("many orders"),
    ),
    Feature("orders_30d", _("Orders in 30 days"), "count", ("order",), 30),
    Feature("orders_90d", _("Orders in 90 days"), "count", ("order",), 90),
    Feature(
        "orders_365d",
        _("Orders in 365 days"),
        "count",
        ("order",),
        365,
        low=_("rare"),
        high=_("frequent"),
    ),
    Feature("margin_90d_cents", _("Margin in 90 days, in cents"), "margin", window_days=90),
    Feature(
        "margin_365d_cents",
        _("Margin in 365 days, in cents"),
        "margin",
        window_days=365,
        low=_("low margin"),
        high=_("high margin"),
    ),
    Feature(
        "mean_order_cents",
        _("Average order, in cents"),
        "mean",
        ("order",),
        low=_("small baskets"),
        high=_("large baskets"),
    ),
    Feature(
        "tenure_days",
        _("Days as a customer"),
        "tenure",
        low=_("new customer"),
        high=_("long-standing customer"),
    ),
    Feature(
        "visits_30d",
        _("Visits in 30 days"),
        "count",
        ("visit",),
        30,
        low=_("few visits"),
        high=_("many visits"),
    ),
    Feature(
        "days_since_visit",
        _("Days since the last visit"),
        "days_since",
        ("visit",),
        low=_("visited recently"),
        high=_("last visit long ago"),
    ),
    Feature(
        "opens_90d",
        _("Messages opened in 90 days"),
        "count",
        ("open",),
        90,
        low=_("opens rarely"),
        high=_("opens often"),
    ),
    Feature(
        "clicks_90d",
        _("Clicks in 90 days"),
        "count",
        ("click",),
        90,
        low=_("clicks rarely"),
        high=_("clicks often"),
    ),
    Feature("age_years", _("Age in years"), "age", low=_("younger"), high=_("older")),
)
BUILT_IN_NAMES = frozenset(feature.name for feature in BUILT_IN)
