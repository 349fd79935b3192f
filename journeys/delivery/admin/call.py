"""The call list: a page per day for the callers, its CSV file, and the list of all calls."""

import csv
from datetime import date
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import Count, Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST
from unfold.decorators import action, display

from journeys.delivery.settle_call import settle_call
from journeys.errors import CallSettled
from journeys.models import Call, CallResult
from optiengine.lib.admin import ReadOnlyAdmin
from optiengine.lib.safe_text import safe_cell
from segments.models import Organisation

COLOURS = {"waiting": "info", "reached": "success", "not_reached": "warning", "refused": "danger"}
CALLS_PER_PAGE = 50
N_DAYS = 14  # that the page offers
COLUMNS = ["key", "day", "customer_id", "name", "phone", "campaign", "script"]


@admin.register(Call)
class CallAdmin(ReadOnlyAdmin):
    list_display = ["as_of", "customer", "action", "outcome_label", "settled_at", "settled_by"]
    list_select_related = ["customer", "action__campaign"]
    list_filter = ["outcome", "as_of"]
    search_fields = ["customer__external_id__exact"]
    search_help_text = gettext_lazy("The complete customer ID.")
    ordering = ["-pk"]
    sortable_by: list[str] = []
    raw_id_fields = ["customer"]
    actions_list = ["to_the_day"]

    @display(description=gettext_lazy("outcome"), label=COLOURS)
    def outcome_label(self, call: Call) -> tuple[str, str]:
        return call.outcome, call.get_outcome_display()

    @action(description=gettext_lazy("Calls for the day"), url_path="of-the-day", icon="call")
    def to_the_day(self, request: HttpRequest) -> HttpResponse:
        return redirect("admin:journeys_call_day")

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [
            path("day/", view(self.day_view), name="journeys_call_day"),
            path("day.csv", view(self.csv_view), name="journeys_call_csv"),
            path(
                "<int:pk>/settle/",
                view(require_POST(self.settle_view)),
                name="journeys_call_settle",
            ),
            *super().get_urls(),
        ]

    def day_view(self, request: HttpRequest) -> HttpResponse:
        """The day's calls that wait, and buttons for what came of each."""
        self._check(request, self.has_view_permission(request))
        day = _day(request)
        days = list(
            Call.objects.order_by("-as_of")
            .values("as_of")
            .annotate(n=Count("pk"), n_waiting=Count("pk", filter=Q(outcome="waiting")))[:N_DAYS]
        )
        page = Paginator(_waiting(day), CALLS_PER_PAGE).get_page(request.GET.get("page"))
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": _("Calls for the day"),
            "day": day,
            "days": days,
            "page": page,
            "may_settle": self._may_settle(request),
            "outcomes": [each for each in CallResult if each != CallResult.WAITING],
        }
        return TemplateResponse(request, "journeys/calls.html", context)

    def csv_view(self, request: HttpRequest) -> HttpResponseBase:
        """The same list as a file."""
        self._check(request, self.has_view_permission(request))
        day = _day(request)
        response = HttpResponse(content_type="text/csv; charset=utf-8")
        response["Content-Disposition"] = f'attachment; filename="calls_{day}.csv"'
        writer = csv.writer(response)
        writer.writerow(COLUMNS)
        for call in _waiting(day).iterator(chunk_size=1_000):
            writer.writerow([safe_cell(cell) for cell in _row(call)])
        return response

    def settle_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        self._check(request, self._may_settle(request))
        outcome = request.POST.get("outcome", "")
        if outcome not in set(CallResult.values) - {CallResult.WAITING}:
            raise Http404(_("This result does not exist."))
        try:
            call = settle_call(pk, outcome, by=request.user.get_username(), at=timezone.now())
        except Call.DoesNotExist:
            raise Http404(_("This call does not exist.")) from None
        except CallSettled as error:
            self.message_user(request, str(error), messages.ERROR)
            return redirect("admin:journeys_call_day")
        said = call.get_outcome_display()
        self.log_change(request, call, said)
        self.message_user(request, f"{call.customer}: {said}", messages.SUCCESS)
        return redirect(f"{reverse('admin:journeys_call_day')}?day={call.as_of}")

    def _may_settle(self, request: HttpRequest) -> bool:
        return request.user.has_perm("journeys.change_call")

    def _check(self, request: HttpRequest, is_allowed: bool) -> None:
        if not is_allowed:
            raise PermissionDenied


def _waiting(day: date) -> QuerySet[Call]:
    """Calls of a day to make, to customers who may still be called."""
    calls = Call.objects.filter(as_of=day).waiting().allowed()
    return calls.select_related("customer", "action__campaign").order_by("pk")


def _day(request: HttpRequest) -> date:
    """The requested day; otherwise the last that has calls; otherwise today."""
    if text := request.GET.get("day"):
        try:
            return date.fromisoformat(text)
        except ValueError:
            raise Http404(_("Enter the day as YYYY-MM-DD.")) from None
    last = Call.objects.order_by("-as_of").values_list("as_of", flat=True).first()
    return last or Organisation.current().today(timezone.now())


def _row(call: Call) -> list[str]:
    customer: Any = call.customer
    name = f"{customer.first_name} {customer.last_name}".strip()
    return [
        str(call.key),
        call.as_of.isoformat(),
        customer.external_id,
        name,
        customer.phone,
        call.action.campaign.name,
        call.script,
    ]
