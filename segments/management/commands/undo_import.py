from collections.abc import Mapping
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.utils import timezone

from optiengine.lib.command import FiguresCommand
from segments.errors import ImportRefused
from segments.imports.undo_import import undo_import
from segments.models import ImportJob


class Command(FiguresCommand):
    help = """Undo an import, as long as no decision has been made since.

What it created is removed, and what it changed says again what it said before. Possible for 30
days; later imports have to be undone first. Undone as a whole or not at all."""
    columns = {
        "import": "number of the import, as in the admin",
        "file": "name of its file",
        "n_created": "rows that it had created",
        "n_updated": "rows that it had changed",
        "n_kept": "rows that keep what was said of them since",
    }

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("import", type=int, help="Number of the import.")

    def compute(self, **options: Any) -> Mapping[str, Any]:
        job = ImportJob.objects.filter(pk=options["import"]).first()
        if job is None:
            raise CommandError(f"There is no import {options['import']}.")
        try:
            n_kept = undo_import(job, at=timezone.now())
        except ImportRefused as refused:
            raise CommandError(str(refused)) from None
        return {
            "import": job.pk,
            "file": job.file_name,
            "n_created": job.n_created,
            "n_updated": job.n_updated,
            "n_kept": n_kept,
        }
