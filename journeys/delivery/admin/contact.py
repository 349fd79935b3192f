"""The contact ledger and what came of it: read, never edited."""

from django.contrib import admin
from django.db.models import OuterRef, QuerySet, Subquery
from django.http import HttpRequest
from django.utils.formats import date_format
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from journeys.models import Contact, Outcome, OutcomeChange
from optiengine.lib.admin import ReadOnlyAdmin
from optiengine.lib.figures import money, number, percent
from segments.currency import with_currency


@admin.register(Contact)
class ContactAdmin(ReadOnlyAdmin):
    list_display = [
        "as_of",
        "customer",
        "campaign",
        "action_name",
        "channel",
        "arm",
        "sort",
        "probability",
        "released",
        "source",
    ]
    list_select_related = ["customer", "campaign", "action", "release"]
    list_filter = ["campaign"]
    search_fields = ["customer__external_id__exact"]
    search_help_text = _("The complete customer ID.")
    ordering = ["-pk"]
    sortable_by: list[str] = []
    raw_id_fields = ["customer"]

    @admin.display(description=_("action"))
    def action_name(self, contact: Contact) -> str:
        return contact.action.name

    @display(description=_("test / control"), label={"test": "success", "control": "warning"})
    def sort(self, contact: Contact) -> tuple[str, object]:
        return ("control", _("control")) if contact.is_control else ("test", _("test"))

    @admin.display(description=_("released"))
    def released(self, contact: Contact) -> str:
        """Since when and why the reservation no longer counts."""
        release = getattr(contact, "release", None)
        if release is None:
            return "–"
        return f"{date_format(release.released_at, 'SHORT_DATETIME_FORMAT')}: {release.reason_text}"

    @admin.display(description=_("probability"))
    def probability(self, contact: Contact) -> str:
        return percent(contact.assignment_prob)


@admin.register(Outcome)
class OutcomeAdmin(ReadOnlyAdmin):
    list_display = [
        "as_of",
        "customer",
        "campaign",
        "responses",
        "margin",
        "clv_change",
        "value",
        "late",
    ]
    list_select_related = ["contact__customer", "contact__campaign"]
    fields = ["contact", "as_of", "measured_on", "responses", "margin", "clv_change", "value"]
    readonly_fields = ["responses", "margin", "clv_change", "value"]
    ordering = ["-pk"]
    sortable_by: list[str] = []
    raw_id_fields = ["contact"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Outcome]:
        newest = OutcomeChange.objects.filter(contact=OuterRef("contact")).order_by("-changed_on")
        return with_currency(super().get_queryset(request)).annotate(
            late_value=Subquery(newest.values("value_cents")[:1]),
            late_on=Subquery(newest.values("changed_on")[:1]),
        )

    @admin.display(description=_("customer"))
    def customer(self, outcome: Outcome) -> str:
        return str(outcome.contact.customer)

    @admin.display(description=_("campaign"))
    def campaign(self, outcome: Outcome) -> str:
        return str(outcome.contact.campaign)

    @admin.display(description=_("conversions"))
    def responses(self, outcome: Outcome) -> str:
        return number(outcome.n_responses)

    @admin.display(description=_("margin"))
    def margin(self, outcome: Outcome) -> str:
        return money(outcome.margin_cents, outcome.currency)  # type: ignore[attr-defined]

    @admin.display(description=_("change in predicted value"))
    def clv_change(self, outcome: Outcome) -> str:
        return money(outcome.clv_change_cents, outcome.currency)  # type: ignore[attr-defined]

    @admin.display(description=_("value"))
    def value(self, outcome: Outcome) -> str:
        return money(outcome.value_cents, outcome.currency)  # type: ignore[attr-defined]

    @admin.display(description=_("late or corrected events"))
    def late(self, outcome: Outcome) -> str:
        """To which value they changed it last, and on which day."""
        if outcome.late_on is None:  # type: ignore[attr-defined]
            return "–"
        value = money(outcome.late_value, outcome.currency)  # type: ignore[attr-defined]
        day = date_format(outcome.late_on, "SHORT_DATE_FORMAT")  # type: ignore[attr-defined]
        return f"{value}, {day}"
