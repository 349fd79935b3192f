"""Lists as files, by django-import-export: what is shown, filtered and searched as shown."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from import_export.admin import ExportActionModelAdmin
from import_export.formats.base_formats import CSV, JSON, XLSX
from unfold.contrib.import_export.forms import ExportForm

from optiengine.lib.figures import number

MAX_ROWS = 50_000  # a file is built in memory; users filter the list for more


class ExportAdmin(ExportActionModelAdmin):
    """Users who may see the rows may download them, up to a number that fits into memory."""

    export_form_class = ExportForm
    formats = [CSV, XLSX, JSON]

    def get_export_formats(self) -> list[Any]:
        return [made for made in self.formats if made.is_available()]

    def has_export_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def export_action(self, request: HttpRequest) -> HttpResponse:
        if request.method == "POST" and "export_items" not in request.POST:
            rows = self.get_export_queryset(request)
            if rows.order_by()[: MAX_ROWS + 1].count() > MAX_ROWS:
                text = _("A file can hold at most %(n)s rows. Filter the list first.")
                self.message_user(request, text % {"n": number(MAX_ROWS)}, messages.ERROR)
                return redirect(request.get_full_path())
        return super().export_action(request)
