"""Wiring: pages that show what several apps know, and the looks of other packages' pages."""

from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.models import Group, User
from django.db.models import Count, Max, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django_q.admin import FailAdmin, QueueAdmin, ScheduleAdmin, TaskAdmin, resubmit_task
from django_q.models import Failure, OrmQ, Schedule, Success
from rest_framework.authtoken.admin import TokenAdmin
from rest_framework.authtoken.models import TokenProxy
from unfold.admin import ModelAdmin
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from campaigns.admin.action import ActionAdmin
from campaigns.admin.campaign import CampaignAdmin
from campaigns.admin.capacity import CapacityLimitAdmin
from campaigns.admin.second_person import SecondPerson
from campaigns.models import Action, Campaign, CapacityLimit
from campaigns.services.rule_tables import MEASURES
from journeys.delivery.admin.preview import MessagePreview, PreviewLink
from journeys.merges.admin.merge import MERGE, merge_panel
from journeys.models import Contact, Decision, DecisionRun
from optiengine.capacity_use import use_over_time
from optiengine.lib.figures import number, percent
from optiengine.lib.panel import Panel
from optiengine.value_panel import value_panel
from reports.admin.mix import MixPanel
from segments.customers.admin.customer import CustomerAdmin
from segments.customers.admin.customer_panels import N_RECENT
from segments.customers.admin.organisation import OrganisationAdmin
from segments.models import Customer, FeatureDefinition, Organisation, TargetGroup
from segments.models.shared_address import MOST_SHARING
from segments.rules.admin.target_group import TargetGroupAdmin
from segments.same_person import merged_into
from segments.state.admin.feature import FeatureDefinitionAdmin

admin.site.index_template = "optiengine/dashboard.html"

for model in (
    User,
    Group,
    TokenProxy,
    Schedule,
    Success,
    Failure,
    OrmQ,
    Customer,
    Action,
    Campaign,
    CapacityLimit,
    FeatureDefinition,
    Organisation,
    TargetGroup,
):
    admin.site.unregister(model)


@admin.register(Customer)
class CustomerPage(CustomerAdmin):
    """With what was decided for the customer, and how the predicted value moved."""

    actions = ["merge_records"]

    @admin.action(description=gettext_lazy("Merge records of one person…"), permissions=["merge"])
    def merge_records(self, request: HttpRequest, customers: QuerySet[Customer]) -> HttpResponse:
        """To the page where it is decided which of them is kept."""
        ids = list(customers.order_by("pk").values_list("pk", flat=True)[: MOST_SHARING + 1])
        page = reverse("admin:segments_customer_changelist")
        if len(ids) < 2 or len(ids) > MOST_SHARING:
            text = _("Select 2 to %d customers to merge.") % MOST_SHARING
            self.message_user(request, text, messages.ERROR)
        else:
            query = urlencode({"customer": ids}, True)
            page = f"{reverse('admin:segments_customermerge_merge')}?{query}"
        return redirect(page)

    def has_merge_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(MERGE)

    def panels(self, request: HttpRequest, customer: Customer) -> list[Panel]:
        panels = super().panels(request, customer)
        panels.insert(0, value_panel(customer))
        if request.user.has_perm("journeys.view_decision"):
            panels.insert(0, _decisions(customer))
        if panel := merge_panel(customer):
            panels.insert(0, panel)
        return panels


def _decisions(customer: Customer) -> Panel:
    records = [customer.pk, *merged_into(customer.pk)]
    rows = Decision.objects.filter(customer__in=records).select_related("campaign", "action")
    listed = reverse("admin:journeys_decision_changelist")
    return Panel(
        _("Recent decisions"),
        [
            (
                format_html(
                    '<a href="{}">{}</a>',
                    reverse("admin:journeys_decision_change", args=[decision.pk]),
                    date_format(decision.as_of, "SHORT_DATE_FORMAT"),
                ),
                f"{decision.campaign}: {decision.action.name}"
                if decision.campaign and decision.action
                else _("nothing"),
                _("control, message withheld") if decision.is_control else "",
                decision.get_layer_display(),
                percent(decision.assignment_prob),
            )
            for decision in rows.order_by("-as_of")[:N_RECENT]
        ],
        headers=[_("Day"), _("Sent"), "", _("Decided"), _("Probability")],
        empty=_("None yet."),
        link=f"{listed}?customer__id__exact={customer.pk}",
        link_text=_("All"),
        wide=True,
    )


@admin.register(Campaign)
class CampaignPage(MessagePreview, MixPanel, CampaignAdmin):
    """With how much it was sent lately, how far the mix of its actions has come, a preview."""

    actions_detail = [*CampaignAdmin.actions_detail, "preview"]

    list_display = [*CampaignAdmin.list_display, "mix", "recent"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Campaign]:
        """Contacts of the week up to the newest run, by the index on campaign and day."""
        newest = DecisionRun.objects.daily().aggregate(day=Max("as_of"))["day"]
        contacts = Contact.objects.filter(campaign=OuterRef("pk")).order_by()
        if newest:
            contacts = contacts.filter(as_of__range=(newest - timedelta(days=6), newest))
        counted = contacts.values("campaign").annotate(n=Count("pk")).values("n")
        return super().get_queryset(request).annotate(n_recent=Coalesce(Subquery(counted), 0))

    @admin.display(description=gettext_lazy("messages in 7 days"), ordering="n_recent")
    def recent(self, campaign: Campaign) -> str:
        return number(campaign.n_recent)  # type: ignore[attr-defined]


@admin.register(Action)
class ActionPage(PreviewLink, ActionAdmin):
    """With the way to the preview of its campaign."""

    actions_detail = ["preview"]


@admin.register(CapacityLimit)
class CapacityLimitPage(CapacityLimitAdmin):
    """With what was used of it."""

    change_form_outer_before_template = "optiengine/capacity.html"

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        limit = self.get_object(request, object_id)
        use = None
        if limit and request.user.has_perm("journeys.view_capacityuse"):
            use = use_over_time(limit, Organisation.current().currency)
        return super().change_view(
            request, object_id, form_url, {"use": use, **(extra_context or {})}
        )


@admin.register(TargetGroup)
class TargetGroupPage(SecondPerson, TargetGroupAdmin):
    """Who campaigns that run are for is one of the rules in force."""


@admin.register(FeatureDefinition)
class FeaturePage(SecondPerson, FeatureDefinitionAdmin):
    """What rules name is part of them."""

    actions_submit_line: list[str] = []  # a dry run would need another day's state


class OrganisationForm(forms.ModelForm):
    def clean(self) -> dict[str, Any] | None:
        """What waits for a second person must not keep the stop switch waiting, too."""
        changed = set(self.changed_data)
        may_wait = {"approval_audience"}
        if self.instance.approval_audience is not None and "sending_stopped" in changed:
            may_wait |= {*MEASURES, "lock_time"}
        for name in sorted(changed & may_wait) if len(changed) > 1 else ():
            self.add_error(name, _("Change this setting on its own: it may need approval."))
        return super().clean()


@admin.register(Organisation)
class OrganisationPage(SecondPerson, OrganisationAdmin):
    """What its rows of rules are measured by, and who needs a second person, is in force, too."""

    form = OrganisationForm
    actions_submit_line: list[str] = []


@admin.register(User)
class UserPage(UserAdmin, ModelAdmin):
    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm


@admin.register(Group)
class GroupPage(GroupAdmin, ModelAdmin):
    pass


@admin.register(TokenProxy)
class TokenPage(TokenAdmin, ModelAdmin):
    """Keys are shown only on their own page, never in a list."""

    list_display = ["masked", "user", "created"]
    list_select_related = ["user"]
    autocomplete_fields = ["user"]

    @admin.display(description=gettext_lazy("key"))
    def masked(self, token: TokenProxy) -> str:
        return f"{token.key[:4]}…"


@admin.action(
    description=gettext_lazy("Resubmit selected tasks to the queue"), permissions=["change"]
)
def resubmit(page: Any, request: HttpRequest, queryset: QuerySet) -> None:
    resubmit_task(page, request, queryset)


def in_readers_language(name: str | None) -> str:
    """A schedule's stored name, translated where it is one of ours."""
    return _(name) if name else ""


@admin.register(Schedule)
class SchedulePage(ScheduleAdmin, ModelAdmin):
    list_display = ["shown_name" if c == "name" else c for c in ScheduleAdmin.list_display]
    list_display_links = ["id", "shown_name"]

    @admin.display(description=gettext_lazy("name"), ordering="name")
    def shown_name(self, schedule: Schedule) -> str:
        return in_readers_language(schedule.name)


class TaskPage:
    """The list of tasks with the name of the schedule that started each."""

    def get_object(
        self, request: HttpRequest, object_id: str, from_field: str | None = None
    ) -> Success | Failure | None:
        """Ids are texts, and PostgreSQL takes no NUL in one."""
        if "\0" in object_id:
            return None
        return super().get_object(request, object_id, from_field)  # type: ignore[misc]

    @admin.display(description=gettext_lazy("group"), ordering="group")
    def shown_group(self, task: Success | Failure) -> str:
        return in_readers_language(task.group)


@admin.register(Success)
class SuccessPage(TaskPage, TaskAdmin, ModelAdmin):
    list_display = ["shown_group" if c == "group" else c for c in TaskAdmin.list_display]
    actions = [resubmit]
    show_full_result_count = False


@admin.register(Failure)
class FailurePage(TaskPage, FailAdmin, ModelAdmin):
    list_display = ["shown_group" if c == "group" else c for c in FailAdmin.list_display]
    actions = [resubmit]
    show_full_result_count = False


@admin.register(OrmQ)
class QueuePage(QueueAdmin, ModelAdmin):
    pass
