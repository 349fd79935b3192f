"""The admin pages of runs, decisions and deliveries; Django looks for them here."""

from journeys.decisions.admin import capacity, live, run
from journeys.delivery.admin import call, contact, delivery, peer, route
from journeys.explain.admin import approval, decision, rehearsal
from journeys.learning.admin import learning, split
from journeys.maps.admin import traveller
from journeys.merges.admin import merge
from journeys.signups.admin import sign_up

__all__ = [
    "approval",
    "call",
    "capacity",
    "contact",
    "decision",
    "delivery",
    "learning",
    "live",
    "merge",
    "peer",
    "rehearsal",
    "route",
    "run",
    "sign_up",
    "split",
    "traveller",
]
