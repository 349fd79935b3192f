"""Sign-up forms, and what came in by them."""

from django.conf import settings
from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.admin import ModelAdmin

from journeys.models import SignUp, SignUpForm
from optiengine.lib.admin import ReadOnlyAdmin


@admin.register(SignUpForm)
class SignUpFormAdmin(ModelAdmin):
    list_display = ["name", "title", "channel", "language", "wording_version", "is_open"]
    search_fields = ["name", "title"]
    readonly_fields = ["page", "wording_version"]
    autocomplete_fields = ["topics"]
    fieldsets = [
        (None, {"fields": [("name", "is_open"), "page"]}),
        (
            gettext_lazy("Page"),
            {"fields": ["title", ("channel", "language"), "topics", "wording", "wording_version"]},
        ),
        (gettext_lazy("Confirmation"), {"fields": ["valid_hours"]}),
    ]

    @admin.display(description=gettext_lazy("address of the page"))
    def page(self, form: SignUpForm) -> str:
        if not settings.PUBLIC_URL:
            return _("Set PUBLIC_URL to open the page to the public.")
        if form.pk is None:
            return _("Shown once the form is saved.")
        return format_html('<a href="{0}">{0}</a>', f"{settings.PUBLIC_URL}/s/{form.name}/")


@admin.register(SignUp)
class SignUpAdmin(ReadOnlyAdmin):
    list_display = ["begun_at", "form", "source", "state", "sent_at", "confirmed_at", "customer"]
    list_select_related = ["form", "customer"]
    list_filter = ["form"]
    ordering = ["-pk"]
    sortable_by: list[str] = []
    raw_id_fields = ["customer"]

    @admin.display(description=gettext_lazy("state"))
    def state(self, sign_up: SignUp) -> str:
        if sign_up.confirmed_at:
            return _("confirmed")
        if sign_up.refused:
            return _("not sent: %s") % sign_up.refused
        return _("waiting for confirmation") if sign_up.sent_at else _("waiting to be sent")

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False
