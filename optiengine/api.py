"""The API: version 1, its description, and a page to read and try it."""

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import URLPattern, URLResolver, include, path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView
from rest_framework.routers import SimpleRouter

from campaigns.api.limits import (
    ExclusionViewSet,
    FrequencyCapViewSet,
    MinimumGapViewSet,
    QuietHoursViewSet,
)
from campaigns.api.views import CampaignViewSet, CapacityLimitViewSet
from journeys.decisions.api.next_best import NextBestViewSet
from journeys.decisions.api.runs import RunViewSet
from journeys.delivery.api.deliveries import DeliveryViewSet
from journeys.explain.api.approvals import ApprovalViewSet
from journeys.explain.api.decisions import DecisionViewSet
from journeys.maps.api.maps import JourneyMapViewSet
from journeys.signups.api.sign_ups import SignUpViewSet
from optiengine.login import LoginViewSet
from reports.api.mix import MixViewSet
from reports.api.views import ArmReportViewSet, UpliftReportViewSet
from segments.customers.api.suppressions import SuppressionViewSet
from segments.customers.api.views import CustomerViewSet
from segments.events.api.events import EventViewSet

router = SimpleRouter()
router.register("login", LoginViewSet, "login")
router.register("customers", CustomerViewSet, "customer")
router.register(
    r"customers/(?P<customer>[^/\x00]{1,100})/next-best-campaign", NextBestViewSet, "next-best"
)
router.register("events", EventViewSet, "event")
router.register("suppressions", SuppressionViewSet, "suppression")
router.register("campaigns", CampaignViewSet, "campaign")
router.register("capacity-limits", CapacityLimitViewSet, "capacity-limit")
router.register("frequency-caps", FrequencyCapViewSet, "frequency-cap")
router.register("minimum-gaps", MinimumGapViewSet, "minimum-gap")
router.register("quiet-hours", QuietHoursViewSet, "quiet-hours")
router.register("exclusions", ExclusionViewSet, "exclusion")
router.register("journey-maps", JourneyMapViewSet, "journey-map")
router.register("campaigns/(?P<campaign_pk>[0-9]{1,18})/mix", MixViewSet, "campaign-mix")
router.register("decisions", DecisionViewSet, "decision")
router.register("deliveries", DeliveryViewSet, "delivery")
router.register("approvals", ApprovalViewSet, "approval")
router.register("sign-ups", SignUpViewSet, "sign-up")
router.register("runs", RunViewSet, "run")
router.register("reports/uplift", UpliftReportViewSet, "uplift-report")
router.register("reports/arms", ArmReportViewSet, "arm-report")

# Everything comes from this server; Swagger UI styles its own elements and embeds its icons.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; "
    "form-action 'none'"
)


def docs(request: HttpRequest) -> HttpResponseBase:
    response = SpectacularSwaggerSplitView.as_view(url_name="schema")(request)
    response["Content-Security-Policy"] = POLICY
    return response


urlpatterns: list[URLPattern | URLResolver] = [
    path("v1/", include(router.urls)),
    path("schema/", SpectacularAPIView.as_view(), name="schema"),
    path("docs/", login_required(docs), name="docs"),
]
