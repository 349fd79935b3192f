"""The list of suppressed addresses: one can check and change an address, never read the list."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.models import CHANGE, LogEntry
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.admin import ModelAdmin
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from optiengine.lib.admin import LargeTable
from segments.channel_labels import Choices, channel_label
from segments.channels import address_fields
from segments.customers.admin.import_links import ImportLink
from segments.customers.suppress_addresses import (
    find_suppression,
    lift_suppression,
    suppress_address,
)
from segments.errors import AddressRefused
from segments.models import Suppression


def _channels() -> Choices:
    """Those whose addresses can be suppressed."""
    return [(channel, channel_label(channel)) for channel in address_fields()]


class AddressForm(forms.Form):
    channel = forms.ChoiceField(
        label=capfirst(gettext_lazy("channel")), choices=_channels, widget=UnfoldAdminSelectWidget
    )
    address = forms.CharField(
        label=capfirst(gettext_lazy("address")),
        max_length=254,
        widget=UnfoldAdminTextInputWidget,
        help_text=gettext_lazy("An e-mail address or phone number. It is not stored."),
    )
    reason = forms.CharField(
        label=capfirst(gettext_lazy("reason")),
        max_length=60,
        required=False,
        widget=UnfoldAdminTextInputWidget,
        help_text=gettext_lazy(
            "Required to suppress an address or lift a suppression. Stored with your name."
        ),
    )


@admin.register(Suppression)
class SuppressionAdmin(ImportLink, LargeTable, ModelAdmin):
    import_kind = "suppressions"
    list_display = ["since", "channel", "reason", "source"]
    list_display_links = None
    list_filter = ["channel", "reason"]
    ordering = ["-pk"]
    sortable_by: list[str] = []
    actions = None

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.address_view)
        name = "segments_suppression_address"
        return [path("address/", view, name=name), *super().get_urls()]

    def add_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        return redirect("admin:segments_suppression_address")

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        context = {"may_ask": self.may(request, "check"), **(extra_context or {})}
        return super().changelist_view(request, context)

    change_list_template = "segments/suppressions.html"

    @staticmethod
    def may(request: HttpRequest, what: str) -> bool:
        return request.user.has_perm(f"segments.{what}_suppression")

    def address_view(self, request: HttpRequest) -> HttpResponse:
        """One address: is it suppressed? Only by POST, so that it appears in no log or history."""
        may = {what: self.may(request, what) for what in ("check", "add", "lift")}
        if not may["check"]:
            raise PermissionDenied
        form = AddressForm(request.POST or None)
        suppression, is_answered = None, False
        if request.method == "POST" and form.is_valid():
            wish = request.POST.get("wish", "check")
            if not may.get(wish):
                raise PermissionDenied
            try:
                if wish == "check" or self._has_reason(form):
                    self._do(request, wish, form.cleaned_data)
                    suppression = find_suppression(
                        form.cleaned_data["channel"], form.cleaned_data["address"]
                    )
                    is_answered = True
            except AddressRefused as refused:
                form.add_error("address", str(refused))
        context = {
            **self.admin_site.each_context(request),
            "title": _("Check an address"),
            "opts": self.opts,
            "form": form,
            "answer": self._in_words(suppression) if is_answered else "",
            "is_suppressed": suppression is not None,
            "may": may,
        }
        return TemplateResponse(request, "segments/suppressed_address.html", context)

    @staticmethod
    def _has_reason(form: AddressForm) -> bool:
        if form.cleaned_data["reason"].strip():
            return True
        form.add_error("reason", _("Enter a reason. It is stored."))
        return False

    def _do(self, request: HttpRequest, wish: str, values: dict[str, str]) -> None:
        now, by = timezone.now(), request.user.get_username()
        channel, address = values["channel"], values["address"]
        if wish == "add":
            made = suppress_address(
                channel,
                address,
                reason=Suppression.Reason.REQUEST,
                source=f"{by}: {values['reason']}",
                at=now,
            )
            if made:
                self.log_addition(request, made, [{"added": {}}])
                self.message_user(request, _("Suppressed."), messages.SUCCESS)
        elif wish == "lift":
            row = find_suppression(channel, address)
            if row and lift_suppression(channel, address, at=now):
                assert request.user.pk is not None
                said = _("Suppression lifted: %s") % values["reason"]
                LogEntry.objects.log_actions(
                    request.user.pk, [row], CHANGE, said, single_object=True
                )
                self.message_user(request, _("Suppression lifted."), messages.SUCCESS)

    @staticmethod
    def _in_words(row: Suppression | None) -> str:
        if row is None:
            return _("This address is not suppressed for this channel.")
        text = _("Suppressed since %(since)s: %(reason)s (%(source)s).")
        since = date_format(timezone.localtime(row.since), "SHORT_DATETIME_FORMAT")
        return text % {"since": since, "reason": row.get_reason_display(), "source": row.source}
