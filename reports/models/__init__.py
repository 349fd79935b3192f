"""What it was worth: pages over the tables of the earlier apps, none of its own."""

from reports.models.page import ArmWorth, Uplift

__all__ = ["ArmWorth", "Uplift"]
