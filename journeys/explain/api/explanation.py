from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from journeys.decisions.api.serializers import DecisionSerializer
from journeys.explain.decision_options import Explanation
from optiengine.lib.fields import NumberField, ReadOnly


class OptionSerializer(ReadOnly, serializers.Serializer):
    """An action that was considered, or sending nothing. Money is in cents."""

    campaign = serializers.IntegerField(
        source="campaign_id", allow_null=True, help_text=_("Null: nothing.")
    )
    campaign_name = serializers.CharField(source="campaign")
    action_name = serializers.CharField(source="action")
    channel = serializers.CharField()
    rank = serializers.IntegerField(allow_null=True, help_text=_("Null: Auto."))
    in_addition = serializers.BooleanField()
    verdict = serializers.CharField(help_text=_("Why it was possible, or what stood against it."))
    is_possible = serializers.BooleanField()
    is_outranked = serializers.BooleanField()
    is_chosen = serializers.BooleanField()
    has_evidence = serializers.BooleanField(
        allow_null=True,
        help_text=_("Enough was measured for shares inside its campaign to differ. Null: unknown."),
    )
    prob = NumberField(help_text=_("P(chosen); null: it took no part in the choice."))
    response_prob = NumberField(help_text=_("P(the customer responds | message)."))
    now_cents = NumberField(help_text=_("Uplift within the window, before the cost."))
    cost_cents = NumberField()
    later_cents = NumberField(help_text=_("Of what the choice makes possible later."))
    opens = serializers.CharField(help_text=_("The follow-ups that this comes from, in words."))
    slot_cents = NumberField(help_text=_("What the slot would have been worth otherwise."))
    kept_for = serializers.CharField(
        help_text=_("The campaign that this would be lost or late of.")
    )
    kept_days = serializers.IntegerField(
        allow_null=True, help_text=_("Days until that campaign is due.")
    )
    price_cents = NumberField(help_text=_("Price of the scarce capacity that it uses."))
    total_cents = NumberField(help_text=_("What it promised beyond sending nothing."))
    sd_cents = NumberField(help_text=_("How little of that is known: a standard deviation."))


class FeatureSerializer(ReadOnly, serializers.Serializer):
    """A number the decision was made with."""

    label = serializers.CharField()  # type: ignore[assignment]  # a field of ours named so
    value = NumberField()


class ExplanationSerializer(ReadOnly, serializers.Serializer):
    """A decision, computed again with everything it was made of."""

    decision = DecisionSerializer()
    summary = serializers.CharField(help_text=_("In a sentence or two."))
    options = OptionSerializer(
        many=True, help_text=_("What was possible, by probability; then what was not, and why.")
    )
    features = serializers.SerializerMethodField()
    is_recomputed = serializers.BooleanField(
        help_text=_("False: what was not chosen has no values and probabilities.")
    )
    not_recomputed = serializers.CharField(
        help_text=_("Why it was not computed again; empty if it was.")
    )
    agrees = serializers.BooleanField(help_text=_("What was computed again is what was stored."))
    choice_draw = NumberField(help_text=_("The draw in [0, 1) that chose among the options."))
    control_draw = NumberField(help_text=_("Below `control_share`: the message is withheld."))
    control_share = NumberField()

    @extend_schema_field(FeatureSerializer(many=True))
    def get_features(self, explanation: Explanation) -> list[dict]:
        rows = [{"label": label, "value": value} for label, value in explanation.features]
        return list(FeatureSerializer(rows, many=True).data)
