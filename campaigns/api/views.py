from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.viewsets import ReadOnlyModelViewSet

from campaigns.api.serializers import CampaignSerializer, CapacityLimitSerializer
from campaigns.models import Campaign, CapacityLimit
from optiengine.lib.parameters import PageParameters, StrictView


@extend_schema_view(
    list=extend_schema(
        summary="Campaigns",
        description="All campaigns with their goal, target group and actions. "
        "A campaign without a rank is Auto: the engine decides for each customer.",
    ),
    retrieve=extend_schema(summary="A campaign", description="One campaign by its id."),
)
class CampaignViewSet(StrictView, ReadOnlyModelViewSet):
    """Campaigns are made in the admin; callers read them."""

    queryset = Campaign.objects.select_related("goal", "target_group").prefetch_related(
        "actions", "tags", "ignores_durations_of"
    )
    serializer_class = CampaignSerializer
    parameters = {"list": PageParameters}
    page_key = "pk"
    lookup_value_regex = r"[0-9]{1,18}"


@extend_schema_view(
    list=extend_schema(
        summary="Budgets and volumes",
        description="Limits that all customers share. What a run used of them, and at which "
        "price, is with the run.",
    ),
    retrieve=extend_schema(summary="A budget or volume", description="One limit by its id."),
)
class CapacityLimitViewSet(StrictView, ReadOnlyModelViewSet):
    """Limits are made in the admin; callers read them."""

    queryset = CapacityLimit.objects.select_related("tag")
    serializer_class = CapacityLimitSerializer
    parameters = {"list": PageParameters}
    page_key = "pk"
    lookup_value_regex = r"[0-9]{1,18}"
