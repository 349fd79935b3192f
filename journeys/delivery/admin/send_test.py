"""“Send a test”, on a list and on a page: what messages go by, tried without a customer."""

from typing import Any
from uuid import uuid4

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy
from unfold.admin import ModelAdmin
from unfold.decorators import action

from journeys.delivery.send_test import send_test

DIALOG = {
    "title": gettext_lazy("Send a test message?"),
    "description": gettext_lazy("The message is marked as a test and does not go to any customer."),
    "form_class": None,
    "form_submit_text": gettext_lazy("Send"),
}


class SendsTests(ModelAdmin):
    actions = ["test_selected"]
    actions_detail = ["test_one"]

    def route_of(self, row: Any) -> tuple[str, int | None]:
        """By which transport, and to which endpoint or target, a row's test goes."""
        raise NotImplementedError

    @admin.action(description=gettext_lazy("Send test message"), permissions=["change"])
    def test_selected(self, request: HttpRequest, queryset: QuerySet) -> None:
        for row in queryset:
            self._test(request, row)

    @action(
        description=gettext_lazy("Send test message"),
        icon="send",
        url_path="send-a-test",
        permissions=["test_one"],
        dialog=DIALOG,
    )
    def test_one(self, request: HttpRequest, form: Any, object_id: str) -> HttpResponse:
        row = self.get_object(request, object_id)
        if row is None or not self.has_test_one_permission(request, object_id):
            raise PermissionDenied
        self._test(request, row)
        name = f"admin:{self.opts.app_label}_{self.opts.model_name}_change"
        return HttpResponse(headers={"HX-Redirect": reverse(name, args=[row.pk])})

    def has_test_one_permission(self, request: HttpRequest, object_id: Any) -> bool:
        row = self.get_object(request, str(object_id))
        return row is not None and self.has_change_permission(request, row)

    def _test(self, request: HttpRequest, row: Any) -> None:
        transport, peer_id = self.route_of(row)
        is_good, sentence = send_test(
            transport,
            peer_id,
            address=getattr(request.user, "email", ""),
            key=uuid4(),
            now=timezone.now(),
        )
        self.log_change(request, row, sentence)
        level = messages.SUCCESS if is_good else messages.ERROR
        self.message_user(request, f"{row}: {sentence}", level)
