from django.db.models import Count, Q, Sum
from django.db.models.functions import Coalesce
from django.utils.translation import gettext_lazy
from drf_spectacular.utils import OpenApiExample, OpenApiResponse, extend_schema, extend_schema_view
from rest_framework import status
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse
from rest_framework.viewsets import ReadOnlyModelViewSet

from journeys.decisions.api.serializers import RunRequest, RunSerializer
from journeys.decisions.queue_run import queue_run
from journeys.errors import RunRefused
from journeys.models import DecisionRun
from optiengine.lib.parameters import PageParameters, StrictView

RUN = OpenApiExample(
    "A run at work",
    {
        "as_of": "2026-03-01",
        "decided_at": "2026-03-01T08:00:00Z",
        "status": "running",
        "n_customers": 20_000,
        "progress": {"n_chunks": 5, "n_chunks_done": 3, "n_decisions": 12_288},
        "counts": {},
        "capacity": [
            {
                "limit": 3,
                "name": "Calls",
                "measure": "contacts",
                "used_before": 1_200.0,
                "available": 400.0,
                "used": 262.0,
                "price_cents": 61.5,
                "subsidy_cents": 0.0,
                "short": 0.0,
            }
        ],
        "error": "",
    },
    response_only=True,
    status_codes=["200", "202"],
    summary=gettext_lazy("A run in progress"),
)


@extend_schema_view(
    list=extend_schema(
        summary=gettext_lazy("Runs"), description=gettext_lazy("Decision runs, newest day first.")
    ),
    retrieve=extend_schema(
        examples=[RUN],
        summary=gettext_lazy("One run"),
        description=gettext_lazy("The run of a day. Poll it until `status` is `done` or `failed`."),
    ),
)
class RunViewSet(StrictView, ReadOnlyModelViewSet):
    """One run decides one day for all customers."""

    queryset = (
        DecisionRun.objects.defer("rulebook")
        .annotate(
            n_chunks=Count("chunks"),
            n_chunks_done=Count("chunks", filter=Q(chunks__done=True)),
            n_decisions=Coalesce(Sum("chunks__n_decisions"), 0),
        )
        .prefetch_related("capacity__account__limit")
    )
    serializer_class = RunSerializer
    parameters = {"list": PageParameters}
    page_key = "-as_of"
    lookup_field = "as_of"
    lookup_value_regex = "[0-9]{4}-[0-9]{2}-[0-9]{2}"

    @extend_schema(
        summary=gettext_lazy("Start a run"),
        description=gettext_lazy(
            "Requests the run of a day and returns at once; `Location` is its address. "
            "Repeating the request changes nothing: a run that is waiting, running or "
            "done is returned as it is. Only a failed run is started again."
        ),
        request=RunRequest,
        responses={
            202: OpenApiResponse(
                RunSerializer, description=gettext_lazy("The run is waiting or running.")
            ),
            200: OpenApiResponse(
                RunSerializer, description=gettext_lazy("The run is already done.")
            ),
        },
        examples=[
            OpenApiExample(
                "A day",
                {"as_of": "2026-03-01"},
                request_only=True,
                summary=gettext_lazy("A day"),
            ),
            RUN,
        ],
    )
    def create(self, request: Request) -> Response:
        wanted = RunRequest(data=request.data)
        wanted.is_valid(raise_exception=True)
        try:
            run = queue_run(wanted.validated_data["as_of"])
        except RunRefused as refused:
            raise ValidationError({"as_of": [str(refused)]}) from refused
        run = self.get_queryset().get(pk=run.pk)
        is_done = run.status == DecisionRun.Status.DONE
        where = reverse("run-detail", [run.as_of.isoformat()], request=request)
        return Response(
            self.get_serializer(run).data,
            status.HTTP_200_OK if is_done else status.HTTP_202_ACCEPTED,
            headers={"Location": where},
        )
