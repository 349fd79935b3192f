"""What was known of customers, day by day; the models of their value. Read, never edited."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from optiengine.lib.admin import ReadOnlyAdmin
from optiengine.lib.figures import money, number, percent
from segments.currency import with_currency
from segments.models import ClvModel, CustomerState, StateBuild
from segments.state.admin.micro_segment import STAGE_COLOURS


@admin.register(StateBuild)
class StateBuildAdmin(ReadOnlyAdmin):
    list_display = ["as_of", "customers", "clv_model", "segmentation", "feature_set"]
    list_select_related = ["clv_model", "segmentation", "feature_set"]

    @admin.display(description=_("customers"), ordering="n_customers")
    def customers(self, build: StateBuild) -> str:
        return number(build.n_customers)


@admin.register(ClvModel)
class ClvModelAdmin(ReadOnlyAdmin):
    list_display = ["fitted_on", "customers", "bg_nbd", "gamma_gamma", "log_likelihood"]
    ordering = ["-pk"]

    @admin.display(description=_("customers"), ordering="n_customers")
    def customers(self, model: ClvModel) -> str:
        return number(model.n_customers)

    @admin.display(description=_("BG/NBD"))
    def bg_nbd(self, model: ClvModel) -> str:
        return in_words(model.purchases)

    @admin.display(description=_("Gamma-Gamma"))
    def gamma_gamma(self, model: ClvModel) -> str:
        return in_words(model.spend)


def in_words(parameters: dict[str, float]) -> str:
    numbers = {name: value for name, value in parameters.items() if isinstance(value, int | float)}
    return ", ".join(f"{name} {number(value, 3)}" for name, value in numbers.items())


@admin.register(CustomerState)
class CustomerStateAdmin(ReadOnlyAdmin):
    list_display = ["as_of", "customer", "stage_label", "micro_segment", "value", "alive"]
    list_select_related = ["customer", "micro_segment"]
    search_fields = ["customer__external_id__exact"]
    search_help_text = _("The complete customer ID.")
    ordering = ["-pk"]
    sortable_by: list[str] = []
    fields = ["as_of", "customer", "stage", "micro_segment", "value", "alive"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[CustomerState]:
        return with_currency(super().get_queryset(request))

    @display(description=_("stage"), label=STAGE_COLOURS)
    def stage_label(self, state: CustomerState) -> tuple[str, str]:
        return state.stage, state.get_stage_display()

    @admin.display(description=_("predicted value"))
    def value(self, state: CustomerState) -> str:
        return money(state.clv_cents, state.currency)  # type: ignore[attr-defined]

    @admin.display(description=_("probability of being active"))
    def alive(self, state: CustomerState) -> str:
        return percent(state.p_alive)
