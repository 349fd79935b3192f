"""The admin pages of runs, decisions and deliveries; Django looks for them here."""

from journeys.admin import (
    approval,
    call,
    capacity,
    contact,
    decision,
    delivery,
    journey_map,
    learning,
    live,
    peer,
    route,
    run,
    split,
    traveller,
)

__all__ = [
    "approval",
    "call",
    "capacity",
    "contact",
    "decision",
    "delivery",
    "journey_map",
    "learning",
    "live",
    "peer",
    "route",
    "run",
    "split",
    "traveller",
]
