from django.utils.translation import gettext_lazy
from drf_spectacular.helpers import forced_singular_serializer
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import Serializer
from rest_framework.viewsets import GenericViewSet

from optiengine.lib.parameters import StrictView
from reports.api.parameters import ReportParameters, UpliftParameters
from reports.api.serializers import ArmReportSerializer, UpliftReportSerializer
from reports.errors import ReportError
from reports.models import ArmWorth, Uplift
from reports.services.arm_report import arm_report
from reports.services.uplift_report import LEVELS, uplift_report


def whole(report: type[Serializer]) -> OpenApiResponse:
    """One report, not a list of them."""
    return OpenApiResponse(
        forced_singular_serializer(report), description=gettext_lazy("The report.")
    )


class UpliftReportViewSet(StrictView, GenericViewSet):
    """What messages changed, for users who may see the page in the admin."""

    queryset = Uplift.objects.none()  # says which permission
    serializer_class = UpliftReportSerializer
    pagination_class = None
    parameters = {"list": UpliftParameters}

    @extend_schema(
        operation_id="reports_uplift",
        summary=gettext_lazy("Uplift"),
        description=gettext_lazy(
            "Test compared with control per campaign, action and micro-segment: counts, "
            "rates, money, and the difference with its interval (95 %). If there is no "
            "difference to show, it is null and `explanation` says why."
        ),
        responses={200: whole(UpliftReportSerializer)},
    )
    def list(self, request: Request) -> Response:
        filters = self.asked
        report = uplift_report(
            as_of=filters["as_of"],
            since=filters.get("since"),
            until=filters.get("until"),
            campaign=filters.get("campaign"),
            by=LEVELS[: LEVELS.index(filters["level"]) + 1],
        )
        figures = {
            "as_of": report.as_of,
            "since": report.since,
            "until": report.until,
            "rows": [row.as_dict() for row in report.rows],
        }
        return Response(self.get_serializer(figures).data)


class ArmReportViewSet(StrictView, GenericViewSet):
    """Engine impact, for users who may see the page in the admin."""

    queryset = ArmWorth.objects.none()
    serializer_class = ArmReportSerializer
    pagination_class = None
    parameters = {"list": ReportParameters}

    @extend_schema(
        operation_id="reports_arms",
        summary=gettext_lazy("Engine impact"),
        description=gettext_lazy(
            "Value and orders per customer of each group, by intention to treat, and the "
            "differences with their intervals (95 %)."
        ),
        responses={200: whole(ArmReportSerializer)},
    )
    def list(self, request: Request) -> Response:
        try:
            report = arm_report(as_of=self.asked["as_of"], since=self.asked.get("since"))
        except ReportError as refused:
            raise ValidationError({"as_of": [str(refused)]}) from refused
        figures = {
            "as_of": report.as_of,
            "since": report.since,
            "plan": report.plan,
            "split": report.split,
            "winsor_cents": report.winsor_cents,
            "n_winsorised": report.n_winsorised,
            "arms": [group.as_dict() for group in report.groups.values()],
            "comparisons": [comparison.as_dict() for comparison in report.comparisons],
        }
        return Response(self.get_serializer(figures).data)
