"""Imports: choose a file, confirm what was understood of it, watch it being imported."""

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.contrib import admin
from django.core import signing
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import FileResponse, Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST
from django_q.tasks import async_task
from unfold.decorators import display

from optiengine.lib.admin import ReadOnlyAdmin
from optiengine.lib.figures import number
from segments.errors import ImportRefused
from segments.imports.admin.import_forms import MappingForm, UploadForm, options_in_words
from segments.imports.known_exports.catalogue import recognise
from segments.imports.preview_file import Preview, preview_file
from segments.imports.undo_import import undo_problem
from segments.imports.uploads import confirm_upload, store_upload, upload_path
from segments.models import ImportJob

Status = ImportJob.Status
TASK = "segments.tasks.run_import_task"
SALT = "segments.import"
CONFIRM_WITHIN = 24 * 3600  # seconds after the upload
COLOURS = {
    "waiting": "info",
    "running": "info",
    "done": "success",
    "failed": "danger",
    "undoing": "info",
    "undone": "warning",
}
UNDO_TASK = "segments.tasks.undo_import_task"


@admin.register(ImportJob)
class ImportJobAdmin(ReadOnlyAdmin):
    list_display = [
        "file_name",
        "kind",
        "status_label",
        "rows",
        "created",
        "updated",
        "unchanged",
        "rejected",
        "left_out",
        "n_cells_warned",
        "kept_withdrawn",
        "created_at",
        "created_by",
    ]
    list_select_related = ["created_by"]
    list_filter = ["kind", "status"]
    search_fields = ["file_name"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("segments.add_importjob")

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [
            path("confirm/<str:token>/", view(self.confirm_view), name="segments_import_confirm"),
            path("<int:pk>/progress/", view(self.progress_view), name="segments_import_progress"),
            path("<int:pk>/rejected/", view(self.rejected_view), name="segments_import_rejected"),
            path(
                "<int:pk>/again/",
                view(require_POST(self.again_view)),
                name="segments_import_again",
            ),
            path("<int:pk>/undo/", view(self.undo_view), name="segments_import_undo"),
            *super().get_urls(),
        ]

    @display(description=gettext_lazy("status"), ordering="status", label=COLOURS)
    def status_label(self, job: ImportJob) -> tuple[str, str]:
        return job.status, job.get_status_display()

    @admin.display(description=gettext_lazy("rows"), ordering="n_rows")
    def rows(self, job: ImportJob) -> str:
        return number(job.n_rows)

    @admin.display(description=gettext_lazy("created"), ordering="n_created")
    def created(self, job: ImportJob) -> str:
        return number(job.n_created)

    @admin.display(description=gettext_lazy("updated"), ordering="n_updated")
    def updated(self, job: ImportJob) -> str:
        return number(job.n_updated)

    @admin.display(description=gettext_lazy("unchanged"), ordering="n_unchanged")
    def unchanged(self, job: ImportJob) -> str:
        return number(job.n_unchanged)

    @admin.display(description=gettext_lazy("rejected"), ordering="n_rejected")
    def rejected(self, job: ImportJob) -> str:
        return number(job.n_rejected)

    @admin.display(description=gettext_lazy("left out"), ordering="n_left_out")
    def left_out(self, job: ImportJob) -> str:
        return number(job.n_left_out)

    @admin.display(description=gettext_lazy("warnings"), ordering="n_warnings")
    def n_cells_warned(self, job: ImportJob) -> str:
        return number(job.n_warnings)

    @admin.display(description=gettext_lazy("kept withdrawn"), ordering="n_kept_withdrawn")
    def kept_withdrawn(self, job: ImportJob) -> str:
        return number(job.n_kept_withdrawn)

    def add_view(
        self,
        request: HttpRequest,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Step 1: the file. It is written to disk as it comes in, and looked at."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        posted = request.method == "POST"
        form = (
            UploadForm(request.POST, request.FILES)
            if posted
            else UploadForm(initial={"kind": request.GET.get("kind", ImportJob.Kind.CUSTOMERS)})
        )
        if posted and form.is_valid():
            upload, kind = form.cleaned_data["file"], form.cleaned_data["kind"]
            name, sha256 = store_upload(upload.chunks(), at=timezone.now())
            try:
                preview_file(upload_path(name), kind, at=timezone.now(), n_rows=1)
            except ImportRefused as refusal:
                upload_path(name).unlink()
                form.add_error("file", str(refusal))
            else:
                made_at = form.made_at(now=timezone.now()).timestamp()
                said = [name, sha256, upload.name[-255:], kind, request.user.pk, made_at]
                token = signing.dumps(said, salt=SALT, compress=True)
                return redirect("admin:segments_import_confirm", token)
        return self._page(request, "segments/import_upload.html", _("Import a file"), form=form)

    def confirm_view(self, request: HttpRequest, token: str) -> HttpResponse:
        """Step 2: the preview. What is confirmed is the very file that was shown, once."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        try:
            name, sha256, file_name, kind, user_id, made_at = signing.loads(
                token, salt=SALT, max_age=CONFIRM_WITHIN
            )
            file = upload_path(name)
        except (signing.BadSignature, ValueError):  # or signed by an earlier release
            return self._refused(request, _("This upload has expired. Upload the file again."))
        except ImportRefused as refusal:
            return self._refused(request, str(refusal))
        if user_id != request.user.pk:
            raise PermissionDenied
        at = timezone.now()
        as_is = "as_is" in request.GET
        table: dict[str, Any] = {
            "sheet": request.GET.get("sheet", ""),
            "header_line": _line(request),
        }
        try:
            shown = preview_file(file, kind, at=at, as_is=as_is, **table)
        except ImportRefused as refusal:
            self.message_user(request, str(refusal), "ERROR")
            table = {}
            shown = preview_file(file, kind, at=at, as_is=as_is)
        moment = datetime.fromtimestamp(made_at, UTC)
        form = MappingForm(request.POST or None, kind=kind, preview=shown, made_at=moment)
        if request.method == "POST" and (other := form.other_table()):
            return redirect(f"{request.path}?{urlencode(other)}")
        if request.method == "POST" and form.is_valid():
            said = form.cleaned_data
            how = table | {"encoding": said.get("encoding", "")}
            try:
                options, mapping = form.options(), form.mapping()
                shown = preview_file(file, kind, mapping, at=at, options=options, **how)
                is_clear = not any(column.question for column in shown.read)
                if "confirm" in request.POST and is_clear:
                    job = self._confirm(
                        name,
                        sha256,
                        kind=kind,
                        file_name=file_name,
                        mode=said["mode"],
                        source=said["source"],
                        mapping=mapping,
                        options=options,
                        by=request.user,
                        made_at=said.get("file_made_at", moment),
                        at=at,
                        **how,
                    )
                    return redirect("admin:segments_importjob_change", job.pk)
            except ImportRefused as refusal:
                form.add_error(None, str(refusal))
        return self._page(
            request,
            "segments/import_confirm.html",
            _("Import %s") % file_name,
            form=form,
            preview=shown,
            headers=_headers(shown),
            kind=ImportJob.Kind(kind).label,
            other_kind=_other_kind(shown, kind),
            as_is=as_is,
            n_problems=sum(bool(row.problem) for row in shown.rows),
            n_warnings=sum(bool(row.warning) for row in shown.rows),
        )

    @transaction.atomic
    def _confirm(self, name: str, sha256: str, **job: Any) -> ImportJob:
        made, is_new = confirm_upload(name, sha256, **job)
        if is_new:
            async_task(TASK, made.pk, task_name=f"import {made.pk}")
        return made

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Step 3: how far it is, and what became of the rows."""
        job = self._job(request, object_id)
        return self._page(
            request,
            "segments/import_job.html",
            str(job),
            job=job,
            colour=COLOURS[job.status],
            progress=_progress(job),
            recognised=recognise(job.dialect.get("columns", ())),
            fields=[(field, column) for field, column in sorted(job.mapping.items())],
            options=options_in_words(job),
            may_run=self.has_add_permission(request) and job.status == Status.FAILED,
            may_undo=_may_undo(request) and job.status == Status.DONE,
        )

    def progress_view(self, request: HttpRequest, pk: int) -> JsonResponse:
        return JsonResponse(_progress(self._job(request, pk)))

    def rejected_view(self, request: HttpRequest, pk: int) -> FileResponse:
        """The refused rows with line and reason, as an attachment."""
        job = self._job(request, pk)
        if not job.rejected_path or not os.path.isfile(job.rejected_path):
            raise Http404(_("There are no rejected rows, or they are no longer stored."))
        stem = Path(job.file_name).name.removesuffix(".gz").removesuffix(".csv")
        return FileResponse(
            Path(job.rejected_path).open("rb"),
            as_attachment=True,
            filename=f"{stem}-rejected.csv",
            content_type="text/csv; charset=utf-8",
        )

    def again_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """A failed import has changed nothing: it can be run again as it is."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        job = self._job(request, pk)
        with transaction.atomic():
            again = ImportJob.objects.filter(pk=job.pk, status=Status.FAILED)
            if again.update(status=Status.WAITING, error=""):
                async_task(TASK, job.pk, task_name=f"import {job.pk}")
        return redirect("admin:segments_importjob_change", job.pk)

    def undo_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """What taking an import back does, or why it cannot be; then a worker does it."""
        job = self._job(request, pk)
        if not _may_undo(request):
            raise PermissionDenied
        problem = undo_problem(job, at=timezone.now())
        if request.method == "POST" and not problem:
            waiting = ImportJob.objects.filter(pk=job.pk, status__in=[Status.DONE, Status.UNDOING])
            if waiting.update(status=Status.UNDOING, error=""):
                async_task(UNDO_TASK, job.pk, request.user.pk, task_name=f"undo import {job.pk}")
                self.log_change(request, job, _("Undo requested."))
            return redirect("admin:segments_importjob_change", job.pk)
        return self._page(
            request, "segments/import_undo.html", _("Undo an import"), job=job, problem=problem
        )

    def _job(self, request: HttpRequest, pk: Any) -> ImportJob:
        if not self.has_view_permission(request):
            raise PermissionDenied
        job = self.get_object(request, pk)
        if job is None:
            raise Http404(_("This import does not exist."))
        return job

    def _refused(self, request: HttpRequest, text: str) -> HttpResponse:
        self.message_user(request, text, "ERROR")
        return redirect(reverse("admin:segments_importjob_add"))

    def _page(
        self, request: HttpRequest, template: str, title: str, **context: Any
    ) -> TemplateResponse:
        shared = self.admin_site.each_context(request)
        return TemplateResponse(
            request, template, {**shared, "title": title, "opts": self.opts, **context}
        )


def _may_undo(request: HttpRequest) -> bool:
    return request.user.has_perm("segments.undo_importjob")


def _line(request: HttpRequest) -> int:
    """The line of headings that was chosen; 0 for none."""
    said = request.GET.get("header_line", "")
    return int(said) if said.isascii() and said.isdigit() and len(said) < 5 else 0


def _other_kind(shown: Preview, kind: str) -> str:
    """What the file holds by its headings, where that is something else than was chosen."""
    export = shown.settings.export
    return str(ImportJob.Kind(export.kind).label) if export and export.kind != kind else ""


def _headers(shown: Preview) -> list[tuple[str, str]]:
    """Each column of the file with what becomes of it."""
    labels = {name: label for name, label, _required in shown.fields}
    becomes = {}
    for name, column in shown.mapping.items():
        for part in [column] if column in shown.columns else column.split("*"):
            becomes[part.strip()] = labels.get(name, name)
    extras = set(shown.extras)
    return [
        (column, becomes.get(column) or (_("kept unchanged") if column in extras else _("skipped")))
        for column in shown.columns
    ]


def _progress(job: ImportJob) -> dict[str, Any]:
    share = job.n_bytes_read / job.n_bytes if job.n_bytes else 0.0
    if job.status in (Status.DONE, Status.UNDONE):
        share = 1.0
    mebibytes = _("%(read)s of %(all)s MiB read") % {
        "read": number(job.n_bytes_read / 2**20, 1),
        "all": number(job.n_bytes / 2**20, 1),
    }
    return {
        "share": round(min(share, 1.0), 4),
        "text": mebibytes if job.status == Status.RUNNING else str(job.get_status_display()),
        "finished": job.status not in (Status.WAITING, Status.RUNNING, Status.UNDOING),
    }
