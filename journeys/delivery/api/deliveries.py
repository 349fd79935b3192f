"""Deliveries for partner systems: what became of each message, and why it was not sent."""

from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import (
    OpenApiExample,
    extend_schema,
    extend_schema_serializer,
    extend_schema_view,
)
from rest_framework import serializers
from rest_framework.mixins import ListModelMixin
from rest_framework.viewsets import GenericViewSet

from journeys.models import Delivery, ReasonCode
from optiengine.lib.fields import DayField, ReadOnly
from optiengine.lib.parameters import PageParameters, StrictView
from segments.channels import SMS
from segments.customers.api.fields import CustomerField

REASONS = [(code.slug, code.label) for code in ReasonCode]


class DeliveryParameters(PageParameters):
    as_of = DayField(required=False, help_text=_("The day for which the message was decided."))
    customer = CustomerField(required=False, help_text=_("ID of a customer."))
    status = serializers.ChoiceField(
        required=False, choices=Delivery.Status.choices, help_text=_("Status of the delivery.")
    )
    reason = serializers.ChoiceField(
        required=False, choices=REASONS, help_text=_("Code of the reason.")
    )

    def validate_reason(self, slug: str) -> ReasonCode:
        return ReasonCode[slug.upper()]


@extend_schema_serializer(
    description=_("Why a message was not sent, is waiting, failed or is unclear.")
)
class ReasonSerializer(ReadOnly, serializers.Serializer):
    code = serializers.ChoiceField(
        source="code.slug", choices=REASONS, help_text=_("A stable code for programs to compare.")
    )
    text = serializers.CharField(
        source="__str__", help_text=_("A sentence in the language of the request.")
    )
    params = serializers.DictField(
        child=serializers.JSONField(),
        help_text=_("Values used in the sentence, such as a rule, a time or a server's answer."),
    )


@extend_schema_serializer(description=_("A message in the outbox."))
class DeliverySerializer(ReadOnly, serializers.ModelSerializer):
    customer = serializers.CharField(source="customer.external_id")
    campaign = serializers.IntegerField(source="action.campaign_id")
    campaign_name = serializers.CharField(source="action.campaign.name")
    action = serializers.IntegerField(source="action_id")
    action_name = serializers.CharField(source="action.name")
    reason = ReasonSerializer(
        allow_null=True, help_text=_("Null: there is none, as for a message that was sent.")
    )

    class Meta:
        model = Delivery
        fields = [
            "key",
            "as_of",
            "customer",
            "campaign",
            "campaign_name",
            "action",
            "action_name",
            "channel",
            "status",
            "attempts",
            "due_at",
            "expires_at",
            "sent_at",
            "reason",
        ]


WAITING = OpenApiExample(
    "A message that waits",
    {
        "key": "0b6c27b4-96c5-5d4e-9a41-0a1f6e0c7d11",
        "as_of": "2026-03-01",
        "customer": "C-10042",
        "campaign": 7,
        "campaign_name": "Spring",
        "action": 12,
        "action_name": "10 % off",
        "channel": SMS,
        "status": "new",
        "attempts": 0,
        "due_at": "2026-03-02T07:00:00Z",
        "expires_at": "2026-03-04T00:00:00Z",
        "sent_at": None,
        "reason": {
            "code": "quiet_hours",
            "text": "Quiet hours until 2026-03-02 08:00 CET.",
            "params": {
                "until": "2026-03-02T07:00:00+00:00",
                "zone": "Europe/Berlin",
                "too_late": False,
            },
        },
    },
    response_only=True,
    status_codes=["200"],
    summary=_("A waiting message"),
)
REFUSED = OpenApiExample(
    "A message that failed",
    {
        **WAITING.value,
        "channel": "email",
        "status": "failed",
        "attempts": 1,
        "reason": {
            "code": "address_refused",
            "text": "The address was refused: 550 5.1.1 user unknown",
            "params": {"answer": "550 5.1.1 user unknown"},
        },
    },
    response_only=True,
    status_codes=["200"],
    summary=_("A failed message"),
)


@extend_schema_view(
    list=extend_schema(
        summary=_("Deliveries"),
        description=_(
            "Messages in the outbox, newest first, with their status and the reason why "
            "a message was not sent, is waiting, failed or is unclear. Messages withheld "
            "from control customers have no delivery."
        ),
        examples=[WAITING, REFUSED],
    )
)
class DeliveryViewSet(StrictView, ListModelMixin, GenericViewSet):
    """Deliveries follow from decisions; callers read what became of them."""

    queryset = Delivery.objects.select_related("customer", "action__campaign")
    serializer_class = DeliverySerializer
    parameters = {"list": DeliveryParameters}
    page_key = "-pk"

    def filter_queryset(self, queryset: QuerySet) -> QuerySet:
        columns = {"as_of": "as_of", "status": "status", "reason": "reason_code"}
        wanted: dict[str, Any] = {
            column: self.asked[name] for name, column in columns.items() if name in self.asked
        }
        if "customer" in self.asked:
            wanted["customer_id"] = self.asked["customer"].pk
        return queryset.filter(**wanted)
