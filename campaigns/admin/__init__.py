"""The admin pages of campaigns and their limits; Django looks for them here."""

from campaigns.admin import (
    action,
    arm,
    campaign,
    capacity,
    exclusion,
    follow_up,
    frequency_cap,
    goal,
    minimum_evidence,
    minimum_gap,
    quiet_hours,
    tag,
)

__all__ = [
    "action",
    "arm",
    "campaign",
    "capacity",
    "exclusion",
    "follow_up",
    "frequency_cap",
    "goal",
    "minimum_evidence",
    "minimum_gap",
    "quiet_hours",
    "tag",
]
