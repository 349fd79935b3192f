"""The page that lists every conflict between rules."""

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.translation import gettext as _
from unfold.admin import ModelAdmin

from campaigns.models import Campaign
from campaigns.services.find_conflicts import Conflict, find_conflicts
from segments.models import Organisation
from segments.rules.describe_rule import problem_in_words
from segments.rules.numerics.rule import RuleError


class ConflictsPage(ModelAdmin):
    """Adds the page to the list of limits."""

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.conflicts_view)
        return [path("conflicts/", view, name="campaigns_conflicts"), *super().get_urls()]

    def conflicts_view(self, request: HttpRequest) -> HttpResponse:
        if not (
            self.has_view_permission(request) and request.user.has_perm("campaigns.view_campaign")
        ):
            raise PermissionDenied
        today = Organisation.current().today(timezone.now())
        problem, conflicts = "", []
        try:
            conflicts = find_conflicts(today)
        except RuleError as error:
            problem = problem_in_words(error)
        campaigns = Campaign.objects.in_bulk([c.campaign_id for c in conflicts if c.campaign_id])
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": _("Conflicts between rules"),
            "problem": problem,
            "rows": [
                (conflict, campaigns.get(conflict.campaign_id))
                for conflict in sorted(conflicts, key=_order)
            ],
            "day": today,
        }
        return TemplateResponse(request, "campaigns/conflicts.html", context)


def _order(conflict: Conflict) -> tuple[bool, str]:
    """What can never be sent comes first."""
    return not conflict.is_never, conflict.text
