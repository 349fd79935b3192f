"""What keeps messages apart: made in the admin, read by callers."""

from django.utils.translation import gettext_lazy
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
        summary=gettext_lazy("Frequency caps"),
        description=gettext_lazy(
            "How many messages a customer may get in a window of time. `limit` 0 allows "
            "none; null means no cap. Rolling windows last `length` hours or days; "
            "calendar windows use the customer's time zone."
        ),
    ),
    retrieve=extend_schema(
        summary=gettext_lazy("One frequency cap"), description=gettext_lazy("The cap with this ID.")
    ),
)
class FrequencyCapViewSet(LimitViewSet):
    queryset = FrequencyCap.objects.select_related("tag")
    serializer_class = FrequencyCapSerializer


@extend_schema_view(
    list=extend_schema(
        summary=gettext_lazy("Minimum gaps"),
        description=gettext_lazy(
            "Hours that must pass between two messages of a channel, or between any two messages."
        ),
    ),
    retrieve=extend_schema(
        summary=gettext_lazy("One minimum gap"), description=gettext_lazy("The gap with this ID.")
    ),
)
class MinimumGapViewSet(LimitViewSet):
    queryset = MinimumGap.objects.all()
    serializer_class = MinimumGapSerializer


@extend_schema_view(
    list=extend_schema(
        summary=gettext_lazy("Quiet hours"),
        description=gettext_lazy(
            "In the customer's local time. Only the most specific quiet hours apply: "
            "channel and country, then country, then channel, then those without either."
        ),
    ),
    retrieve=extend_schema(
        summary=gettext_lazy("One set of quiet hours"),
        description=gettext_lazy("The quiet hours with this ID."),
    ),
)
class QuietHoursViewSet(LimitViewSet):
    queryset = QuietHours.objects.all()
    serializer_class = QuietHoursSerializer


@extend_schema_view(
    list=extend_schema(
        summary=gettext_lazy("Exclusions"),
        description=gettext_lazy(
            "Calendar days, starting with the day of the message, on which one campaign "
            "or tag blocks another. In the organisation's time zone."
        ),
    ),
    retrieve=extend_schema(
        summary=gettext_lazy("One exclusion"),
        description=gettext_lazy("The exclusion with this ID."),
    ),
)
class ExclusionViewSet(LimitViewSet):
    queryset = Exclusion.objects.select_related("tag", "excluded_tag")
    serializer_class = ExclusionSerializer
