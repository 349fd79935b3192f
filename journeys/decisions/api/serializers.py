from datetime import date

from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers

from campaigns.api.fields import CampaignField
from campaigns.models import CapacityLimit
from campaigns.numerics.capacity import MILLS
from journeys.decisions.queue_run import expect_begun
from journeys.errors import RunRefused
from journeys.models import CapacityUse, Decision, DecisionRun
from optiengine.lib.fields import DayField, NumberField, ReadOnly
from optiengine.lib.parameters import PageParameters, Strict
from segments.customers.api.fields import CustomerField


class DecisionParameters(PageParameters):
    as_of = DayField(
        required=False,
        help_text=_(
            "The day. Default: the day of the newest finished run; for one customer, all days."
        ),
    )
    customer = CustomerField(required=False, help_text=_("ID of a customer."))
    campaign = CampaignField(
        required=False, help_text=_("ID of a campaign: decisions for it, control included.")
    )

    def validate_as_of(self, as_of: date) -> date:
        done = DecisionRun.objects.daily().filter(status=DecisionRun.Status.DONE)
        if not done.filter(as_of=as_of).exists():
            raise serializers.ValidationError(_("There is no finished run for this day."))
        return as_of


@extend_schema_serializer(
    description=_(
        "What a run chose for a customer: an action, or no message. Amounts are in cents."
    )
)
class DecisionSerializer(ReadOnly, serializers.ModelSerializer):
    customer = serializers.CharField(source="customer.external_id")
    campaign = serializers.IntegerField(
        source="campaign_id", allow_null=True, help_text=_("Null: no message was chosen.")
    )
    campaign_name = serializers.CharField(source="campaign.name", default=None, allow_null=True)
    action = serializers.IntegerField(source="action_id", allow_null=True)
    action_name = serializers.CharField(source="action.name", default=None, allow_null=True)
    channel = serializers.CharField(source="action.channel", default=None, allow_null=True)
    is_control = serializers.BooleanField(
        help_text=_("Control: the message is withheld to measure its effect and must not be sent.")
    )
    assignment_prob = NumberField(
        help_text=_(
            "Probability with which the engine chose this option, for test and control alike."
        )
    )
    response_prob = NumberField(
        help_text=_("Probability that the customer converts if they get the message.")
    )
    value_now_cents = NumberField(help_text=_("Uplift within the window, before costs."))
    value_later_cents = NumberField(
        help_text=_("Value of the follow-ups that the message makes possible.")
    )
    slot_cost_cents = NumberField(
        help_text=_("What another message could have earned in this slot.")
    )
    price_cents = NumberField(help_text=_("Price of the scarce capacity that the message uses."))
    cost_cents = NumberField(help_text=_("Cost of the message."))

    class Meta:
        model = Decision
        fields = [
            "as_of",
            "customer",
            "arm",
            "layer",
            "campaign",
            "campaign_name",
            "action",
            "action_name",
            "channel",
            "is_control",
            "assignment_prob",
            "response_prob",
            "value_now_cents",
            "value_later_cents",
            "slot_cost_cents",
            "price_cents",
            "cost_cents",
        ]


@extend_schema_serializer(description=_("Progress of a run."))
class ProgressSerializer(ReadOnly, serializers.Serializer):
    n_chunks = serializers.IntegerField(help_text=_("Number of customer blocks."))
    n_chunks_done = serializers.IntegerField()
    n_decisions = serializers.IntegerField(help_text=_("Decisions made so far."))


@extend_schema_serializer(
    description=_("What one run used of a budget (in cents) or a volume limit (in messages).")
)
class CapacityUseSerializer(ReadOnly, serializers.ModelSerializer):
    limit = serializers.IntegerField(source="account.limit_id", help_text=_("ID of the limit."))
    name = serializers.CharField(source="account.limit.name")
    measure = serializers.CharField(source="account.limit.measure")
    used_before = serializers.SerializerMethodField(
        help_text=_("Used by earlier runs of the period.")
    )
    available = serializers.SerializerMethodField(
        help_text=_("Available to this run; never exceeded.")
    )
    used = serializers.SerializerMethodField(help_text=_("Used by this run so far."))
    price_cents = NumberField(
        source="price", help_text=_("Price per message, or per cent of a budget.")
    )
    subsidy_cents = NumberField(source="subsidy", help_text=_("The same, for a minimum."))
    short = NumberField(
        help_text=_("The part of the minimum that cannot be reached with today's customers.")
    )

    class Meta:
        model = CapacityUse
        fields = [
            "limit",
            "name",
            "measure",
            "used_before",
            "available",
            "used",
            "price_cents",
            "subsidy_cents",
            "short",
        ]

    def get_used_before(self, use: CapacityUse) -> float:
        return _amount(use, use.used_before)

    def get_available(self, use: CapacityUse) -> float:
        return _amount(use, use.available)

    def get_used(self, use: CapacityUse) -> float:
        return _amount(use, use.used)


def _amount(use: CapacityUse, units: int) -> float:
    is_money = use.account.limit.measure == CapacityLimit.Measure.MONEY
    return units / MILLS if is_money else float(units)


@extend_schema_serializer(description=_("Decisions for all customers on one day."))
class RunSerializer(ReadOnly, serializers.ModelSerializer):
    counts = serializers.DictField(
        child=serializers.IntegerField(),
        help_text=_("Reconciled when the run finishes: eligible = decided + quarantined."),
    )
    progress = ProgressSerializer(source="*")
    capacity = CapacityUseSerializer(
        many=True, help_text=_("Budgets and volume limits of the run.")
    )

    class Meta:
        model = DecisionRun
        fields = [
            "as_of",
            "decided_at",
            "decision_version",
            "status",
            "n_customers",
            "progress",
            "counts",
            "capacity",
            "error",
        ]


@extend_schema_serializer(description=_("The day to run."))
class RunRequest(Strict):
    as_of = DayField(help_text=_("The day to decide. It must have started."))

    def validate_as_of(self, as_of: date) -> date:
        try:
            expect_begun(as_of, timezone.now())
        except RunRefused as refused:
            raise serializers.ValidationError(str(refused)) from refused
        return as_of
