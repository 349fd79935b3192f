"""Reports: pages over the tables of the earlier apps, and what-if questions."""

from reports.models.page import ArmWorth, ClvBacktest, SegmentMigration, Uplift
from reports.models.what_if import WhatIf

__all__ = ["ArmWorth", "ClvBacktest", "SegmentMigration", "Uplift", "WhatIf"]
