"""The admin pages of runs, decisions and deliveries; Django looks for them here."""

from journeys.admin import contact, decision, delivery, learning, run

__all__ = ["contact", "decision", "delivery", "learning", "run"]
