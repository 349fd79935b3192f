"""The admin pages of runs, decisions and deliveries; Django looks for them here."""

from journeys.admin import (
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
