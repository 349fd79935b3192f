from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema_serializer
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


@extend_schema_serializer(
    description=_("The event that the campaign counts as a conversion, and what it is worth.")
)
class GoalSerializer(ReadOnly, serializers.ModelSerializer):
    class Meta:
        model = Goal
        fields = ["id", "name", "event_kind", "window_days", "value_per_event_cents"]


@extend_schema_serializer(description=_("The customers a campaign is for."))
class TargetGroupSerializer(ReadOnly, serializers.ModelSerializer):
    rule = serializers.DictField(help_text=_("A tree of conditions. Empty: all customers."))

    class Meta:
        model = TargetGroup
        fields = ["id", "name", "rule", "n_customers", "counted_on"]


@extend_schema_serializer(description=_("A message with an offer, sent through one channel."))
class ActionSerializer(ReadOnly, serializers.ModelSerializer):
    cost_cents = NumberField(help_text=_("Cost per message in cents. Fractions are allowed."))

    class Meta:
        model = Action
        fields = ["id", "name", "channel", "cost_cents", "offer"]
        fields += ["subject", "body", "html", "is_active"]


@extend_schema_serializer(
    description=_("A target group, a schedule and a goal, with one or more actions to choose from.")
)
class CampaignSerializer(ReadOnly, serializers.ModelSerializer):
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


@extend_schema_serializer(
    description=_("A limit that all customers share: a budget in cents, or a number of messages.")
)
class CapacityLimitSerializer(ReadOnly, serializers.ModelSerializer):
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


@extend_schema_serializer(
    description=_(
        "The most messages a customer may get in a window of time. If several caps "
        "apply, each must have room."
    )
)
class FrequencyCapSerializer(ReadOnly, serializers.ModelSerializer):
    tag: serializers.Field = serializers.CharField(source="tag.name", default=None, allow_null=True)

    class Meta:
        model = FrequencyCap
        fields = ["id", "name", "scope", "channel", "tag", "limit", "window", "length"]
        fields += ["week_starts_on", "counts_transactional", "is_active"]


@extend_schema_serializer(
    description=_(
        "The hours between two messages to a customer. If several gaps apply, the longest counts."
    )
)
class MinimumGapSerializer(ReadOnly, serializers.ModelSerializer):
    class Meta:
        model = MinimumGap
        fields = ["id", "name", "channel", "hours", "is_active"]


@extend_schema_serializer(
    description=_(
        "Hours of the day in which no messages are sent. Messages due in them wait until they end."
    )
)
class QuietHoursSerializer(ReadOnly, serializers.ModelSerializer):
    weekdays = serializers.ListField(
        child=serializers.ChoiceField(choices=Weekday.choices),
        help_text=_("Days on which they start, 1 (Monday) to 7. Empty: every day."),
    )

    class Meta:
        model = QuietHours
        fields = ["id", "name", "channel", "country", "starts_at", "ends_at", "weekdays"]
        fields += ["is_active"]


@extend_schema_serializer(
    description=_("Blocks a campaign or tag for some days after a message of another.")
)
class ExclusionSerializer(ReadOnly, serializers.ModelSerializer):
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
