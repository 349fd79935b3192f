"""Rules in force need a second person: what a form would change waits for their approval."""

from collections.abc import Callable, Sequence
from typing import Any

from django.contrib import messages
from django.db import transaction
from django.db.models import Model
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.admin import ModelAdmin
from unfold.decorators import action

from campaigns.services.approval_subjects import all_customers
from campaigns.services.approvals import ask_for_change, is_above_limit, withdraw_changed
from campaigns.services.rule_rows import differences, lock_rules, snapshot
from campaigns.services.rule_tables import RowChange, is_in_force
from segments.models import Organisation

TRY = "try_change"  # the button of a form that asks what saving would do


class SecondPerson(ModelAdmin):
    """For pages of rows that rules are made of.

    Whatever is posted to them is carried out, and looked at: where it changed rules in force and a
    second person has to see that first, it is rolled back and kept as a change to be approved.
    So forms, lists, inlines, deletions and what they take with them are all held in one way.
    """

    actions_submit_line = [TRY]

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        view = super().changeform_view
        return self._held(request, lambda: view(request, *args, **kwargs))

    def changelist_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        view = super().changelist_view
        return self._held(request, lambda: view(request, *args, **kwargs))

    def delete_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        view = super().delete_view
        return self._held(request, lambda: view(request, *args, **kwargs))

    @action(description=gettext_lazy("Dry run"), icon="science", permissions=["try_change"])
    def try_change(self, request: HttpRequest, obj: Model) -> None:
        """Saves nothing: see `_held`."""

    def has_try_change_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        return self.has_change_permission(request)

    def _held(self, request: HttpRequest, save: Callable[[], Any]) -> Any:
        if request.method != "POST":
            return save()
        only_try = f"{self.opts.app_label}_{self.opts.model_name}_{TRY}" in request.POST
        with transaction.atomic():
            limit = Organisation.current().approval_audience
            if limit is None and not only_try:
                return save()
            lock_rules()
            before = snapshot()
            response = save()
            changes = differences(before, snapshot())
            is_held = is_above_limit(all_customers(), limit) and any(map(is_in_force, changes))
            if not changes or not (is_held or only_try):
                withdraw_changed()
                return response
            transaction.set_rollback(True)
        list(messages.get_messages(request))  # they tell of what was rolled back
        return _kept(request, changes, only_try=only_try)


def _kept(request: HttpRequest, changes: Sequence[RowChange], *, only_try: bool) -> HttpResponse:
    by, at = request.user, timezone.now()
    approval = ask_for_change(changes, by=by, at=at, only_try=only_try)
    if only_try:
        text = _("Nothing was saved. This is what the change would do.")
    else:
        text = _("Not in force yet: the change is waiting for approval by a second person.")
    messages.warning(request, text)
    if request.user.has_perm("campaigns.view_approval"):
        return redirect("admin:campaigns_approval_change", approval.pk)
    return redirect(request.path if not only_try else "admin:index")
