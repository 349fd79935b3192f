"""The admin pages of customers and segments; Django looks for them here."""

from segments.admin import (
    customer,
    event,
    feature,
    imports,
    micro_segment,
    organisation,
    state,
    suppression,
    target_group,
)

__all__ = [
    "customer",
    "event",
    "feature",
    "imports",
    "micro_segment",
    "organisation",
    "state",
    "suppression",
    "target_group",
]
