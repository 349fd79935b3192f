"""Reports as JSON. Rates are 0 to 1, money is in cents, null is unknown, never nothing."""

from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers

from campaigns.models import Arm
from optiengine.lib.fields import NumberField, ReadOnly
from reports.services.uplift_row import State

STATES = [(state.value, state.value) for state in State]


def _id() -> serializers.IntegerField:
    return serializers.IntegerField(
        default=None, allow_null=True, help_text=_("Null for totals above this level.")
    )


def _name() -> serializers.CharField:
    return serializers.CharField(default=None, allow_null=True)


@extend_schema_serializer(
    description=_("Test compared with control, for a campaign, an action or a micro-segment.")
)
class UpliftRowSerializer(ReadOnly, serializers.Serializer):
    campaign_id = serializers.IntegerField()
    campaign = serializers.CharField()
    action_id = _id()
    action = _name()
    micro_segment_id = _id()
    micro_segment = _name()
    state = serializers.ChoiceField(
        choices=STATES,
        help_text=_("Uplift if measured, otherwise null."),
    )
    explanation = serializers.CharField(help_text=_("Why there is no uplift."))
    n_test = serializers.IntegerField(help_text=_("Test messages whose window has closed."))
    n_test_open = serializers.IntegerField(help_text=_("Test messages whose window is still open."))
    n_test_responders = serializers.IntegerField()
    test_rate = NumberField()
    test_contaminated_share = NumberField(
        help_text=_("Customers who also got another campaign's message.")
    )
    test_late_share = NumberField(
        help_text=_("Conversions that came after their window had been measured.")
    )
    test_unsent_share = NumberField(
        help_text=_("Test messages that never left. They count by intention to treat.")
    )
    n_control = serializers.IntegerField()
    n_control_open = serializers.IntegerField()
    n_control_responders = serializers.IntegerField()
    control_rate = NumberField()
    control_contaminated_share = NumberField()
    control_late_share = NumberField()
    test_margin_cents = NumberField(help_text=_("Per message."))
    control_margin_cents = NumberField()
    test_value_cents = NumberField(help_text=_("Per message, as defined by the goal."))
    control_value_cents = NumberField()
    uplift_rate = NumberField(help_text=_("Test less control, with its interval (95 %)."))
    uplift_rate_low = NumberField()
    uplift_rate_high = NumberField()
    uplift_margin_cents = NumberField()
    uplift_margin_cents_low = NumberField()
    uplift_margin_cents_high = NumberField()
    uplift_value_cents = NumberField()
    uplift_value_cents_low = NumberField()
    uplift_value_cents_high = NumberField()
    total_value_cents = NumberField(
        help_text=_("Total of all compared test messages, before costs.")
    )
    total_value_cents_low = NumberField()
    total_value_cents_high = NumberField()
    cost_cents = NumberField()
    net_cents = NumberField()
    detectable_rate = NumberField(help_text=_("The smallest uplift that these counts can detect."))
    is_flagged = serializers.BooleanField(
        help_text=_("Significant after correction for daily checks and the number of rows.")
    )
    split_p_value = NumberField()
    split_evidence = NumberField(help_text=_("From 100, the split counts as broken."))


@extend_schema_serializer(
    description=_("What the messages of a period changed, as measured by a day.")
)
class UpliftReportSerializer(ReadOnly, serializers.Serializer):
    as_of = serializers.DateField()
    since = serializers.DateField(allow_null=True, help_text=_("Null: from the start."))
    until = serializers.DateField()
    rows = UpliftRowSerializer(many=True, help_text=_("Each total comes before its breakdown."))


@extend_schema_serializer(
    description=_("All customers of a group, contacted or not: averages per customer.")
)
class ArmGroupSerializer(ReadOnly, serializers.Serializer):
    arm = serializers.ChoiceField(choices=Arm.choices)
    n_customers = serializers.IntegerField()
    n_buyers = serializers.IntegerField()
    value_cents = NumberField(help_text=_("Margin less the cost of messages, winsorised."))
    value_cents_low = NumberField()
    value_cents_high = NumberField()
    orders = NumberField()
    orders_low = NumberField()
    orders_high = NumberField()


@extend_schema_serializer(
    description=_("The difference between two groups, per customer of the first.")
)
class ArmComparisonSerializer(ReadOnly, serializers.Serializer):
    arm = serializers.ChoiceField(choices=Arm.choices)
    against = serializers.ChoiceField(choices=Arm.choices)
    explanation = serializers.CharField(help_text=_("Why there is no difference."))
    value_cents = NumberField()
    value_cents_low = NumberField()
    value_cents_high = NumberField()
    orders = NumberField()
    orders_low = NumberField()
    orders_high = NumberField()
    total_cents = NumberField(help_text=_("For all customers of the first group."))
    total_cents_low = NumberField()
    total_cents_high = NumberField()
    lift = NumberField(help_text=_("The difference as a share of the second group's value."))
    lift_low = NumberField()
    lift_high = NumberField()


@extend_schema_serializer(description=_("Whether the sizes of the groups match the plan."))
class SplitSerializer(ReadOnly, serializers.Serializer):
    p_value = NumberField()
    evidence = NumberField(help_text=_("From 100, the split counts as broken."))
    is_alarm = serializers.BooleanField()


@extend_schema_serializer(
    description=_("Engine impact: optimised, baseline and global control group compared.")
)
class ArmReportSerializer(ReadOnly, serializers.Serializer):
    as_of = serializers.DateField(help_text=_("The period ends at the start of this day."))
    since = serializers.DateField()
    plan_starts_on = serializers.DateField(source="plan.starts_on")
    split = SplitSerializer()
    winsor_cents = NumberField(
        help_text=_("Larger values, positive or negative, are capped at this amount.")
    )
    n_winsorised = serializers.IntegerField()
    arms = ArmGroupSerializer(many=True)
    comparisons = ArmComparisonSerializer(many=True)
