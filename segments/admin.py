"""The admin pages of customers and segments; Django looks for them here."""

from segments.customers.admin import customer, organisation, shared_address, suppression
from segments.events.admin import event, waiting_fact
from segments.imports.admin import exchange_rates, imports
from segments.rules.admin import target_group
from segments.state.admin import feature, micro_segment, state

__all__ = [
    "customer",
    "event",
    "exchange_rates",
    "feature",
    "imports",
    "micro_segment",
    "organisation",
    "shared_address",
    "state",
    "suppression",
    "target_group",
    "waiting_fact",
]
