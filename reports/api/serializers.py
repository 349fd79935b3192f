"""Reports as JSON. Rates are 0 to 1, money is in cents, null is unknown, never nothing."""

from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from campaigns.models import Arm
from optiengine.lib.fields import NumberField, ReadOnly
from reports.services.uplift_row import State

STATES = [(state.value, state.value) for state in State]


def _id() -> serializers.IntegerField:
    return serializers.IntegerField(
        default=None, allow_null=True, help_text=_("Null on the totals above this level.")
    )


def _name() -> serializers.CharField:
    return serializers.CharField(default=None, allow_null=True)


class UpliftRowSerializer(ReadOnly, serializers.Serializer):
    """Test against control in a campaign, an action or a micro-segment."""

    campaign_id = serializers.IntegerField()
    campaign = serializers.CharField()
    action_id = _id()
    action = _name()
    micro_segment_id = _id()
    micro_segment = _name()
    state = serializers.ChoiceField(
        choices=STATES,
        help_text=_("Uplift is given where it is measured, and null elsewhere."),
    )
    explanation = serializers.CharField(help_text=_("Why there is no uplift to read."))
    n_test = serializers.IntegerField(help_text=_("Test contacts whose window has closed."))
    n_test_open = serializers.IntegerField(help_text=_("Test contacts whose window is open."))
    n_test_responders = serializers.IntegerField()
    test_rate = NumberField()
    test_contaminated_share = NumberField(help_text=_("Had another campaign's message too."))
    n_control = serializers.IntegerField()
    n_control_open = serializers.IntegerField()
    n_control_responders = serializers.IntegerField()
    control_rate = NumberField()
    control_contaminated_share = NumberField()
    test_margin_cents = NumberField(help_text=_("Per contact."))
    control_margin_cents = NumberField()
    test_value_cents = NumberField(help_text=_("Per contact, in terms of the goal."))
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
    total_value_cents = NumberField(help_text=_("Of all compared test contacts, before cost."))
    total_value_cents_low = NumberField()
    total_value_cents_high = NumberField()
    cost_cents = NumberField()
    net_cents = NumberField()
    detectable_rate = NumberField(help_text=_("The smallest uplift these counts could show."))
    is_flagged = serializers.BooleanField(
        help_text=_("Real, although looked at daily and among this many rows.")
    )
    split_p_value = NumberField()
    split_evidence = NumberField(help_text=_("From 100 on the split counts as broken."))


class UpliftReportSerializer(ReadOnly, serializers.Serializer):
    """What the messages of a period changed, as known on a day."""

    as_of = serializers.DateField()
    since = serializers.DateField(allow_null=True, help_text=_("Null: from the beginning."))
    until = serializers.DateField()
    rows = UpliftRowSerializer(many=True, help_text=_("Each total before its parts."))


class ArmGroupSerializer(ReadOnly, serializers.Serializer):
    """The members of an arm, contacted or not: means per customer."""

    arm = serializers.ChoiceField(choices=Arm.choices)
    n_customers = serializers.IntegerField()
    n_buyers = serializers.IntegerField()
    value_cents = NumberField(help_text=_("Margin less the cost of contacts, winsorised."))
    value_cents_low = NumberField()
    value_cents_high = NumberField()
    orders = NumberField()
    orders_low = NumberField()
    orders_high = NumberField()


class ArmComparisonSerializer(ReadOnly, serializers.Serializer):
    """What being in one arm rather than the other changed, per customer of the first."""

    arm = serializers.ChoiceField(choices=Arm.choices)
    against = serializers.ChoiceField(choices=Arm.choices)
    explanation = serializers.CharField(help_text=_("Why there is no difference to read."))
    value_cents = NumberField()
    value_cents_low = NumberField()
    value_cents_high = NumberField()
    orders = NumberField()
    orders_low = NumberField()
    orders_high = NumberField()
    total_cents = NumberField(help_text=_("Over all customers of the first arm."))
    total_cents_low = NumberField()
    total_cents_high = NumberField()
    lift = NumberField(help_text=_("The difference as a share of the second arm's value."))
    lift_low = NumberField()
    lift_high = NumberField()


class SplitSerializer(ReadOnly, serializers.Serializer):
    """Whether the arms have the sizes they were planned to have."""

    p_value = NumberField()
    evidence = NumberField(help_text=_("From 100 on the split counts as broken."))
    is_alarm = serializers.BooleanField()


class ArmReportSerializer(ReadOnly, serializers.Serializer):
    """What the engine is worth: optimised against baseline against holdout."""

    as_of = serializers.DateField(help_text=_("The period ends as this day begins."))
    since = serializers.DateField()
    plan_starts_on = serializers.DateField(source="plan.starts_on")
    split = SplitSerializer()
    winsor_cents = NumberField(help_text=_("Values beyond this, either way, are cut to it."))
    n_winsorised = serializers.IntegerField()
    arms = ArmGroupSerializer(many=True)
    comparisons = ArmComparisonSerializer(many=True)
