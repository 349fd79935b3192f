"""The report pages of the admin; Django looks for them here."""

from reports.admin import arm_worth, uplift, what_if

__all__ = ["arm_worth", "uplift", "what_if"]
