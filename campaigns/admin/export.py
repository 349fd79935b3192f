"""Campaigns as a file."""

from import_export import resources

from campaigns.models import Campaign


class CampaignResource(resources.ModelResource):
    class Meta:
        model = Campaign
        fields = [
            "id",
            "name",
            "status",
            "rank",
            "goal__name",
            "target_group__name",
            "starts_on",
            "ends_on",
            "recurrence",
            "repeat_after_days",
            "duration_days",
            "control_share",
            "in_addition",
            "transactional",
            "exempt_from_caps",
            "not_counted_by_caps",
        ]
        export_order = fields
