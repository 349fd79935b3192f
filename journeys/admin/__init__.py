"""The admin pages of runs, decisions and deliveries; Django looks for them here."""

from journeys.admin import capacity, contact, decision, delivery, learning, run, split

__all__ = ["capacity", "contact", "decision", "delivery", "learning", "run", "split"]
