"""The admin pages of runs, decisions and deliveries; Django looks for them here."""

from journeys.admin import capacity, contact, decision, delivery, journey_map, learning, run, split

__all__ = ["capacity", "contact", "decision", "delivery", "journey_map", "learning", "run", "split"]
