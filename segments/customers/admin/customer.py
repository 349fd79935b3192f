"""Customers: who they are, what they allow, and what is known of them today."""

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import OuterRef, Q, QuerySet, Subquery
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from import_export import resources
from unfold.admin import ModelAdmin
from unfold.decorators import action, display
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget, UnfoldAdminTextInputWidget

from optiengine.lib.admin import LargeTable, ReadOnlyAdmin
from optiengine.lib.export import ExportAdmin
from optiengine.lib.figures import money
from optiengine.lib.panel import Panel
from segments.channel_labels import channel_choices, channel_label
from segments.channels import ADDRESS_FIELDS
from segments.currency import with_currency
from segments.customers.admin.consent_panels import answer_label
from segments.customers.admin.customer_panels import customer_panels
from segments.customers.admin.import_links import ImportLink
from segments.customers.erase_customer import erase_customer
from segments.customers.find_customer import new_id
from segments.customers.record_consents import record_consents
from segments.customers.with_address import customers_like, is_address
from segments.customers.write_customer import make_known
from segments.errors import CustomerRefused
from segments.models import (
    ConsentStatement,
    Customer,
    CustomerState,
    Organisation,
    Stage,
    StateBuild,
)
from segments.models.consent import ConsentSource
from segments.models.customer import PROFILE
from segments.state.admin.micro_segment import STAGE_COLOURS

EDITABLE = ["external_id", *PROFILE, "suppressed"]
CUSTOMER_FIELDS = [*EDITABLE, "consents"]


class CustomerResource(resources.ModelResource):
    class Meta:
        model = Customer
        fields = CUSTOMER_FIELDS
        export_order = CUSTOMER_FIELDS


class CustomerForm(forms.ModelForm):
    # The hidden copy of what the page showed: a withdrawal that came in since is not undone by
    # somebody who saved the page for another reason.
    consents = forms.MultipleChoiceField(
        label=capfirst(gettext_lazy("consents")),
        choices=channel_choices,
        required=False,
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
        show_hidden_initial=True,
        help_text=gettext_lazy("Each change is stored with its author as proof of consent."),
    )

    consent_proof = forms.CharField(
        label=capfirst(gettext_lazy("proof of consent")),
        required=False,
        max_length=500,
        widget=UnfoldAdminTextInputWidget,
        help_text=gettext_lazy(
            "Required to add a consent: when and how the customer gave it, and the wording."
        ),
    )

    class Meta:
        model = Customer
        fields = CUSTOMER_FIELDS

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        shown = set(_initial(self)) if self.instance.pk else set()
        if set(cleaned.get("consents") or []) - shown and not cleaned.get("consent_proof"):
            self.add_error("consent_proof", _("Enter when and how the customer gave the consent."))
        return cleaned

    def clean_external_id(self) -> str:
        """Of a new customer, or a changed one: as imports read it."""
        external_id = self.cleaned_data["external_id"]
        if self.instance.pk and "external_id" not in self.changed_data:
            return external_id
        try:
            return new_id(external_id)
        except CustomerRefused as refused:
            raise forms.ValidationError(str(refused)) from refused


class ChannelFilter(admin.SimpleListFilter):
    title = gettext_lazy("consent")
    parameter_name = "consent"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return list(channel_choices())

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        channel = self.value()
        return queryset.filter(consents__contains=[channel]) if channel else queryset


@admin.register(Customer)
class CustomerAdmin(ImportLink, LargeTable, ExportAdmin, ModelAdmin):
    import_kind = "customers"
    actions_detail = ["erase"]
    form = CustomerForm
    resource_classes = [CustomerResource]
    list_display = [
        "external_id",
        "name",
        "email",
        "allowed",
        "stage_label",
        "value",
        "silence",
    ]
    list_filter = [ChannelFilter, "suppressed"]
    search_fields = ["external_id__exact"]
    search_help_text = gettext_lazy("The complete customer ID, e-mail address or phone number.")
    ordering = ["-pk"]
    sortable_by = ["external_id"]
    readonly_fields = ["not_by", "erased_at", "created_at", "updated_at"]
    change_form_outer_before_template = "optiengine/panels.html"
    fieldsets = [
        (None, {"fields": [("external_id", "suppressed"), "consents", "consent_proof", "not_by"]}),
        (
            gettext_lazy("Person"),
            {
                "fields": [
                    ("first_name", "last_name"),
                    ("email", "phone"),
                    ("birth_date", "registered_on"),
                    ("country", "language", "time_zone"),
                    "attributes",
                ]
            },
        ),
        (gettext_lazy("Record"), {"fields": [("created_at", "updated_at", "erased_at")]}),
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Customer]:
        """With the stage and value of the newest day."""
        newest = StateBuild.objects.order_by("-as_of").values("as_of")[:1]
        state = CustomerState.objects.filter(customer=OuterRef("pk"), as_of=Subquery(newest))
        customers = (
            super()
            .get_queryset(request)
            .annotate(
                stage=Subquery(state.values("stage")[:1]),
                clv_cents=Subquery(state.values("clv_cents")[:1]),
            )
        )
        return with_currency(customers)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Customer], search_term: str
    ) -> tuple[QuerySet[Customer], bool]:
        """Addresses are found in any spelling; a phone number is one text, blanks included."""
        text = search_term.strip()
        if not text:
            return queryset, False
        is_meant = Q(external_id=text)
        for column in ADDRESS_FIELDS:
            if is_address(column, text):
                is_meant |= Q(pk__in=customers_like(column, text).values("pk"))
        return queryset.filter(is_meant), False

    def has_change_permission(self, request: HttpRequest, obj: Customer | None = None) -> bool:
        allowed = super().has_change_permission(request, obj)
        return allowed and (obj is None or obj.erased_at is None)

    def has_delete_permission(self, request: HttpRequest, obj: Customer | None = None) -> bool:
        """Events and contacts would hang in the air; erasure keeps the row and blanks it."""
        return False

    @admin.display(description=gettext_lazy("name"))
    def name(self, customer: Customer) -> str:
        return f"{customer.first_name} {customer.last_name}".strip()

    @admin.display(description=gettext_lazy("consents"))
    def allowed(self, customer: Customer) -> str:
        return ", ".join(map(channel_label, customer.consents)) or _("none")

    @admin.display(description=gettext_lazy("suppressed addresses"))
    def not_by(self, customer: Customer) -> str:
        return ", ".join(map(channel_label, customer.suppressed_channels)) or _("none")

    @action(
        description=gettext_lazy("Erase"),
        icon="person_remove",
        permissions=["erase"],
        url_path="erase",
        dialog={
            "title": gettext_lazy("Erase the customer permanently?"),
            "description": gettext_lazy(
                "Names, addresses and attributes are deleted and cannot be restored. "
                "Addresses stay suppressed. Decisions and counts are kept without "
                "personal data."
            ),
            "form_class": None,
            "form_submit_text": gettext_lazy("Erase"),
        },
    )
    def erase(self, request: HttpRequest, form: forms.Form, object_id: str) -> HttpResponse:
        if not self.has_erase_permission(request, object_id):
            raise PermissionDenied
        customer = Customer.objects.get(pk=object_id)
        source = f"erasure (admin: {request.user.get_username()})"
        erase_customer(customer, source=source, at=timezone.now())
        self.log_change(request, customer, _("Erased."))
        self.message_user(request, _("Erased. The addresses stay suppressed."))
        page = reverse("admin:segments_customer_change", args=[object_id])
        return HttpResponse(headers={"HX-Redirect": page})

    def has_erase_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        return (
            request.user.has_perm("segments.delete_customer")
            and str(object_id).isdecimal()
            and Customer.objects.filter(pk=object_id, erased_at=None).exists()
        )

    @display(description=gettext_lazy("stage"), label=STAGE_COLOURS)
    def stage_label(self, customer: Customer) -> tuple[str, Any] | None:
        stage = customer.stage  # type: ignore[attr-defined]
        return (stage, Stage(stage).label) if stage else None

    @display(description=gettext_lazy("never contacted"), label="danger")
    def silence(self, customer: Customer) -> str | None:
        if customer.erased_at:
            return _("erased")
        if customer.suppressed:
            return _("suppressed")
        return ", ".join(map(channel_label, customer.suppressed_channels)) or None

    @admin.display(description=gettext_lazy("predicted value"))
    def value(self, customer: Customer) -> str:
        return money(customer.clv_cents, customer.currency)  # type: ignore[attr-defined]

    @transaction.atomic
    def save_model(
        self, request: HttpRequest, obj: Customer, form: forms.ModelForm, change: bool
    ) -> None:
        """Consents go through the service that keeps the proof; nothing else is written along."""
        wanted = set(form.cleaned_data.get("consents") or [])
        shown: set[str] = set()
        if change:
            shown = set(form.fields["consents"].to_python(_initial(form)) or [])
            if changed := [name for name in form.changed_data if name in EDITABLE]:
                obj.save(update_fields=[*changed, "updated_at"])
        else:
            obj.consents = []
            super().save_model(request, obj, form, change)
        at = timezone.now()
        make_known(obj, at=at)
        by = request.user.get_username()
        # A withdrawal is entered for the customer, who asked for it; a consent needs its proof.
        proof = {"text": form.cleaned_data["consent_proof"], "entered_by": by}
        for says_yes, channels in ((False, shown - wanted), (True, wanted - shown)):
            record_consents(
                obj,
                dict.fromkeys(sorted(channels), says_yes),
                kind=ConsentSource.ADMIN,
                source=f"admin: {by}",
                said_at=at,
                at=at,
                by_customer=not says_yes,
                proof=proof if says_yes else None,
            )

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        customer = self.get_object(request, object_id)
        panels = self.panels(request, customer) if customer else []
        context = {"panels": panels, **(extra_context or {})}
        return super().change_view(request, object_id, form_url, context)

    def panels(self, request: HttpRequest, customer: Customer) -> list[Panel]:
        """Panels next to the form; later apps add theirs."""
        return customer_panels(customer, Organisation.current().currency)


def _initial(form: forms.ModelForm) -> list[str]:
    """The consents that the page showed when it was opened."""
    field, name = form.fields["consents"], form.add_initial_prefix("consents")
    return field.hidden_widget().value_from_datadict(form.data, form.files, name) or []


@admin.register(ConsentStatement)
class ConsentStatementAdmin(ReadOnlyAdmin):
    list_display = ["said_at", "customer", "about", "answer", "by_what", "source", "recorded_at"]
    list_select_related = ["customer"]
    list_filter = ["kind"]
    search_fields = ["customer__external_id__exact"]
    search_help_text = gettext_lazy("The complete customer ID.")
    ordering = ["-pk"]
    sortable_by: list[str] = []
    raw_id_fields = ["customer"]

    @admin.display(description=gettext_lazy("channel or topic"))
    def about(self, statement: ConsentStatement) -> str:
        if statement.channel:
            return channel_label(statement.channel)
        return _("topic %d") % statement.topic

    @admin.display(description=gettext_lazy("answer"))
    def answer(self, statement: ConsentStatement) -> str:
        return answer_label(statement.says_yes)

    @admin.display(description=gettext_lazy("by what"))
    def by_what(self, statement: ConsentStatement) -> str:
        return statement.get_kind_display()
