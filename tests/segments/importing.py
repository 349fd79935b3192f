"""Short ways to import a text in a test."""

import csv
from datetime import UTC, datetime
from pathlib import Path

from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from segments.imports.import_file import create_import, run_import
from segments.imports.spec import ImportOptions
from segments.models import ImportJob

NOW = datetime(2026, 3, 1, 9, tzinfo=UTC)


def import_bytes(folder: Path, content: bytes, *, kind="customers", at=NOW, **more) -> ImportJob:
    """Write a file and import it; option fields of ImportOptions may be given by name."""
    names = ImportOptions.__dataclass_fields__
    options = ImportOptions(**{name: more.pop(name) for name in list(more) if name in names})
    path = folder / "file.csv"
    path.write_bytes(content)
    return run_import(create_import(kind=kind, path=path, at=at, options=options, **more))


def import_text(folder: Path, text: str, **more) -> ImportJob:
    return import_bytes(folder, text.encode(), **more)


def counts(job: ImportJob) -> tuple[int, int, int, int, int]:
    """Rows, created, updated, unchanged, rejected; of a job that is done."""
    assert job.status == "done", job.error
    return job.n_rows, job.n_created, job.n_updated, job.n_unchanged, job.n_rejected


def rejected(job: ImportJob) -> dict[int, str]:
    """Line → reason, of the rows that were rejected."""
    return _reasons(job, "error")


def warned(job: ImportJob) -> dict[int, str]:
    """Line → reason, of the rows that were imported without some of their cells."""
    return _reasons(job, "warning")


def _reasons(job: ImportJob, level: str) -> dict[int, str]:
    if not job.rejected_path:
        return {}
    with Path(job.rejected_path).open(encoding="utf-8-sig", newline="") as file:
        return {
            int(row["rejected_line"]): row["rejected_reason"]
            for row in csv.DictReader(file)
            if row["rejected_level"] == level
        }


def uploaded(client, content: str | bytes, kind="customers") -> str:
    """Upload a file in the admin; the address of its preview."""
    content = content if isinstance(content, bytes) else content.encode()
    file = SimpleUploadedFile("file.csv", content)
    answer = client.post(reverse("admin:segments_importjob_add"), {"kind": kind, "file": file})
    return answer.url


def filled_in(page, **changes) -> dict:
    """The form of a preview as it is shown, with changes."""
    form = page.context["form"]
    values = {name: form.initial.get(name, "") for name in form.fields}
    return {name: value for name, value in values.items() if value} | changes
