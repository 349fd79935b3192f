"""What keeps messages apart: made in the admin, read by callers."""

from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.viewsets import ReadOnlyModelViewSet

from campaigns.api.serializers import (
    ExclusionSerializer,
    FrequencyCapSerializer,
    MinimumGapSerializer,
    QuietHoursSerializer,
)
from campaigns.models import Exclusion, FrequencyCap, MinimumGap, QuietHours
from optiengine.lib.parameters import PageParameters, StrictView


class LimitViewSet(StrictView, ReadOnlyModelViewSet):
    """A list by pages, and one by its id."""

    parameters = {"list": PageParameters}
    page_key = "pk"
    lookup_value_regex = r"[0-9]{1,18}"


@extend_schema_view(
    list=extend_schema(
        summary="Frequency caps",
        description="How many messages a customer may get in a window. `limit` 0 allows none, "
        "null is no cap. Rolling windows last `length` hours or days; calendar windows are the "
        "customer's.",
    ),
    retrieve=extend_schema(summary="A frequency cap", description="One cap by its id."),
)
class FrequencyCapViewSet(LimitViewSet):
    queryset = FrequencyCap.objects.select_related("tag")
    serializer_class = FrequencyCapSerializer


@extend_schema_view(
    list=extend_schema(
        summary="Minimum gaps",
        description="Rolling hours that must pass between two messages: those of a channel, or "
        "any two.",
    ),
    retrieve=extend_schema(summary="A minimum gap", description="One gap by its id."),
)
class MinimumGapViewSet(LimitViewSet):
    queryset = MinimumGap.objects.all()
    serializer_class = MinimumGapSerializer


@extend_schema_view(
    list=extend_schema(
        summary="Quiet hours",
        description="In the customer's local time. Only the most specific apply: those of channel "
        "and country; else of the country; else of the channel; else those without either.",
    ),
    retrieve=extend_schema(summary="Quiet hours by id", description="One row by its id."),
)
class QuietHoursViewSet(LimitViewSet):
    queryset = QuietHours.objects.all()
    serializer_class = QuietHoursSerializer


@extend_schema_view(
    list=extend_schema(
        summary="Exclusions",
        description="Calendar days of the organisation, the day of the message included, on which "
        "a campaign or tag is blocked after another.",
    ),
    retrieve=extend_schema(summary="An exclusion", description="One exclusion by its id."),
)
class ExclusionViewSet(LimitViewSet):
    queryset = Exclusion.objects.select_related("tag", "excluded_tag")
    serializer_class = ExclusionSerializer
