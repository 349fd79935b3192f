"""The canvas's test run: what would happen to one customer, and when."""

from datetime import datetime
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, JsonResponse
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import pgettext
from django.views.decorators.http import require_POST

from journeys.explain.rehearse_map import RehearsedStep, rehearse_map
from journeys.maps.admin.canvas import Unreadable, read_body, refused
from journeys.maps.admin.journey_map import JourneyMapAdmin
from journeys.maps.describe_graph import PORTS, describe_graph_error
from journeys.maps.numerics.journey_graph import Graph, GraphError, Step, parse_graph
from journeys.models import JourneyMap, MapVersion
from segments.models import Customer, Organisation


@admin.register(JourneyMap)
class RehearsedMapAdmin(JourneyMapAdmin):
    """Journey maps with the test run of their canvas."""

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(require_POST(self.rehearse_view))
        page = path("<int:pk>/canvas/rehearse/", view, name="journeys_journeymap_rehearse")
        return [page, *super().get_urls()]

    def rehearse_view(self, request: HttpRequest, pk: int) -> JsonResponse:
        """{"graph", "customer", "at", "answers"} gives {"text", "moments"}; nothing is stored."""
        journey = self.journey(request, pk)
        if not self.may_rehearse(request):
            raise PermissionDenied
        try:
            body = read_body(request)
            graph = parse_graph(body.get("graph"))
            customer = _customer(body.get("customer"))
            start = _start(body.get("at"))
        except GraphError as error:
            return refused(describe_graph_error(error))
        except Unreadable as error:
            return refused(str(error))
        answers = body.get("answers")
        drawing = MapVersion(map=journey, graph=body["graph"])  # as it is drawn, saved or not
        happenings = rehearse_map(
            drawing, customer, start=start, answers=answers if isinstance(answers, dict) else {}
        )
        words = {"customer": customer.external_id, "zone": _zone_of(happenings)}
        text = _("Customer %(customer)s, in the time zone %(zone)s.") % words
        if not happenings:
            return refused(_("The journey has no entry step, so nobody can enter."))
        return JsonResponse(
            {"text": text, "moments": [_moment(step, graph) for step in happenings]}
        )


def _moment(step: RehearsedStep, graph: Graph) -> dict[str, Any]:
    """A row of the timeline; `choices` are what else could happen at the step."""
    return {
        "step": step.step_id,
        "at": date_format(step.at, "SHORT_DATETIME_FORMAT"),
        "words": step.line,
        "note": step.text,
        "messages": [
            {"words": f"{message.channel}: {message.subject}", "limits": list(message.limits)}
            for message in step.messages
        ],
        "choices": _choices(graph.steps[step.step_id]),
    }


def _choices(step: Step) -> list[tuple[str, str]]:
    if step.kind == "send":
        return [("sent", pgettext("message", "sent")), ("blocked", _("not possible"))]
    if len(step.ports) > 1:
        return [(port, str(PORTS.get(port, port))) for port in step.ports]
    return []


def _customer(external_id: object) -> Customer:
    customer = None
    if isinstance(external_id, str) and external_id:
        customer = Customer.objects.filter(external_id=external_id, erased_at=None).first()
    if customer is None:
        raise Unreadable(_("There is no customer with this ID."))
    return customer


def _start(text: object) -> datetime:
    """The moment in the organisation's time zone; empty is now. Raises Unreadable."""
    if not text:
        return timezone.now()
    try:
        moment = parse_datetime(text) if isinstance(text, str) else None
    except ValueError:
        moment = None
    if moment is None or not 1990 <= moment.year <= 2100:
        raise Unreadable(_("Enter a valid date and time."))
    zone = Organisation.current().zone
    return moment if moment.tzinfo else moment.replace(tzinfo=zone)


def _zone_of(happenings: list[RehearsedStep]) -> str:
    return str(happenings[0].at.tzinfo) if happenings else ""
