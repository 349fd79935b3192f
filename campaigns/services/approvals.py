"""Approvals: requested, given, refused, withdrawn; each is valid for exactly one content."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from django.contrib.admin.models import CHANGE, LogEntry
from django.db import transaction
from django.db.models import Model
from django.utils.translation import gettext as _

from campaigns.errors import ApprovalRefused, NeedsApproval
from campaigns.models import Approval
from campaigns.services.approval_subjects import SUBJECTS, all_customers
from campaigns.services.rule_rows import (
    content_hash,
    lock_rules,
    misfit,
    put_in_place,
)
from campaigns.services.rule_tables import RowChange
from optiengine.lib.hooks import Hook
from segments.models import Organisation

Kind, Status = Approval.Kind, Approval.Status
OPEN = (Status.TRIED, Status.WAITING, Status.APPROVED)

# What is done once an approval was requested; a later app adds the dry run.
WHEN_ASKED: Hook[Callable[[Approval], None]] = Hook()


def is_above_limit(audience: int, limit: int | None) -> bool:
    return limit is not None and audience > limit


def ask_for_launch(
    kind: str, pk: int, *, by: Any, at: datetime, note: str = "", only_try: bool = False
) -> Approval:
    """Ask for the launch of a subject as it is now, and for its dry run; or only for the dry run.

    What waits already in this very content is answered as it is. Raises ApprovalRefused.
    """
    subject = SUBJECTS[kind]
    if (row := subject.find(pk)) is None:
        raise ApprovalRefused(_("It no longer exists."))
    return _ask(
        kind=kind,
        object_id=pk,
        name=str(row)[:200],
        content_hash=content_hash(subject.content(row)),
        audience=subject.audience(row),
        by=by,
        at=at,
        note=note,
        only_try=only_try,
        log_on=row,
    )


def ask_for_change(
    changes: Sequence[RowChange], *, by: Any, at: datetime, note: str = "", only_try: bool = False
) -> Approval:
    """Keep a change of rules for a second person to put in place, or only to see what it does."""
    kept = [change.trimmed().as_dict() for change in changes]
    return _ask(
        kind=Kind.RULES,
        object_id=None,
        name=", ".join(dict.fromkeys(change.name for change in changes))[:200],
        changes=kept,
        content_hash=content_hash(kept),
        audience=all_customers(),
        by=by,
        at=at,
        note=note,
        only_try=only_try,
    )


@transaction.atomic
def _ask(
    *, by: Any, at: datetime, note: str, only_try: bool, log_on: Model | None = None, **fields: Any
) -> Approval:
    lock_rules()
    if not only_try:
        same = {name: fields[name] for name in ("kind", "object_id", "content_hash")}
        if waiting := Approval.objects.filter(status=Status.WAITING, **same).first():
            return waiting
    approval = Approval.objects.create(
        **fields,
        status=Status.TRIED if only_try else Status.WAITING,
        requested_by=by,
        requested_at=at,
        note=note,
    )
    said = _("Dry run requested.") if only_try else _("Approval requested.")
    _log(by, said, approval, log_on)
    for follow in WHEN_ASKED:
        follow(approval)
    return approval


@transaction.atomic
def ask(approval: Approval, *, by: Any, at: datetime, note: str = "") -> Approval:
    """Ask for what was only tried so far. Raises ApprovalRefused where it has changed since."""
    lock_rules()
    approval = _locked(approval, Status.TRIED)
    if problem := outdated(approval):
        raise ApprovalRefused(problem)
    same = Approval.objects.filter(
        status=Status.WAITING,
        kind=approval.kind,
        object_id=approval.object_id,
        content_hash=approval.content_hash,
    )
    if same.exists():
        raise ApprovalRefused(_("It is already waiting for approval."))
    approval.status, approval.note = Status.WAITING, note
    approval.requested_by, approval.requested_at = by, at
    approval.save(update_fields=["status", "note", "requested_by", "requested_at"])
    _log(by, _("Approval requested."), approval)
    return approval


def approve(approval: Approval, *, by: Any, at: datetime, note: str = "") -> Approval:
    """Let a launch happen, or put a change of the rules in place, as a second person.

    Of two who approve at once, the second is refused. Raises ApprovalRefused: for the person who
    requested or last changed it, without the permission, and if it has changed since the request,
    which withdraws it.
    """
    with transaction.atomic():
        lock_rules()
        approval = _locked(approval, Status.WAITING)
        problem = outdated(approval)
        if problem:
            _withdraw(approval, problem)
        else:
            _expect_second_person(approval, by)
            if approval.kind == Kind.RULES:
                put_in_place([RowChange(**change) for change in approval.changes])
            _decide(approval, Status.APPROVED, by=by, at=at, note=note)
            _log(by, _("Approved."), approval, _subject_row(approval), *_changed_rows(approval))
    if problem:
        raise ApprovalRefused(problem)
    return approval


@transaction.atomic
def refuse(approval: Approval, *, by: Any, at: datetime, note: str = "") -> Approval:
    """Leave everything as it is. Raises ApprovalRefused, as `approve` does."""
    lock_rules()
    approval = _locked(approval, Status.WAITING)
    _expect_second_person(approval, by)
    _decide(approval, Status.REFUSED, by=by, at=at, note=note)
    _log(by, _("Refused."), approval, _subject_row(approval))
    return approval


@transaction.atomic
def withdraw(approval: Approval, *, by: Any, at: datetime, note: str = "") -> Approval:
    """Take back one's own request that nobody has decided yet. Raises ApprovalRefused."""
    lock_rules()
    approval = _locked(approval, Status.WAITING)
    if approval.requested_by_id != by.pk:
        raise ApprovalRefused(_("Only the person who requested it can take it back."))
    _decide(approval, Status.WITHDRAWN, by=by, at=at, note=note)
    Approval.objects.filter(pk=approval.pk).update(reason=_("Taken back."))
    _log(by, _("Withdrawn."), approval, _subject_row(approval))
    approval.refresh_from_db()
    return approval


def expect_approved(kind: str, row: Any) -> None:
    """Raises NeedsApproval where a launch needs a second person, and none approved this content.

    The caller holds the rules, see `lock_rules`, until the launch is committed.
    """
    limit = Organisation.current().approval_audience
    if limit is None:
        return
    subject = SUBJECTS[kind]
    audience = subject.audience(row)
    if not is_above_limit(audience, limit):
        return
    requests = Approval.objects.filter(kind=kind, object_id=row.pk)
    same = requests.filter(content_hash=content_hash(subject.content(row)))
    if same.filter(status=Status.APPROVED).exists():
        return
    words = {"n": audience, "limit": limit, "name": row}
    text = _("“%(name)s” could reach %(n)d customers, more than %(limit)d. Request approval first.")
    if same.filter(status=Status.WAITING).exists():
        text = _("“%(name)s” is waiting for approval by a second person.")
    elif requests.filter(status__in=[Status.APPROVED, Status.WITHDRAWN]).exists():
        text = _("“%(name)s” has changed since it was approved. Request approval again.")
    raise NeedsApproval(text % words)


def needs_approval(kind: str, row: Any) -> str:
    """Why a launch is not possible yet, in a sentence; empty where it is."""
    try:
        expect_approved(kind, row)
    except NeedsApproval as error:
        return str(error)
    return ""


def withdraw_changed(kind: str | None = None, pk: int | None = None) -> None:
    """Withdraw what is open for content that is no longer there, inside the caller's transaction.

    Called by whatever edits; without arguments for all launches that are open.
    """
    rows = Approval.objects.filter(status__in=OPEN).exclude(kind=Kind.RULES).defer("dry_run")
    if kind is not None:
        rows = rows.filter(kind=kind, object_id=pk)
    for approval in rows:
        if problem := outdated(approval):
            _withdraw(approval, problem)


def outdated(approval: Approval) -> str:
    """Why what an approval speaks of is not what it was any more; empty while it is."""
    if approval.kind == Kind.RULES:
        if approval.status not in (Status.TRIED, Status.WAITING):
            return ""  # it has been put in place, or never will be
        return misfit([RowChange(**change) for change in approval.changes])
    if (row := _subject_row(approval)) is None:
        return _("“%s” no longer exists.") % approval.name
    if content_hash(SUBJECTS[approval.kind].content(row)) != approval.content_hash:
        return _("“%s” has been changed since.") % approval.name
    return ""


def may_decide(approval: Approval, by: Any) -> bool:
    """Whether somebody is a second person here."""
    return by.has_perm("campaigns.approve_approval") and by.pk not in _first_persons(approval)


def waiting_for(by: Any) -> list[Approval]:
    """What waits for somebody to decide."""
    if not by.has_perm("campaigns.approve_approval"):
        return []
    rows = Approval.objects.filter(status=Status.WAITING).exclude(requested_by=by)
    return [approval for approval in rows.defer("dry_run") if may_decide(approval, by)]


def _expect_second_person(approval: Approval, by: Any) -> None:
    if not by.has_perm("campaigns.approve_approval"):
        raise ApprovalRefused(_("You do not have permission to approve requests."))
    if by.pk in _first_persons(approval):
        raise ApprovalRefused(
            _(
                "A second person must decide: neither the person who requested it nor the "
                "last person to change it."
            )
        )


def _first_persons(approval: Approval) -> set[int | None]:
    row = _subject_row(approval)
    makers = SUBJECTS[approval.kind].makers(row) if row is not None else set()
    return {approval.requested_by_id, *makers}


def _locked(approval: Approval, *wanted: str) -> Approval:
    approval = Approval.objects.select_for_update(of=("self",)).get(pk=approval.pk)
    if approval.status not in wanted:
        text = _("Its status is “%(status)s”.") % {"status": approval.get_status_display()}
        raise ApprovalRefused(text)
    return approval


def _decide(approval: Approval, status: str, *, by: Any, at: datetime, note: str) -> None:
    approval.status, approval.answer = status, note
    approval.decided_by, approval.decided_at = by, at
    approval.save(update_fields=["status", "answer", "decided_by", "decided_at"])


def _withdraw(approval: Approval, reason: str) -> None:
    """Without a person: an edit did it. Who had approved stays on record."""
    Approval.objects.filter(pk=approval.pk).update(status=Status.WITHDRAWN, reason=reason)


def _subject_row(approval: Approval) -> Any:
    return None if approval.kind == Kind.RULES else SUBJECTS[approval.kind].find(approval.object_id)


def _changed_rows(approval: Approval) -> list[Model]:
    """The rows that a change of rules left there, for their history."""
    changes = [RowChange(**change) for change in approval.changes]
    rows = [c.model._default_manager.filter(pk=c.pk).first() for c in changes if c.pk and c.new]
    return [row for row in rows if row is not None]


def _log(by: Any, said: str, approval: Approval, *rows: Model | None) -> None:
    for row in (approval, *rows):
        if row is not None:
            text = said if row is approval else f"{said} ({approval})"
            LogEntry.objects.log_actions(by.pk, [row], CHANGE, text, single_object=True)
