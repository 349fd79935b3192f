"""The admin pages of campaigns and their limits; Django looks for them here."""

from campaigns.admin import arm, campaign, limit

__all__ = ["arm", "campaign", "limit"]
