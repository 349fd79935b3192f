"""Splits of micro-segments: what was tried, what was split and why, and the way back."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display
from unfold.views import ChangeList

from campaigns.models import Action
from journeys.learning.split_evidence import Difference, Evidence, evidence_of
from journeys.models import SplitAttempt, SplitProof
from optiengine.lib.admin import ReadOnlyAdmin
from optiengine.lib.figures import DASH, money, number
from optiengine.lib.panel import Panel
from segments.errors import SplitRefused
from segments.models import Organisation, SegmentSplit
from segments.state.split_segment import cut_in_words, undo_split

RESULT_COLOURS = {"waiting": "info", "nothing": "info", "split": "success"}


@admin.register(SplitAttempt)
class SplitAttemptAdmin(ReadOnlyAdmin):
    list_display = [
        "as_of",
        "micro_segment",
        "result_label",
        "contacts",
        "week",
        "n_cuts",
        "z",
        "needed",
        "spent",
        "best",
    ]
    list_filter = ["result", "as_of"]
    list_select_related = ["micro_segment"]
    search_fields = ["micro_segment__name"]
    ordering = ["-as_of", "micro_segment"]

    @display(description=_("result"), ordering="result", label=RESULT_COLOURS)
    def result_label(self, attempt: SplitAttempt) -> tuple[str, str]:
        return attempt.result, attempt.get_result_display()

    @admin.display(description=_("new messages"), ordering="n_contacts")
    def contacts(self, attempt: SplitAttempt) -> str:
        return number(attempt.n_contacts)

    @admin.display(description=_("statistic"), ordering="statistic")
    def z(self, attempt: SplitAttempt) -> str:
        return number(attempt.statistic, 2)

    @admin.display(description=_("threshold"), ordering="critical")
    def needed(self, attempt: SplitAttempt) -> str:
        return number(attempt.critical, 2)

    @admin.display(description=_("significance level used"), ordering="level_spent")
    def spent(self, attempt: SplitAttempt) -> str:
        return number(attempt.level_spent, 5)

    @admin.display(description=_("best cut"))
    def best(self, attempt: SplitAttempt) -> str:
        return f"{attempt.feature} > {attempt.threshold:g}" if attempt.feature else DASH


class SplitChangeList(ChangeList):
    """Loads the proofs of the page's splits at once."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        proofs = SplitProof.objects.filter(split__in=[split.pk for split in self.result_list])
        evidence = {proof.split_id: evidence_of(proof) for proof in proofs}
        for split in self.result_list:
            split.evidence = evidence.get(split.pk)


@admin.register(SegmentSplit)
class SegmentSplitAdmin(ReadOnlyAdmin):
    list_display = ["parent", "cut", "state", "made_on", "proven", "since_then"]
    list_filter = ["end", "made_on", "parent__stage"]
    list_select_related = ["parent"]
    search_fields = ["parent__name", "feature"]
    ordering = ["-made_on", "-pk"]
    actions = ["undo"]
    change_form_outer_before_template = "optiengine/panels.html"

    @admin.display(description=_("cut"))
    def cut(self, split: SegmentSplit) -> str:
        return f"{split.feature} > {split.threshold:g}"

    @display(description=_("state"), label={"holds": "success", "ended": "info"})
    def state(self, split: SegmentSplit) -> tuple[str, Any]:
        return ("ended", split.get_end_display()) if split.ended_on else ("holds", _("in force"))

    @admin.display(description=_("proven difference (above less below) per message"))
    def proven(self, split: SegmentSplit) -> str:
        evidence: Evidence | None = getattr(split, "evidence", None)
        return in_words(evidence.found) if evidence else DASH

    @admin.display(description=_("since then"))
    def since_then(self, split: SegmentSplit) -> str:
        evidence: Evidence | None = getattr(split, "evidence", None)
        return in_words(evidence.later) if evidence else DASH

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return SplitChangeList

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        split = self.get_object(request, object_id)
        panels = [_sides(split), _evidence(split)] if split else []
        return super().change_view(
            request, object_id, form_url, {"panels": panels, **(extra_context or {})}
        )

    def has_undo_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("segments.undo_segmentsplit")

    @admin.action(description=_("Undo: merge the parts from tomorrow"), permissions=["undo"])
    def undo(self, request: HttpRequest, queryset: QuerySet[SegmentSplit]) -> None:
        today = Organisation.current().today(timezone.now())
        for split in queryset:
            try:
                undo_split(split, on=max(today, split.made_on))
            except SplitRefused as refused:
                self.message_user(request, f"{split}: {refused}", messages.ERROR)
            else:
                self.log_change(request, split, "Undone.")
                self.message_user(
                    request,
                    _("%s is no longer split. Freeze it to prevent further splits.") % split.parent,
                )


def in_words(difference: Difference) -> str:
    """“+3.20 ± 1.10”: with its standard error."""
    if difference.error is None:
        return DASH
    sign = "+" if (difference.cents or 0) > 0 else ""
    return f"{sign}{money(difference.cents)} ± {money(difference.error)}"


def _sides(split: SegmentSplit) -> Panel:
    below, above = cut_in_words(split.feature, split.threshold)
    return Panel(
        str(_("The split")),
        [(str(split.parent), below), ("", above)],
        headers=[str(_("Micro-segment")), str(_("Child"))],
    )


def _evidence(split: SegmentSplit) -> Panel:
    """Found and later side by side: what chose the split flatters it, what came later does not."""
    proof = SplitProof.objects.filter(split=split).first()
    rows = []
    if proof:
        evidence = evidence_of(proof)
        actions = Action.objects.filter(pk__in=proof.actions).select_related("campaign")
        names = {action.pk: str(action) for action in actions}
        rows = [(str(_("all actions")), in_words(evidence.found), in_words(evidence.later))]
        rows += [
            (names.get(pk, str(_("other actions"))), in_words(at_first), in_words(later))
            for pk, at_first, later in evidence.by_action
        ]
    return Panel(
        str(_("Effect per message above the cut less below, ± standard error")),
        rows,
        headers=[
            str(_("Action")),
            str(_("When found (biased upwards)")),
            str(_("Since then (unbiased)")),
        ],
        empty=str(_("This split was made without a test.")),
        wide=True,
    )
