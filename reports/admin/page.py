"""What the report pages share: a page and its CSV file behind one permission."""

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

from django import forms
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin
from unfold.widgets import BASE_INPUT_CLASSES

from reports.errors import ReportError
from reports.services.latest_day import latest_day
from reports.services.write_csv import write_csv


class DayInput(forms.DateInput):
    """The browser's own calendar, which always sends and takes ISO dates."""

    input_type = "date"

    def __init__(self) -> None:
        super().__init__(attrs={"class": " ".join(BASE_INPUT_CLASSES)}, format="%Y-%m-%d")


class ReportForm(forms.Form):
    """The parameters of a report. `as_of` defaults to the newest day there are figures for."""

    since = forms.DateField(label=_("from"), required=False, widget=DayInput)
    as_of = forms.DateField(label=_("as of"), required=False, widget=DayInput)

    def clean_as_of(self) -> date:
        return self.cleaned_data["as_of"] or latest_day() or timezone.localdate()


class ReportPage(ModelAdmin):
    """A page that computes a report from a form. Subclasses say which, and how it is shown."""

    form_class: type[ReportForm]
    template: str

    def compute(self, cleaned: dict[str, Any]) -> Any:
        raise NotImplementedError

    def show(self, report: Any, cleaned: dict[str, Any]) -> dict[str, Any]:
        """What the template needs in addition to the report."""
        raise NotImplementedError

    def lines(self, report: Any) -> Iterable[Mapping[str, Any]]:
        """The report as lines of the CSV file."""
        raise NotImplementedError

    def get_urls(self) -> list[URLPattern]:
        name = f"{self.opts.app_label}_{self.opts.model_name}"
        view = self.admin_site.admin_view
        return [
            path("", view(self.changelist_view), name=f"{name}_changelist"),
            path("export/", view(self.export_view), name=f"{name}_export"),
        ]

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        form, report = self._answer(request)
        shown = self.show(report, form.cleaned_data) if report else {}
        context = {
            **self.admin_site.each_context(request),
            **(extra_context or {}),
            "title": self.opts.verbose_name.capitalize(),
            "opts": self.opts,
            "form": form,
            "report": report,
            "query": request.GET.urlencode(),
            **shown,
        }
        return TemplateResponse(request, self.template, context)

    def export_view(self, request: HttpRequest) -> HttpResponse:
        form, report = self._answer(request)
        if report is None:
            text = " ".join(str(error) for errors in form.errors.values() for error in errors)
            return HttpResponse(text, status=400, content_type="text/plain; charset=utf-8")
        name = f"{self.opts.model_name}_{form.cleaned_data['as_of']}.csv"
        response = HttpResponse(
            content_type="text/csv; charset=utf-8",
            headers={"Content-Disposition": f'attachment; filename="{name}"'},
        )
        write_csv(self.lines(report), response)  # type: ignore[arg-type]
        return response

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def _answer(self, request: HttpRequest) -> tuple[ReportForm, Any]:
        """The form and its report; no report where the form, or the report, refuses."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        form = self.form_class(request.GET)
        if not form.is_valid():
            return form, None
        try:
            return form, self.compute(form.cleaned_data)
        except ReportError as error:
            form.add_error(None, str(error))
            return form, None
