from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from campaigns.models import (
    Action,
    Campaign,
    CapacityLimit,
    Exclusion,
    FrequencyCap,
    Goal,
    MinimumGap,
    QuietHours,
    Weekday,
)
from optiengine.lib.fields import NumberField, ReadOnly
from segments.models import TargetGroup


class GoalSerializer(ReadOnly, serializers.ModelSerializer):
    """What the campaign wants customers to do."""

    class Meta:
        model = Goal
        fields = ["id", "name", "event_kind", "window_days", "value_per_event_cents"]


class TargetGroupSerializer(ReadOnly, serializers.ModelSerializer):
    """Who the campaign is for."""

    rule = serializers.DictField(help_text=_("A tree of conditions. Empty: all customers."))

    class Meta:
        model = TargetGroup
        fields = ["id", "name", "rule", "n_customers", "counted_on"]


class ActionSerializer(ReadOnly, serializers.ModelSerializer):
    """A message and an offer through a channel."""

    cost_cents = NumberField(help_text=_("Cost per message in cents. Fractions are allowed."))

    class Meta:
        model = Action
        fields = ["id", "name", "channel", "cost_cents", "offer"]
        fields += ["subject", "body", "html", "is_active"]


class CampaignSerializer(ReadOnly, serializers.ModelSerializer):
    """A target group, a schedule, a goal, and one or more actions to choose from."""

    goal = GoalSerializer()
    target_group = TargetGroupSerializer(allow_null=True, help_text=_("Null: all customers."))
    actions = ActionSerializer(many=True)
    tags: serializers.Field = serializers.SlugRelatedField("name", many=True, read_only=True)
    recurs_on = serializers.ListField(
        child=serializers.IntegerField(),
        help_text=_("Weekdays 1 (Monday) to 7, or days of the month 1 to 31."),
    )

    class Meta:
        model = Campaign
        fields = [
            "id",
            "name",
            "status",
            "rank",
            "goal",
            "target_group",
            "starts_on",
            "ends_on",
            "recurrence",
            "recurs_on",
            "skips_short_months",
            "repeat_after_days",
            "duration_days",
            "ignores_durations",
            "ignores_durations_of",
            "transactional",
            "exempt_from_caps",
            "not_counted_by_caps",
            "control_share",
            "in_addition",
            "tags",
            "actions",
        ]


class CapacityLimitSerializer(ReadOnly, serializers.ModelSerializer):
    """A budget or a volume that all customers share: of money in cents, or of messages."""

    tag: serializers.Field = serializers.CharField(source="tag.name", default=None, allow_null=True)
    campaign = serializers.IntegerField(source="campaign_id", allow_null=True)
    action = serializers.IntegerField(source="action_id", allow_null=True)

    class Meta:
        model = CapacityLimit
        fields = [
            "id",
            "name",
            "measure",
            "maximum",
            "minimum",
            "period",
            "is_even",
            "scope",
            "channel",
            "tag",
            "campaign",
            "action",
            "is_active",
        ]


class FrequencyCapSerializer(ReadOnly, serializers.ModelSerializer):
    """The most messages a customer may get in a window; of several caps the strictest applies."""

    tag: serializers.Field = serializers.CharField(source="tag.name", default=None, allow_null=True)

    class Meta:
        model = FrequencyCap
        fields = ["id", "name", "scope", "channel", "tag", "limit", "window", "length"]
        fields += ["week_starts_on", "counts_transactional", "is_active"]


class MinimumGapSerializer(ReadOnly, serializers.ModelSerializer):
    """The hours between two messages to a customer; of several gaps the longest applies."""

    class Meta:
        model = MinimumGap
        fields = ["id", "name", "channel", "hours", "is_active"]


class QuietHoursSerializer(ReadOnly, serializers.ModelSerializer):
    """Hours of the day in which nothing is sent; what falls into them waits for their end."""

    weekdays = serializers.ListField(
        child=serializers.ChoiceField(choices=Weekday.choices),
        help_text=_("Days on which they start, 1 (Monday) to 7. Empty: every day."),
    )

    class Meta:
        model = QuietHours
        fields = ["id", "name", "channel", "country", "starts_at", "ends_at", "weekdays"]
        fields += ["is_active"]


class ExclusionSerializer(ReadOnly, serializers.ModelSerializer):
    """After a message of one campaign or tag, another is blocked for some days."""

    campaign = serializers.IntegerField(
        source="campaign_id",
        allow_null=True,
        help_text=_("The blocking campaign. Null: a tag blocks."),
    )
    tag: serializers.Field = serializers.CharField(source="tag.name", default=None, allow_null=True)
    excluded_campaign = serializers.IntegerField(
        source="excluded_campaign_id",
        allow_null=True,
        help_text=_("The blocked campaign. Null: a tag is blocked."),
    )
    excluded_tag: serializers.Field = serializers.CharField(
        source="excluded_tag.name", default=None, allow_null=True
    )

    class Meta:
        model = Exclusion
        fields = ["id", "name", "campaign", "tag", "excluded_campaign", "excluded_tag"]
        fields += ["days", "both_ways"]
