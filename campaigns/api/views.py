from django.utils.translation import gettext_lazy
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.viewsets import ReadOnlyModelViewSet

from campaigns.api.serializers import CampaignSerializer, CapacityLimitSerializer
from campaigns.models import Campaign, CapacityLimit
from optiengine.lib.parameters import PageParameters, StrictView


@extend_schema_view(
    list=extend_schema(
        summary=gettext_lazy("Campaigns"),
        description=gettext_lazy(
            "All campaigns with their goals, target groups and actions. A campaign "
            "without a rank is Auto: the engine decides for each customer."
        ),
    ),
    retrieve=extend_schema(
        summary=gettext_lazy("One campaign"), description=gettext_lazy("The campaign with this ID.")
    ),
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
        summary=gettext_lazy("Budgets and volumes"),
        description=gettext_lazy(
            "Limits that all customers share. What a run used of them, and at which "
            "price, is part of the run."
        ),
    ),
    retrieve=extend_schema(
        summary=gettext_lazy("One budget or volume limit"),
        description=gettext_lazy("The limit with this ID."),
    ),
)
class CapacityLimitViewSet(StrictView, ReadOnlyModelViewSet):
    """Limits are made in the admin; callers read them."""

    queryset = CapacityLimit.objects.select_related("tag")
    serializer_class = CapacityLimitSerializer
    parameters = {"list": PageParameters}
    page_key = "pk"
    lookup_value_regex = r"[0-9]{1,18}"
