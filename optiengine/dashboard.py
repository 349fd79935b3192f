"""The first page of the admin: what the engine did lately, and what needs a person."""

from typing import Any

from django.contrib import messages
from django.contrib.admin.models import CHANGE, LogEntry
from django.core.cache import cache
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from campaigns.services.approvals import waiting_for
from journeys.models import DecisionRun
from optiengine.charts import stacked_bars
from optiengine.day_figures import (
    DayCounts,
    newest_runs,
    outbox,
    stage_mix,
    top_campaigns,
    warnings_of,
)
from optiengine.lib.figures import number, percent
from reports.errors import ReportError
from reports.services.arm_report import arm_report
from segments.customers.stop_sending import set_sending_stopped
from segments.models import Organisation, StateBuild

SEES = ["segments.view_customer", "campaigns.view_campaign", "journeys.view_decisionrun"]
MAY_STOP = "segments.change_organisation"
DAYS_OF_CARD = 7


def dashboard(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Context of the template; users without access to the engine's pages see the list of pages."""
    organisation = Organisation.current()
    context |= {
        "organisation": organisation,
        "may_stop": request.user.has_perm(MAY_STOP),
        "sees_figures": request.user.has_perms(SEES),
    }
    if context["sees_figures"]:
        context |= _figures(organisation)
        context["warnings"] = [*_approvals(request), *context["warnings"]]
    return context


def _approvals(request: HttpRequest) -> list[tuple[str, str, str]]:
    """What waits for the one who looks."""
    if not (n := len(waiting_for(request.user))):
        return []
    text = ngettext("%d approval is waiting for you.", "%d approvals are waiting for you.", n) % n
    page = reverse("admin:campaigns_approval_changelist")
    return [("warning", text, f"{page}?status__exact=waiting")]


def _figures(organisation: Organisation) -> dict[str, Any]:
    runs = newest_runs()
    build = StateBuild.objects.first()
    days = [DayCounts.of(run) for run in reversed(runs) if run.status == DecisionRun.Status.DONE]
    counts = outbox()
    today = organisation.today(timezone.now())
    top = top_campaigns(runs[0] if runs else None)
    stages = stage_mix(build)
    return {
        "newest": runs[0] if runs else None,
        "cards": _cards(runs, days, build),
        "warnings": [
            (colour, text, _pages()[page])
            for colour, text, page in warnings_of(runs, counts, today=today)
        ],
        "bars": stacked_bars(
            [(day.as_of, (day.ranked, day.auto, day.baseline, day.journey)) for day in days]
        ),
        "layers": [
            _("by priority"),
            _("by value"),
            _("at random, baseline group"),
            _("journey step"),
        ],
        "stages": _shares(stages),
        "top": [
            {"pk": pk, "name": name, "n": number(n), "width": _width(n, top[0][2])}
            for pk, name, n in top
        ],
        "outbox": {name: number(n) for name, n in counts.items()},
    }


def _pages() -> dict[str, str]:
    return {
        "unknown": reverse("admin:journeys_delivery_changelist") + "?status__exact=unknown",
        "campaigns": reverse("admin:campaigns_campaign_changelist"),
        "runs": reverse("admin:journeys_decisionrun_changelist"),
        "imports": reverse("admin:segments_importjob_changelist") + "?status__exact=failed",
    }


def _cards(
    runs: list[DecisionRun], days: list[DayCounts], build: StateBuild | None
) -> list[tuple[str, str, str]]:
    """(title, figure, note)."""
    newest = runs[0].counts if runs else {}
    week = days[-DAYS_OF_CARD:]
    n_contacts, n_controls = sum(day.contacts for day in week), sum(day.controls for day in week)
    decided = newest.get("decided")
    day = _("on %s") % date_format(runs[0].as_of) if runs else _("no run yet")
    return [
        (
            _("Customers"),
            number(build.n_customers if build else None),
            _("as of %s") % date_format(build.as_of)
            if build
            else _("no customer data computed yet"),
        ),
        (
            _("Decided"),
            number(decided),
            day,
        ),
        (
            _("No message"),
            percent(newest["none"] / decided if decided else None),
            _("of customers decided today"),
        ),
        (
            _("Messages in the last 7 runs"),
            number(n_contacts if week else None),
            _("of which %s control, message withheld") % number(n_controls),
        ),
    ]


def _shares(rows: list[tuple[str, int]]) -> list[dict[str, Any]]:
    total = sum(n for _label, n in rows) or 1
    return [
        {
            "label": label,
            "n": number(n),
            "percent": percent(n / total),
            "width": _width(n, total),
            "colour": colour,
        }
        for colour, (label, n) in enumerate(rows, start=1)
    ]


def _width(n: int, most: int) -> str:
    """A bar's width in per cent, for a style attribute."""
    return f"{100 * n / (most or 1):.1f}"


def worth_view(request: HttpRequest) -> HttpResponse:
    """The card of what the engine is worth: fetched after the page, kept until the next day."""
    if not request.user.has_perm("reports.view_armworth"):
        raise PermissionDenied
    build = StateBuild.objects.first()
    if build is None:
        return TemplateResponse(request, "optiengine/worth.html", {})
    key = f"worth-{build.pk}-{build.as_of}-{get_language()}"
    if (worth := cache.get(key)) is None:
        worth = _worth(build)
        cache.set(key, worth, 3600)
    return TemplateResponse(request, "optiengine/worth.html", worth)


def _worth(build: StateBuild) -> dict[str, Any]:
    """Optimised against holdout: cents per customer and day, with limits, or what is missing."""
    try:
        report = arm_report(as_of=build.as_of)
    except ReportError as error:
        return {"missing": str(error)}
    comparison = report.comparisons[0]
    n_days = (report.as_of - report.since).days
    interval = comparison.value.times(1 / n_days)
    if not interval.is_known:
        return {"missing": comparison.explanation or _("Not enough data yet.")}
    return {
        "estimate": interval.estimate,
        "low": interval.low,
        "high": interval.high,
        "label": comparison.label,
        "currency": Organisation.current().currency,
    }


@require_POST
def stop_view(request: HttpRequest) -> HttpResponse:
    """The global stop switch: off stops every message at once, on lets what waits go."""
    if not request.user.has_perm(MAY_STOP):
        raise PermissionDenied
    stopped = request.POST.get("stopped") == "yes"
    organisation = set_sending_stopped(stopped)
    assert request.user.pk is not None  # only users who have logged in have a permission
    said = _("Sending stopped.") if stopped else _("Sending resumed.")
    LogEntry.objects.log_actions(request.user.pk, [organisation], CHANGE, said, single_object=True)
    messages.success(request, said)
    return redirect("admin:index")
