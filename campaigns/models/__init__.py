"""What we may say, as tables."""

from campaigns.models.action import Action
from campaigns.models.approval import Approval
from campaigns.models.arm import Arm, ArmChange, ArmMembership, ArmPlan
from campaigns.models.campaign import Campaign, Tag
from campaigns.models.capacity import CapacityLimit
from campaigns.models.follow_up import FollowUp, FollowUpOn
from campaigns.models.goal import Goal
from campaigns.models.limit import Exclusion, FrequencyCap, MinimumGap, QuietHours, Weekday
from campaigns.models.minimum_evidence import MinimumEvidence

__all__ = [
    "Action",
    "Approval",
    "Arm",
    "ArmChange",
    "ArmMembership",
    "ArmPlan",
    "Campaign",
    "CapacityLimit",
    "Exclusion",
    "FollowUp",
    "FollowUpOn",
    "FrequencyCap",
    "Goal",
    "MinimumEvidence",
    "MinimumGap",
    "QuietHours",
    "Tag",
    "Weekday",
]
