"""Exchange rates, by which imports read amounts in other currencies."""

from django.contrib import admin
from unfold.admin import ModelAdmin

from segments.models import ExchangeRate


@admin.register(ExchangeRate)
class ExchangeRateAdmin(ModelAdmin):
    list_display = ["currency", "valid_from", "rate"]
    list_filter = ["currency"]
    date_hierarchy = "valid_from"
