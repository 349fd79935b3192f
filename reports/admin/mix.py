"""What campaigns' pages show of the mix of their actions, and the end of its test by hand."""

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet, prefetch_related_objects
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST
from unfold.admin import ModelAdmin
from unfold.decorators import display

from campaigns.errors import CampaignNotReady
from campaigns.models import Action, Campaign
from campaigns.services.fix_mix import fix_mix, learn_mix
from reports.admin.area import stacked_area
from reports.numerics.mix import State
from reports.services.mix_course import mix_course
from reports.services.mix_report import mix_report, mixes_in_short
from reports.services.mix_row import MixRow
from segments.models import Organisation

COLOURS = {
    State.SETTLED: "good",
    State.SHIFTING: "pick",
    State.NO_CONTROL: "bad",
}


def with_mixes(changelist: type[ChangeList]) -> type[ChangeList]:
    """A list whose page of campaigns knows their mixes, at the cost of a few queries in all."""

    class CampaignList(changelist):  # type: ignore[misc, valid-type]
        def get_results(self, request: HttpRequest) -> None:
            super().get_results(request)
            # The queryset, which a form needs, keeps the same rows.
            campaigns: list[Any] = list(self.result_list)
            prefetch_related_objects(campaigns, "actions", "fixed_action")
            in_short = mixes_in_short(campaigns)
            for campaign in campaigns:
                campaign.mix_in_short = in_short[campaign.pk]

    return CampaignList


class MixPanel(ModelAdmin):
    """Mixed into the campaign's page: a column, a panel that comes after the page, two actions."""

    change_form_outer_after_template = "reports/mix_box.html"

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return with_mixes(super().get_changelist(request, **kwargs))

    @display(description=gettext_lazy("mix"))
    def mix(self, campaign: Campaign) -> str:
        return getattr(campaign, "mix_in_short", "")

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [
            path("<int:pk>/mix/", view(self.mix_view), name="campaigns_campaign_mix"),
            path("<int:pk>/mix/fix/", view(require_POST(self.fix_view)), name="mix_fix"),
            path("<int:pk>/mix/learn/", view(require_POST(self.learn_view)), name="mix_learn"),
            *super().get_urls(),
        ]

    def mix_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The panel: fetched when the page is there, and again for another micro-segment."""
        campaign = self._campaign(request, pk)
        report = mix_report(campaign)
        rows = {row.micro_segment_id: row for row in report.rows}
        segment_id = request.GET.get("micro_segment", "")
        chosen = int(segment_id) if segment_id.isdecimal() and int(segment_id) in rows else None
        course = mix_course(campaign, chosen, as_of=report.as_of) if report.as_of else None
        context = {
            "campaign": campaign,
            "report": report,
            "rows": [_line(row) for row in [report.total, *report.rows]],
            "chosen": chosen,
            "course": course,
            "area": course and stacked_area([n for _pk, n in course.actions], course.points),
            "currency": Organisation.current().currency,
            "may_fix": self.has_fix_mix_permission(request)
            and campaign.status != Campaign.Status.ENDED,
            "choices": [a for a in report.total.actions if a.id != campaign.fixed_action_id],
        }
        return TemplateResponse(request, "reports/mix.html", context)

    def fix_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        campaign = self._campaign_to_fix(request, pk)
        action_id = request.POST.get("action", "")
        if not action_id.isdecimal():
            raise Http404
        action = get_object_or_404(Action, pk=action_id, campaign=campaign)
        said = _("Mix fixed to “%s”.") % action.name
        return self._change(request, campaign, lambda: fix_mix(campaign, action), said)

    def learn_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        campaign = self._campaign_to_fix(request, pk)
        said = _("The mix is learned again.")
        return self._change(request, campaign, lambda: learn_mix(campaign), said)

    def has_fix_mix_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("campaigns.fix_mix")

    def _campaign(self, request: HttpRequest, pk: int) -> Campaign:
        if not self.has_view_permission(request):
            raise PermissionDenied
        rows: QuerySet[Campaign] = Campaign.objects.select_related("fixed_action")
        return get_object_or_404(rows.prefetch_related("actions"), pk=pk)

    def _campaign_to_fix(self, request: HttpRequest, pk: int) -> Campaign:
        if not self.has_fix_mix_permission(request):
            raise PermissionDenied
        return self._campaign(request, pk)

    def _change(
        self, request: HttpRequest, campaign: Campaign, change: Callable, said: str
    ) -> HttpResponse:
        try:
            change()
        except CampaignNotReady as error:
            self.message_user(request, f"{campaign}: {error}", messages.ERROR)
        else:
            self.log_change(request, campaign, said)
            text = _("Applies from the next decision run.")
            self.message_user(request, f"{said} {text}", messages.SUCCESS)
        return redirect("admin:campaigns_campaign_change", campaign.pk)


def _line(row: MixRow) -> dict[str, Any]:
    """A row of the panel's table."""
    return {"row": row, "colour": COLOURS.get(row.state, "")}
