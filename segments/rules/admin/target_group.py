"""Target groups: a list with each rule in words, and a page with the rule's editor."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, JsonResponse
from django.urls import path
from django.utils.formats import date_format, number_format
from django.utils.text import Truncator, capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST
from unfold.admin import ModelAdmin
from unfold.views import ChangeList

from segments.models import StateBuild, TargetGroup
from segments.rules.admin.rule_editor import RuleFormField, rule_json
from segments.rules.count_target_group import (
    CountTooSlow,
    count_customers,
    count_target_group,
)
from segments.rules.describe_rule import describe, problem_in_words
from segments.rules.numerics.rule import Rule, RuleError, parse_rule
from segments.rules.rule_fields import (
    RuleFields,
    newest_state,
    parse_known_rule,
    rule_fields,
)

COUNT_TIMEOUT_MS = 8_000  # longest wait for the count next to the editor


class TargetGroupForm(forms.ModelForm):
    rule = RuleFormField(
        label=capfirst(gettext_lazy("rule")),
        required=False,
        help_text=gettext_lazy(
            "Unknown values never match. “Is” compares text exactly; “contains” finds "
            "parts and ignores upper and lower case."
        ),
    )

    class Meta:
        model = TargetGroup
        fields = ["name", "rule"]


class TargetGroupChangeList(ChangeList):
    """Loads the catalogue of fields once for all rows of the page."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        fields = rule_fields(newest_state())
        for group in self.result_list:
            group.rule_fields = fields


@admin.register(TargetGroup)
class TargetGroupAdmin(ModelAdmin):
    form = TargetGroupForm
    list_display = ["name", "readable_rule", "customers", "counted_on"]
    search_fields = ["name"]
    actions = ["count_again"]

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return TargetGroupChangeList

    def get_fields(self, request: HttpRequest, obj: TargetGroup | None = None) -> list[str]:
        if obj and not self.has_change_permission(request, obj):
            return ["name", "readable_rule", "customers", "counted_on"]
        return ["name", "rule"]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return ["readable_rule", "customers", "counted_on"]

    @admin.display(description=gettext_lazy("rule"))
    def readable_rule(self, group: TargetGroup) -> str:
        fields: RuleFields = getattr(group, "rule_fields", None) or rule_fields(newest_state())
        try:
            return Truncator(describe(parse_rule(group.rule), fields)).chars(300)
        except RuleError as error:
            return problem_in_words(error)

    @admin.display(description=gettext_lazy("customers"), ordering="n_customers")
    def customers(self, group: TargetGroup) -> str:
        n = group.n_customers
        return "–" if n is None else number_format(n, force_grouping=True)

    def save_model(
        self, request: HttpRequest, obj: TargetGroup, form: forms.ModelForm, change: bool
    ) -> None:
        if "rule" in form.changed_data:
            obj.n_customers = obj.counted_on = None  # the figure was that of the old rule
        super().save_model(request, obj, form, change)
        self._count(request, obj)

    @admin.action(description=gettext_lazy("Count again"), permissions=["change"])
    def count_again(self, request: HttpRequest, queryset: QuerySet[TargetGroup]) -> None:
        for group in queryset:
            self._count(request, group)

    def _count(self, request: HttpRequest, group: TargetGroup) -> None:
        if (state := newest_state()) is None:
            return
        try:
            count_target_group(group, state=state, timeout_ms=COUNT_TIMEOUT_MS)
        except RuleError as error:
            self.message_user(request, f"{group}: {problem_in_words(error)}", messages.WARNING)
        except CountTooSlow as error:
            self.message_user(request, f"{group}: {error}", messages.WARNING)

    def get_urls(self) -> list:
        view = self.admin_site.admin_view(require_POST(self.count_rule))
        return [path("count/", view, name="segments_targetgroup_count_rule"), *super().get_urls()]

    def count_rule(self, request: HttpRequest) -> JsonResponse:
        """The rule in the request's body: in words, and for how many customers it holds.

        Answers {"words", "count"}, or, with status 400, {"problem", "place"}.
        """
        if not (self.has_view_permission(request) or self.has_add_permission(request)):
            raise PermissionDenied
        state = newest_state()
        fields = rule_fields(state)
        try:
            rule = parse_known_rule(rule_json(request.body.decode("utf-8", "replace")), fields)
            answer = {"words": describe(rule, fields), "count": count_in_words(rule, state)}
        except RuleError as error:
            problem = {"problem": problem_in_words(error), "place": list(error.path)}
            return JsonResponse(problem, status=400)
        return JsonResponse(answer)


def count_in_words(rule: Rule, state: StateBuild | None) -> str:
    """“1,234 of 20,000 customers (as of 1 March 2026)”. Raises RuleError like count_customers."""
    if state is None:
        return _("There is no customer data yet, so nothing can be counted.")
    try:
        n = count_customers(rule, state, timeout_ms=COUNT_TIMEOUT_MS)
    except CountTooSlow as error:
        return str(error)
    return _("%(n)s of %(total)s customers (as of %(day)s)") % {
        "n": number_format(n, force_grouping=True),
        "total": number_format(state.n_customers, force_grouping=True),
        "day": date_format(state.as_of, "j F Y"),
    }
