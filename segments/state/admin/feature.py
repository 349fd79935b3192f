"""Features that users define, and the sets that were computed."""

from django.contrib import admin
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin

from optiengine.lib.admin import ReadOnlyAdmin
from segments.models import FeatureDefinition, FeatureSet


@admin.register(FeatureDefinition)
class FeatureDefinitionAdmin(ModelAdmin):
    list_display = ["label", "name", "aggregate", "event_kind", "window", "filter", "is_active"]
    list_filter = ["aggregate", "is_active"]
    search_fields = ["name", "label", "event_kind"]
    fieldsets = [
        (None, {"fields": [("label", "name"), "is_active"]}),
        (_("Calculation"), {"fields": ["aggregate", ("event_kind", "window_days")]}),
        (
            _("Events or attribute"),
            {
                "fields": [("property_name", "property_value")],
                "description": _(
                    "The value at the time of the daily computation is used. Do not use "
                    "attributes that messages themselves can change."
                ),
            },
        ),
    ]

    @admin.display(description=_("window"), ordering="window_days")
    def window(self, feature: FeatureDefinition) -> str:
        days = feature.window_days
        return str(_("%d days") % days if days else _("all time"))

    @admin.display(description=_("only"))
    def filter(self, feature: FeatureDefinition) -> str:
        if not feature.property_name:
            return ""
        value = feature.property_value
        return f"{feature.property_name} = {value}" if value else feature.property_name


@admin.register(FeatureSet)
class FeatureSetAdmin(ReadOnlyAdmin):
    list_display = ["pk", "created_on", "listed"]
    ordering = ["-pk"]

    @admin.display(description=_("names"))
    def listed(self, features: FeatureSet) -> str:
        return ", ".join(features.names)
