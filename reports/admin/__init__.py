"""The report pages of the admin; Django looks for them here."""

from reports.admin import arm_worth, clv_backtest, segment_migration, uplift, what_if

__all__ = ["arm_worth", "clv_backtest", "segment_migration", "uplift", "what_if"]
