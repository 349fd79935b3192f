"""What it was worth: pages over the tables of the earlier apps, and the questions asked of them."""

from reports.models.page import ArmWorth, Uplift
from reports.models.what_if import WhatIf

__all__ = ["ArmWorth", "Uplift", "WhatIf"]
