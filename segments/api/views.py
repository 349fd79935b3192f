from typing import Any

from django.db.models import Prefetch, QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.viewsets import ReadOnlyModelViewSet

from optiengine.lib.parameters import StrictView
from segments.api.serializers import CustomerParameters, CustomerSerializer
from segments.models import Customer, CustomerState, StateBuild


@extend_schema_view(
    list=extend_schema(
        summary="Customers",
        description="All customers, or those asked for, each with consents and newest state.",
    ),
    retrieve=extend_schema(
        summary="A customer",
        description="One customer by the id of your own systems. An id with a slash does not fit "
        "into a path: ask the list for it, `?external_id=`.",
    ),
)
class CustomerViewSet(StrictView, ReadOnlyModelViewSet):
    """Customers arrive by import; callers read them."""

    queryset = Customer.objects.all()
    serializer_class = CustomerSerializer
    parameters = {"list": CustomerParameters}
    page_key = "pk"
    lookup_field = "external_id"
    lookup_value_regex = r"[^/\x00]{1,100}"

    def filter_queryset(self, queryset: QuerySet) -> QuerySet:
        asked = self.asked
        if "external_id" in asked:
            queryset = queryset.filter(external_id=asked["external_id"])
        if "email" in asked:
            queryset = queryset.filter(email__iexact=asked["email"])
        if "updated_since" in asked:
            queryset = queryset.filter(updated_at__gte=asked["updated_since"])
        states = CustomerState.objects.select_related("micro_segment")
        states = states.filter(as_of=self.build.as_of) if self.build else states.none()
        return queryset.prefetch_related(Prefetch("states", states, to_attr="latest_states"))

    def initial(self, request: Any, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        self.build = StateBuild.objects.select_related("feature_set").first()

    def get_serializer_context(self) -> dict[str, Any]:
        build = getattr(self, "build", None)  # none while the schema is drawn
        names = build.feature_set.names if build else []
        return {**super().get_serializer_context(), "feature_names": names}
