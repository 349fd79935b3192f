"""Decisions: a day's list, and for each the page that explains it."""

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.decorators import display

from campaigns.models import Arm, Campaign
from journeys.explain.decision_options import Option
from journeys.explain.explain_decision import explain_decision
from journeys.explain.messages_of import messages_of
from journeys.models import Decision, DecisionRun
from optiengine.lib.admin import ReadOnlyAdmin
from optiengine.lib.figures import money, number, percent
from segments.channel_labels import channel_label
from segments.currency import with_currency
from segments.models import Organisation

ARM_COLOURS = {"optimised": "success", "baseline": "info", "holdout": "warning"}
N_DAYS = 31  # newest runs that the day filter offers


class RunFilter(admin.SimpleListFilter):
    """The newest run, unless another run or a customer is requested: no list scans all days."""

    title = gettext_lazy("day")
    parameter_name = "run"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        runs = DecisionRun.objects.order_by("-as_of", "kind", "-number")
        runs = runs.only("as_of", "kind", "number")[:N_DAYS]
        self.runs = {str(run.pk): run for run in runs}
        return [(pk, str(run)) for pk, run in self.runs.items()]

    def has_output(self) -> bool:
        return True

    def choices(self, changelist: Any) -> Any:
        chosen = self.value() or next(iter(self.runs), None)
        for pk, run in self.runs.items():
            query = changelist.get_query_string({self.parameter_name: pk})
            day = str(run) if run.kind == DecisionRun.Kind.LIVE else str(run.as_of)
            yield {"selected": pk == chosen, "query_string": query, "display": day}

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        if self.value():
            run = DecisionRun.objects.filter(pk=_whole(self.value())).only("as_of").first()
            return queryset.filter(run=run, as_of=run.as_of) if run else queryset.none()
        if request.GET.get("customer__id__exact") or request.GET.get("q"):
            return queryset
        if not self.runs:
            return queryset.none()
        run = next(iter(self.runs.values()))
        return queryset.filter(run=run, as_of=run.as_of)


class CampaignFilter(admin.SimpleListFilter):
    title = gettext_lazy("campaign")
    parameter_name = "campaign"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        campaigns = Campaign.objects.in_order().values_list("pk", "name")
        return [("none", _("nothing")), *((str(pk), name) for pk, name in campaigns)]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        if self.value() == "none":
            return queryset.filter(campaign=None)
        return queryset.filter(campaign=_whole(self.value())) if self.value() else queryset


def _whole(text: str | None) -> int:
    return int(text) if text and text.isdecimal() and len(text) < 19 else 0


@admin.register(Decision)
class DecisionAdmin(ReadOnlyAdmin):
    list_display = [
        "customer",
        "as_of",
        "arm_label",
        "layer",
        "got",
        "sort",
        "probability",
        "value_now",
        "value_later",
        "slot_cost",
        "cost",
    ]
    list_display_links = ["customer", "as_of"]
    list_select_related = ["customer", "campaign", "action"]
    list_filter = [RunFilter, CampaignFilter, "layer", "arm", "is_control"]
    search_fields = ["customer__external_id__exact"]
    search_help_text = gettext_lazy("The complete customer ID. All days are shown.")
    sortable_by: list[str] = []

    def get_queryset(self, request: HttpRequest) -> QuerySet[Decision]:
        return with_currency(super().get_queryset(request))

    def get_ordering(self, request: HttpRequest) -> list[str]:
        return ["-as_of", "customer_id"]

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest | None = None) -> bool:
        allowed = lookup == "customer__id__exact"
        return allowed or super().lookup_allowed(lookup, value, request)

    @display(description=gettext_lazy("group"), label=ARM_COLOURS)
    def arm_label(self, decision: Decision) -> tuple[str, str]:
        return decision.arm, decision.get_arm_display()

    @admin.display(description=gettext_lazy("sent"))
    def got(self, decision: Decision) -> str:
        if decision.campaign is None or decision.action is None:
            return _("nothing")
        return f"{decision.campaign}: {decision.action.name}"

    @display(
        description=gettext_lazy("test / control"), label={"test": "success", "control": "warning"}
    )
    def sort(self, decision: Decision) -> tuple[str, str] | None:
        if decision.campaign_id is None:
            return None
        return ("control", _("control")) if decision.is_control else ("test", _("test"))

    @admin.display(description=gettext_lazy("probability"))
    def probability(self, decision: Decision) -> str:
        return percent(decision.assignment_prob)

    @admin.display(description=gettext_lazy("value now"))
    def value_now(self, decision: Decision) -> str:
        return _part(decision, decision.value_now_cents)

    @admin.display(description=gettext_lazy("value later"))
    def value_later(self, decision: Decision) -> str:
        return _part(decision, decision.value_later_cents)

    @admin.display(description=gettext_lazy("slot cost"))
    def slot_cost(self, decision: Decision) -> str:
        return _part(decision, decision.slot_cost_cents)

    @admin.display(description=gettext_lazy("cost"))
    def cost(self, decision: Decision) -> str:
        return _part(decision, decision.cost_cents)

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """The explanation."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        rows = Decision.objects.select_related("customer", "campaign", "action", "run__model")
        decision = rows.filter(pk=_whole(object_id)).first()
        if decision is None:
            raise Http404(_("This decision does not exist, or its day is no longer stored."))
        explanation = explain_decision(decision)
        currency = Organisation.current().currency
        context = {
            **self.admin_site.each_context(request),
            "title": _("%(customer)s, decision of %(day)s")
            % {"customer": decision.customer, "day": date_format(decision.as_of)},
            "opts": self.opts,
            "explanation": explanation,
            "decision": decision,
            "run": decision.run,
            "live": explanation.live,
            "has_prices": bool(decision.run.rulebook.get("capacities")),
            "rows": [_row(option, explanation.options, currency) for option in explanation.options],
            "currency": currency,
            "arm": Arm(decision.arm).label,
            "arm_colour": ARM_COLOURS[decision.arm],
            "features": [
                (label, number(value, 0 if value.is_integer() else 2))
                for label, value in explanation.features
            ],
            "deliveries": messages_of(decision),
            "back": f"{reverse('admin:journeys_decision_changelist')}?run={decision.run_id}",
        }
        return TemplateResponse(request, "journeys/decision.html", context)


def _part(decision: Decision, cents: float) -> str:
    if decision.campaign_id is None:
        return "–"
    return money(cents, decision.currency)  # type: ignore[attr-defined]


def _row(option: Option, options: list[Option], currency: str) -> dict[str, Any]:
    """An option as the page shows it: figures as text, bars in per cent of the widest."""
    totals = [abs(o.total_cents) for o in options if o.total_cents is not None and o.is_possible]
    widest = max([1e-9, *totals])
    total = option.total_cents
    share = 0.0 if total is None else min(100.0, 100 * abs(total) / widest)
    spread = option.sd_cents
    return {
        "option": option,
        "channel": channel_label(option.channel) if option.channel else "",
        "rank": option.rank or ("" if option.is_none else _("Auto")),
        "now": money(option.now_cents),
        "cost": money(option.cost_cents, places=3 if _is_small(option.cost_cents) else 2),
        "later": money(option.later_cents),
        "slot": money(option.slot_cents),
        "price": money(option.price_cents),
        "total": money(total),
        "sd": money(spread) if spread else "–",
        "response": percent(option.response_prob),
        "prob": percent(option.prob) if option.prob is not None else "",
        "prob_width": f"{100 * (option.prob or 0):.1f}",
        "minus_width": f"{share:.1f}" if total is not None and total < 0 else "0",
        "plus_width": f"{share:.1f}" if total is not None and total > 0 else "0",
    }


def _is_small(cents: float | None) -> bool:
    return cents is not None and 0 < cents < 1
