from datetime import date
from typing import Any

from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema_field, extend_schema_serializer
from rest_framework import serializers

from optiengine.lib.fields import MomentField, NumberField, ReadOnly
from optiengine.lib.parameters import PageParameters
from segments.channel_field import ChannelField
from segments.models import Customer, CustomerState, MicroSegment
from segments.models.customer import PROFILE
from segments.shapes import birthday_in_words


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
        required=False, max_length=254, help_text=_("Customers with this address, in any spelling.")
    )
    phone = serializers.CharField(
        required=False, max_length=40, help_text=_("Customers with this number, in any spelling.")
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


@extend_schema_field({"type": "string", "example": "1984-05-17"})
class BirthdayField(serializers.DateField):
    def to_representation(self, value: date) -> str:
        return str(birthday_in_words(value))


@extend_schema_serializer(description=_("A customer, with the ID of your own systems."))
class CustomerSerializer(ReadOnly, serializers.ModelSerializer):
    birth_date = BirthdayField(
        allow_null=True, help_text=_("YYYY-MM-DD, or --MM-DD if the year is unknown.")
    )
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
    merged_into = serializers.CharField(
        allow_null=True,
        help_text=_("ID of the record of the same person that is decided for instead of this one."),
    )
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
            "merged_into",
            "created_at",
            "updated_at",
            "state",
        ]

    @extend_schema_field(StateSerializer(allow_null=True))
    def get_state(self, customer: Any) -> dict[str, Any] | None:
        """On the newest day for which all states are complete; null for who came later."""
        states = customer.latest_states
        return StateSerializer(states[0], context=self.context).data if states else None


@extend_schema_serializer(
    description=_("The updated customer, and the changes that did not take effect.")
)
class ConsentsAnswer(CustomerSerializer):
    kept_withdrawn = serializers.SerializerMethodField()

    class Meta(CustomerSerializer.Meta):
        fields = [*CustomerSerializer.Meta.fields, "kept_withdrawn"]

    @extend_schema_field(serializers.ListField(child=ChannelField()))
    def get_kept_withdrawn(self, customer: Any) -> list[str]:
        """Channels with a yes that stay closed: a later withdrawal, or one by the customer."""
        return list(self.context.get("kept_withdrawn", ()))


@extend_schema_serializer(
    description=_(
        "A yes or no to a channel or a topic. Repetitions in files count as one "
        "statement, with the time of the first."
    )
)
class StatementSerializer(ReadOnly, serializers.Serializer):
    channel = ChannelField(allow_null=True, help_text=_("Null for a topic."))
    topic = serializers.IntegerField(allow_null=True, help_text=_("Tag ID of a topic."))
    says_yes = serializers.BooleanField(
        allow_null=True, help_text=_("Null: the statement could not be read.")
    )
    said_at = MomentField(help_text=_("Time of the statement; if repeated, the last one."))
    first_said_at = MomentField(
        allow_null=True, help_text=_("Time of the first statement, if repeated.")
    )
    recorded_at = MomentField(help_text=_("Time at which it was received."))
    kind = serializers.CharField(help_text=_("Source: file, api, unsubscribe_page and so on."))
    source = serializers.CharField()  # type: ignore[assignment]
    by_customer = serializers.BooleanField(help_text=_("Stated by the customer in person."))
    brings_back = serializers.BooleanField(
        help_text=_("A yes that counts even though the customer withdrew earlier.")
    )
    proof = serializers.DictField(child=serializers.CharField())

    def to_representation(self, statement: Any) -> dict[str, Any]:
        fields = super().to_representation(statement)
        return fields | {
            "kind": statement.kind.name.lower(),
            "channel": statement.channel or None,
        }


@extend_schema_serializer(description=_("Whether a channel or topic is allowed, and why."))
class HoldingSerializer(ReadOnly, serializers.Serializer):
    channel = ChannelField(allow_null=True)
    topic = serializers.IntegerField(allow_null=True)
    allowed = serializers.BooleanField(
        allow_null=True, help_text=_("Null: unclear, so nothing is sent.")
    )
    why = serializers.CharField()
    said_at = MomentField(help_text=_("Time of the statement that decides."))


@extend_schema_serializer(
    description=_(
        "All statements about a customer's consents, newest first, and the current consents."
    )
)
class ConsentRecordSerializer(ReadOnly, serializers.Serializer):
    holds = HoldingSerializer(many=True)
    statements = StatementSerializer(many=True)
