"""The admin pages of campaigns and their limits; Django looks for them here."""

from campaigns.admin import (
    action,
    arm,
    campaign,
    capacity,
    limit,
    minimum_evidence,
    minimum_gap,
    quiet_hours,
)

__all__ = [
    "action",
    "arm",
    "campaign",
    "capacity",
    "limit",
    "minimum_evidence",
    "minimum_gap",
    "quiet_hours",
]
