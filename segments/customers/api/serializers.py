from typing import Any

from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema_field, extend_schema_serializer
from rest_framework import serializers

from optiengine.lib.fields import MomentField, NumberField, ReadOnly
from optiengine.lib.parameters import PageParameters
from segments.channel_field import ChannelField
from segments.models import Customer, CustomerState, MicroSegment
from segments.models.customer import PROFILE


class CustomerParameters(PageParameters):
    external_id = serializers.CharField(
        required=False,
        max_length=100,
        trim_whitespace=False,
        help_text=_(
            "The customer with this ID. Also for IDs with a slash, which cannot be part of a path."
        ),
    )
    email = serializers.CharField(
        required=False, max_length=254, help_text=_("Customers with this address.")
    )
    updated_since = MomentField(
        required=False,
        help_text=_("Customers changed at or after this time, including erased ones."),
    )


@extend_schema_serializer(description=_("Customers of one lifecycle stage who behave alike."))
class MicroSegmentSerializer(ReadOnly, serializers.ModelSerializer):
    class Meta:
        model = MicroSegment
        fields = ["id", "name"]


@extend_schema_serializer(description=_("The customer's data at the start of the day."))
class StateSerializer(ReadOnly, serializers.ModelSerializer):
    micro_segment = MicroSegmentSerializer()
    p_alive = NumberField(help_text=_("Probability of still being a customer, 0 to 1."))
    clv_cents = NumberField(help_text=_("Predicted margin over the value horizon, in cents."))
    features = serializers.SerializerMethodField()

    class Meta:
        model = CustomerState
        fields = ["as_of", "stage", "micro_segment", "p_alive", "clv_cents", "features"]

    @extend_schema_field({"type": "object", "additionalProperties": {"type": ["number", "null"]}})
    def get_features(self, state: CustomerState) -> dict[str, float | None]:
        """By name; null where unknown."""
        names, number = self.context["feature_names"], NumberField()
        return {
            name: number.to_representation(value)
            for name, value in zip(names, state.features, strict=True)
        }


@extend_schema_serializer(description=_("A customer, with the ID of your own systems."))
class CustomerSerializer(ReadOnly, serializers.ModelSerializer):
    consents = serializers.ListField(
        child=ChannelField(),
        help_text=_("Channels with consent."),
    )
    consents_unclear = serializers.ListField(
        child=ChannelField(),
        help_text=_("Channels whose newest statement could not be read. Nothing is sent there."),
    )
    suppressed_channels = serializers.ListField(
        child=ChannelField(),
        help_text=_("Channels whose address is suppressed."),
    )
    attributes = serializers.DictField(help_text=_("Other attributes, as imported."))
    state = serializers.SerializerMethodField()

    class Meta:
        model = Customer
        fields = [
            "external_id",
            *PROFILE,
            "consents",
            "consents_unclear",
            "suppressed",
            "suppressed_channels",
            "erased_at",
            "created_at",
            "updated_at",
            "state",
        ]

    @extend_schema_field(StateSerializer(allow_null=True))
    def get_state(self, customer: Any) -> dict[str, Any] | None:
        """On the newest day for which all states are complete; null for who came later."""
        states = customer.latest_states
        return StateSerializer(states[0], context=self.context).data if states else None
