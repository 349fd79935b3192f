"""Merging records of one person: the list, the page where it is decided, and undoing."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Field, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from unfold.decorators import action, display

from campaigns.models import ArmChange
from journeys.merges.compare_records import compare_records
from journeys.merges.merge_customers import merge_customers, undo_merge
from journeys.models import EvidenceCut
from optiengine.lib.admin import ReadOnlyAdmin
from optiengine.lib.panel import Panel
from segments.errors import MergeRefused
from segments.models import Customer, CustomerMerge, Organisation
from segments.models.customer_merge import UNDO_PERIOD
from segments.models.shared_address import MOST_SHARING

MERGE = "segments.merge_customers"


class StateFilter(admin.SimpleListFilter):
    title = gettext_lazy("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("merged", gettext_lazy("merged")), ("undone", gettext_lazy("undone"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        match self.value():
            case "merged":
                return queryset.filter(undone_at=None)
            case "undone":
                return queryset.exclude(undone_at=None)
        return queryset


@admin.register(CustomerMerge)
class CustomerMergeAdmin(ReadOnlyAdmin):
    list_display = ["merged_at", "alias", "kept", "merged_by", "state"]
    list_select_related = ["alias", "kept", "merged_by"]
    list_filter = [StateFilter]
    search_fields = ["alias__external_id__exact", "kept__external_id__exact"]
    search_help_text = gettext_lazy("The complete customer ID.")
    ordering = ["-pk"]
    sortable_by: list[str] = []
    empty_text = gettext_lazy(
        "No records are merged. Start from a shared address or from the list of customers."
    )
    actions_detail = ["undo"]
    change_form_outer_after_template = "optiengine/panels.html"
    fieldsets = [
        (None, {"fields": [("kept_link", "alias_link"), ("merged_at", "merged_by"), "details"]}),
        (gettext_lazy("Undone"), {"fields": [("undone_at", "undone_by")]}),
    ]
    readonly_fields = ["kept_link", "alias_link", "details"]

    def has_view_permission(self, request: HttpRequest, obj: CustomerMerge | None = None) -> bool:
        """It names customers: only to those who may see them."""
        return super().has_view_permission(request, obj) and request.user.has_perm(
            "segments.view_customer"
        )

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.merge_view)
        return [path("merge/", view, name="segments_customermerge_merge"), *super().get_urls()]

    @display(description=gettext_lazy("state"), label={"merged": "success", "undone": "warning"})
    def state(self, merge: CustomerMerge) -> tuple[str, str]:
        return ("undone", _("undone")) if merge.undone_at else ("merged", _("merged"))

    @admin.display(description=gettext_lazy("kept record"))
    def kept_link(self, merge: CustomerMerge) -> SafeString:
        return _link(merge.kept)

    @admin.display(description=gettext_lazy("merged record"))
    def alias_link(self, merge: CustomerMerge) -> SafeString:
        return _link(merge.alias)

    @admin.display(description=gettext_lazy("details taken over"))
    def details(self, merge: CustomerMerge) -> str:
        return ", ".join(map(_label, merge.taken_over)) or _("none")

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        merge = self.get_object(request, object_id)
        context = {"panels": [_evidence(merge)] if merge else [], **(extra_context or {})}
        return super().change_view(request, object_id, form_url, context)

    def merge_view(self, request: HttpRequest) -> HttpResponse:
        """Which of some records is kept; what merging the others into it does."""
        if not request.user.has_perms([MERGE, "segments.view_customer"]):
            raise PermissionDenied
        numbers = request.GET.getlist("customer")[:MOST_SHARING]
        ids = {int(number) for number in numbers if number.isdecimal() and len(number) < 19}
        customers = list(Customer.objects.filter(pk__in=ids, erased_at=None))
        if len(customers) < 2:
            raise Http404(_("There are no two records to merge."))
        now = timezone.now()
        records = compare_records(customers, as_of=Organisation.current().today(now))
        if request.method == "POST" and (done := self._merge(request, customers)):
            return redirect("admin:segments_customer_change", done)
        arms = {record.arm for record in records if record.arm}
        context = {
            **self.admin_site.each_context(request),
            "title": _("Merge records of one person"),
            "opts": self.opts,
            "records": records,
            "kept": request.POST.get("kept") or str(records[0].customer.pk),
            "older": records[0],
            "arms_differ": len(arms) > 1,
            "undo_until": now + UNDO_PERIOD,
        }
        return TemplateResponse(request, "journeys/merge_customers.html", context)

    def _merge(self, request: HttpRequest, customers: list[Customer]) -> int | None:
        """Merges all records into the one that was chosen; its number, None where that failed."""
        chosen, others = request.POST.get("kept"), set(request.POST.getlist("merge"))
        kept = next((row for row in customers if str(row.pk) == chosen), None)
        aliases = [row for row in customers if row != kept and str(row.pk) in others]
        if kept is None or not aliases:
            self.message_user(
                request, _("Choose a record to keep and one to merge into it."), messages.ERROR
            )
            return None
        try:
            with transaction.atomic():
                for alias in aliases:
                    merge = merge_customers(kept, alias, at=timezone.now(), by=request.user)
                    self.log_addition(request, merge, _("Merged."))
        except MergeRefused as refused:
            self.message_user(request, str(refused), messages.ERROR)
            return None
        text = ngettext(
            "%(n)d record is merged into %(kept)s.",
            "%(n)d records are merged into %(kept)s.",
            len(aliases),
        )
        self.message_user(request, text % {"n": len(aliases), "kept": kept})
        return kept.pk

    @action(
        description=gettext_lazy("Undo"),
        icon="undo",
        permissions=["undo"],
        url_path="undo",
        dialog={
            "title": gettext_lazy("Undo this merge?"),
            "description": gettext_lazy(
                "The two become separate customers again, each with what was stored under its own "
                "ID. Details that were taken over are removed unless they were changed since."
            ),
            "form_class": None,
            "form_submit_text": gettext_lazy("Undo"),
        },
    )
    def undo(self, request: HttpRequest, form: forms.Form, object_id: str) -> HttpResponse:
        if not self.has_undo_permission(request, object_id):
            raise PermissionDenied
        merge = CustomerMerge.objects.get(pk=object_id)
        try:
            undo_merge(merge, at=timezone.now(), by=request.user)
        except MergeRefused as refused:
            self.message_user(request, str(refused), messages.ERROR)
        else:
            self.log_change(request, merge, _("Undone."))
            self.message_user(request, _("Undone. They are separate customers again."))
        page = reverse("admin:segments_customermerge_change", args=[object_id])
        return HttpResponse(headers={"HX-Redirect": page})

    def has_undo_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        return (
            request.user.has_perm(MERGE)
            and str(object_id).isdecimal()
            and CustomerMerge.objects.filter(
                pk=object_id, undone_at=None, merged_at__gt=timezone.now() - UNDO_PERIOD
            ).exists()
        )


def merge_panel(customer: Customer) -> Panel | None:
    """What a customer's page says of its merges; None where there are none in force."""
    rows = CustomerMerge.objects.filter(undone_at=None).select_related("kept", "alias")
    merges = [*rows.filter(alias=customer), *rows.filter(kept=customer)]
    if not merges:
        return None
    return Panel(
        _("Records of this person"),
        [
            (
                format_html(
                    '<a href="{}">{}</a>',
                    reverse("admin:segments_customermerge_change", args=[merge.pk]),
                    date_format(timezone.localtime(merge.merged_at), "SHORT_DATE_FORMAT"),
                ),
                _("This record is merged into:")
                if merge.alias == customer
                else _("Merged into this record:"),
                _link(merge.kept if merge.alias == customer else merge.alias),
            )
            for merge in merges
        ],
        headers=[_("Since"), "", _("Record")],
        wide=True,
    )


def _evidence(merge: CustomerMerge) -> Panel:
    """Arms that hold since, where the two had different ones."""
    cuts = EvidenceCut.objects.filter(merge=merge).select_related("customer")
    rows = []
    for cut in cuts.order_by("pk"):
        change = ArmChange.objects.filter(customer=cut.customer, since__gt=cut.noted_on)
        arm = change.order_by("since").first()
        rows.append(
            (
                cut.customer,
                date_format(timezone.localtime(cut.up_to), "SHORT_DATETIME_FORMAT"),
                arm.get_arm_display() if arm else "–",
            )
        )
    return Panel(
        _("Left out of reports and learning"),
        rows,
        headers=[_("Record"), _("Up to"), _("Group from the next day on")],
        empty=_("Nothing: the records were in the same group."),
        wide=True,
    )


def _label(name: str) -> str:
    prefix, _dot, attribute = name.partition(".")
    return attribute or _in_words(prefix)


def _in_words(name: str) -> str:
    field = Customer._meta.get_field(name)
    assert isinstance(field, Field)
    return str(capfirst(field.verbose_name))


def _link(customer: Customer) -> SafeString:
    page = reverse("admin:segments_customer_change", args=[customer.pk])
    return format_html('<a href="{}">{}</a>', page, customer)
