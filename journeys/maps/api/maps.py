"""Journey maps: who goes through them, and how many are at each step."""

from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import (
    extend_schema,
    extend_schema_field,
    extend_schema_serializer,
    extend_schema_view,
)
from rest_framework import serializers
from rest_framework.viewsets import ReadOnlyModelViewSet

from journeys.maps.describe_graph import KINDS, describe_graph
from journeys.maps.map_counts import StepCounts, step_counts
from journeys.maps.numerics.journey_graph import parse_graph
from journeys.models import JourneyMap
from optiengine.lib.fields import ReadOnly
from optiengine.lib.parameters import PageParameters, StrictView


@extend_schema_serializer(description=_("A connection to the next step."))
class LinkSerializer(ReadOnly, serializers.Serializer):
    port = serializers.CharField(help_text=_("The exit of the step: next, yes, timed_out …"))
    to = serializers.CharField(help_text=_("ID of the next step."))


@extend_schema_serializer(
    description=_("A step of the version that customers enter, with its counts.")
)
class StepSerializer(ReadOnly, serializers.Serializer):
    id = serializers.CharField()
    kind = serializers.ChoiceField(choices=[(kind, kind) for kind in KINDS])
    words = serializers.CharField(help_text=_("What the step does."))
    campaign = serializers.IntegerField(allow_null=True, help_text=_("For send steps."))
    links = LinkSerializer(many=True)
    n_arrived = serializers.IntegerField()
    n_here = serializers.IntegerField(help_text=_("Participants at this step now."))
    n_left = serializers.DictField(
        child=serializers.IntegerField(),
        help_text=_("By branch taken, result of the message, or reason for leaving."),
    )


@extend_schema_serializer(description=_("A flow drawn on the canvas."))
class JourneyMapSerializer(ReadOnly, serializers.ModelSerializer):
    goal = serializers.IntegerField(source="goal_id", allow_null=True)
    version = serializers.IntegerField(
        source="active_version.number",
        default=None,
        allow_null=True,
        help_text=_("The version that customers enter. Null: never launched."),
    )
    exit_rule = serializers.DictField(help_text=_("A tree of conditions. Empty: no exit rule."))
    n_travelling = serializers.IntegerField(
        source="n_here", help_text=_("Participants now, in any version.")
    )

    class Meta:
        model = JourneyMap
        fields = ["id", "name", "status", "version", "goal", "exit_rule", "reentry"]
        fields += ["reentry_days", "control_share", "running_since", "n_travelling"]


@extend_schema_serializer(description=_("A flow drawn on the canvas, with its steps."))
class JourneyMapDetailSerializer(JourneyMapSerializer):
    steps = serializers.SerializerMethodField()

    class Meta(JourneyMapSerializer.Meta):
        fields = [*JourneyMapSerializer.Meta.fields, "steps"]

    @extend_schema_field(StepSerializer(many=True))
    def get_steps(self, journey: JourneyMap) -> list[dict]:
        if journey.active_version is None:
            return []
        graph = parse_graph(journey.active_version.graph)
        words, counts = describe_graph(graph), step_counts(journey.active_version)
        rows = []
        for step in graph.steps.values():
            count = counts.get(step.id, StepCounts())
            rows.append(
                {
                    "id": step.id,
                    "kind": step.kind,
                    "words": words[step.id],
                    "campaign": step.get("campaign"),
                    "links": [
                        {"port": link.port, "to": link.target}
                        for link in graph.links
                        if link.source == step.id
                    ],
                    "n_arrived": count.arrived,
                    "n_here": count.here,
                    "n_left": dict(count.left),
                }
            )
        return list(StepSerializer(rows, many=True).data)


@extend_schema_view(
    list=extend_schema(
        summary=_("Journeys"),
        description=_("All journeys, each with its number of participants."),
    ),
    retrieve=extend_schema(
        summary=_("One journey"),
        description=_(
            "The journey with this ID, with the steps of the version that customers "
            "enter and their current counts. Participants of an earlier version finish "
            "that version and are not counted here."
        ),
    ),
)
class JourneyMapViewSet(StrictView, ReadOnlyModelViewSet):
    """Maps are drawn in the admin; callers read them."""

    queryset = JourneyMap.objects.select_related("active_version").with_travelling()
    serializer_class = JourneyMapSerializer
    parameters = {"list": PageParameters}
    page_key = "pk"
    lookup_value_regex = r"[0-9]{1,18}"

    def get_serializer_class(self) -> type[serializers.Serializer]:
        return JourneyMapDetailSerializer if self.action == "retrieve" else JourneyMapSerializer
