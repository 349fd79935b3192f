from typing import Any

from django.shortcuts import get_object_or_404
from django.utils.translation import gettext_lazy as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_serializer
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from campaigns.models import Campaign
from optiengine.lib.fields import DayField, NumberField, ReadOnly
from optiengine.lib.parameters import Parameters, StrictView
from reports.api.views import whole
from reports.numerics.mix import State
from reports.services.mix_report import mix_report


class MixParameters(Parameters):
    as_of = DayField(
        required=False,
        help_text=_("As learned by this day (default: the latest)."),
    )


@extend_schema_serializer(
    description=_("An active action of the campaign, with its share and evidence.")
)
class MixActionSerializer(ReadOnly, serializers.Serializer):
    id = serializers.IntegerField()
    name = serializers.CharField()
    share = NumberField(
        help_text=_("Mean probability of being drawn in the 7 days up to the latest run.")
    )
    n_test = NumberField(help_text=_("Messages with a known outcome; older ones count less."))
    n_test_responders = NumberField()
    n_control = NumberField()
    n_control_responders = NumberField()
    prob_best = NumberField(
        help_text=_(
            "Posterior probability of being the best action for the average customer reached."
        )
    )
    value_cents = NumberField(help_text=_("Posterior mean of uplift less cost, per message."))


@extend_schema_serializer(description=_("The mix in one micro-segment, or in all of them."))
class MixRowSerializer(ReadOnly, serializers.Serializer):
    micro_segment_id = serializers.IntegerField(
        allow_null=True, help_text=_("Null: all micro-segments together.")
    )
    micro_segment = serializers.CharField(allow_null=True)
    state = serializers.ChoiceField(choices=[(state.value, state.value) for state in State])
    sentence = serializers.CharField(help_text=_("The state as text."))
    is_proven = serializers.BooleanField(
        help_text=_("The action with the largest share is proven better than all others.")
    )
    actions = MixActionSerializer(many=True, help_text=_("Sorted by share, largest first."))
    difference_cents = NumberField(
        help_text=_("Value per message of the first action less the second, after costs.")
    )
    difference_cents_low = NumberField(help_text=_("Limits (95 %), valid however often you check."))
    difference_cents_high = NumberField()


@extend_schema_serializer(description=_("The state of the mix of a campaign's actions."))
class MixSerializer(ReadOnly, serializers.Serializer):
    campaign_id = serializers.IntegerField()
    as_of = serializers.DateField(allow_null=True, help_text=_("Null: not learned yet."))
    fixed_action_id = serializers.IntegerField(
        allow_null=True, help_text=_("The action that the mix is fixed to.")
    )
    min_test = serializers.IntegerField(help_text=_("Evidence needed before the mix shifts."))
    min_test_responders = serializers.IntegerField()
    min_control = serializers.IntegerField()
    min_control_responders = serializers.IntegerField()
    rows = MixRowSerializer(many=True, help_text=_("All customers, then each micro-segment."))


class MixViewSet(StrictView, GenericViewSet):
    """The state of a campaign's mix; it is set in the admin."""

    queryset = Campaign.objects.select_related("fixed_action").prefetch_related("actions")
    serializer_class = MixSerializer
    pagination_class = None
    parameters = {"list": MixParameters}

    @extend_schema(
        operation_id="campaigns_mix",
        summary=_("Action mix of a campaign"),
        description=_(
            "For all micro-segments together and for each of them: whether the mix is an "
            "A/B test, shifting or settled, with shares, evidence and the difference."
        ),
        parameters=[
            OpenApiParameter(
                "campaign_pk",
                OpenApiTypes.INT64,
                OpenApiParameter.PATH,
                description=_("ID of the campaign."),
            )
        ],
        responses={200: whole(MixSerializer)},
    )
    def list(self, request: Request, campaign_pk: str) -> Response:
        campaign = get_object_or_404(self.get_queryset(), pk=campaign_pk)
        report = mix_report(campaign, as_of=self.asked.get("as_of"))
        names = ("min_test", "min_test_responders", "min_control", "min_control_responders")
        figures: dict[str, Any] = {
            "campaign_id": campaign.pk,
            "as_of": report.as_of,
            "fixed_action_id": campaign.fixed_action_id,
            **dict(zip(names, report.minimum, strict=True)),
            "rows": [row.as_dict() for row in [report.total, *report.rows]],
        }
        return Response(self.get_serializer(figures).data)
