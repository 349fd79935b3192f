from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema_field, extend_schema_serializer
from rest_framework import serializers

from journeys.decisions.api.serializers import DecisionSerializer
from journeys.explain.decision_options import Explanation
from optiengine.lib.fields import NumberField, ReadOnly


@extend_schema_serializer(
    description=_("An action that was considered, or no message. Amounts are in cents.")
)
class OptionSerializer(ReadOnly, serializers.Serializer):
    campaign = serializers.IntegerField(
        source="campaign_id", allow_null=True, help_text=_("Null: nothing.")
    )
    campaign_name = serializers.CharField(source="campaign")
    action_name = serializers.CharField(source="action")
    channel = serializers.CharField()
    rank = serializers.IntegerField(allow_null=True, help_text=_("Null: Auto."))
    in_addition = serializers.BooleanField()
    verdict = serializers.CharField(help_text=_("Why it was possible or blocked."))
    note = serializers.CharField(
        help_text=_("What became of an earlier reservation whose message was not sent.")
    )
    is_possible = serializers.BooleanField()
    is_outranked = serializers.BooleanField()
    is_chosen = serializers.BooleanField()
    has_evidence = serializers.BooleanField(
        allow_null=True,
        help_text=_(
            "Whether there is enough evidence for the mix of its campaign to shift. Null: unknown."
        ),
    )
    prob = NumberField(
        help_text=_("Probability of being chosen. Null: it took no part in the choice.")
    )
    response_prob = NumberField(
        help_text=_("Probability that the customer converts if they get the message.")
    )
    now_cents = NumberField(help_text=_("Uplift within the window, before costs."))
    cost_cents = NumberField()
    later_cents = NumberField(
        help_text=_("Value of the follow-ups that the message makes possible.")
    )
    opens = serializers.CharField(help_text=_("The follow-ups behind this value, as text."))
    slot_cents = NumberField(help_text=_("What another message could have earned in this slot."))
    kept_for = serializers.CharField(help_text=_("The campaign that would be lost or delayed."))
    kept_days = serializers.IntegerField(
        allow_null=True, help_text=_("Days until that campaign is possible.")
    )
    price_cents = NumberField(help_text=_("Price of the scarce capacity it uses."))
    total_cents = NumberField(help_text=_("Expected value compared with sending nothing."))
    sd_cents = NumberField(help_text=_("Uncertainty of that value, as a standard deviation."))


@extend_schema_serializer(description=_("A feature of the customer at the time of the decision."))
class FeatureSerializer(ReadOnly, serializers.Serializer):
    label = serializers.CharField()  # type: ignore[assignment]  # a field of ours named so
    value = NumberField()


@extend_schema_serializer(description=_("A decision, recomputed with all its inputs."))
class ExplanationSerializer(ReadOnly, serializers.Serializer):
    decision = DecisionSerializer()
    summary = serializers.CharField(help_text=_("Summary in one or two sentences."))
    options = OptionSerializer(
        many=True,
        help_text=_("Possible options by probability, then blocked ones with the reason."),
    )
    features = serializers.SerializerMethodField()
    is_recomputed = serializers.BooleanField(
        help_text=_("False: options that were not chosen have no values or probabilities.")
    )
    not_recomputed = serializers.CharField(
        help_text=_("Why it was not computed again; empty if it was.")
    )
    agrees = serializers.BooleanField(
        help_text=_("Whether the recomputed decision equals the stored one.")
    )
    choice_draw = NumberField(
        help_text=_("The random draw in [0, 1) that chose among the options.")
    )
    control_draw = NumberField(
        help_text=_("Control if below `control_share`: the message is withheld.")
    )
    control_share = NumberField()

    @extend_schema_field(FeatureSerializer(many=True))
    def get_features(self, explanation: Explanation) -> list[dict]:
        rows = [{"label": label, "value": value} for label, value in explanation.features]
        return list(FeatureSerializer(rows, many=True).data)
