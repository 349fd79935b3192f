"""Files that somebody handed in to be imported: kept by a name of ours, imported once."""

import hashlib
import re
from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

from django.conf import settings
from django.db import connection, transaction
from django.utils.translation import gettext as _

from segments.errors import ImportRefused
from segments.imports.import_file import create_import
from segments.models import ImportJob

KEPT = timedelta(days=2)  # for an upload that nobody confirmed, or that was imported


def store_upload(chunks: Iterable[bytes], *, at: datetime) -> tuple[str, str]:
    """Write an upload to disk as it comes in; returns its name and SHA-256.

    Forgets old uploads on the way, except those of imports that are still to run.
    """
    folder = Path(settings.DATA_DIR) / "uploads"
    folder.mkdir(parents=True, exist_ok=True)
    _forget_old(folder, before=at - KEPT)
    name, digest = uuid4().hex, hashlib.sha256()
    with (folder / name).open("xb") as file:
        for chunk in chunks:
            digest.update(chunk)
            file.write(chunk)
    return name, digest.hexdigest()


def upload_path(name: str) -> Path:
    """Where an upload lies. Raises ImportRefused for one that was forgotten, or never was."""
    path = Path(settings.DATA_DIR) / "uploads" / name
    if not re.fullmatch(r"[0-9a-f]{32}", name) or not path.is_file():
        raise ImportRefused(_("The uploaded file is no longer available. Upload it again."))
    return path


def confirm_upload(name: str, sha256: str, **job: Any) -> tuple[ImportJob, bool]:
    """The one import of an upload, and whether it was made just now.

    Confirming again, or from two windows at once, answers the import that is there. sha256 : of
    the file whose preview was confirmed. job : what `create_import` takes. Raises ImportRefused.
    """
    path = upload_path(name).resolve()
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(hashtext('upload'), hashtext(%s))", [name])
        if known := ImportJob.objects.filter(path=str(path)).first():
            return known, False
        made = create_import(path=path, **job)
        if made.sha256 != sha256:
            raise ImportRefused(_("The file differs from the one shown in the preview."))
        return made, True


def _forget_old(folder: Path, *, before: datetime) -> None:
    needed = set(
        ImportJob.objects.exclude(status=ImportJob.Status.DONE).values_list("path", flat=True)
    )
    for path in folder.iterdir():
        old = path.is_file() and path.stat().st_mtime < before.timestamp()
        if old and str(path.resolve()) not in needed:
            path.unlink(missing_ok=True)
