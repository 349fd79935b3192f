"""What the import commands have in common."""

import time
from collections.abc import Mapping
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from tqdm import tqdm

from optiengine.lib.command import FiguresCommand
from segments.errors import ImportRefused
from segments.imports.import_file import create_import, run_import
from segments.imports.spec import ImportOptions
from segments.models import ImportJob


def pair(text: str) -> tuple[str, str]:
    """FIELD=COLUMN; an argument's type, so argparse refuses what has no =."""
    name, equals, column = text.partition("=")
    if not equals:
        raise ValueError
    return name.strip(), column.strip()


def show(bar: tqdm, n_bytes: int) -> None:
    bar.update(n_bytes - bar.n)


class ImportCommand(FiguresCommand):
    """Imports one file of a kind. Rejected rows are counted and kept; they are no failure."""

    kind = ""
    columns = {
        "import": "number of the import, as in the admin",
        "encoding": "of the file, as detected",
        "delimiter": "between its cells, as detected",
        "mapping": "our field → the file's column",
        "n_rows": "rows in the file, without the header and blank lines",
        "n_created": "rows that made something new",
        "n_updated": "rows that changed something",
        "n_unchanged": "rows that said nothing new",
        "n_rejected": "rows refused; the four add up to n_rows",
        "rejected_file": "the refused rows with line and reason; empty: none",
        "seconds": "wall time",
    }

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", help="CSV, plain or gzip; encoding and dialect are detected.")
        parser.add_argument("--mode", choices=ImportJob.Mode.values, default="upsert")
        parser.add_argument(
            "--map",
            action="append",
            type=pair,
            default=[],
            metavar="FIELD=COLUMN",
            help="Which column is which of our fields; the others are guessed. FIELD= leaves "
            "the field out. May be repeated.",
        )
        parser.add_argument(
            "--ignore", action="append", default=[], metavar="COLUMN", help="A column not wanted."
        )
        parser.add_argument("--source", default="file", help="Name of the system it came from.")
        parser.add_argument("--encoding", default="", help="Instead of the detected one.")
        parser.add_argument(
            "--dates", choices=["iso", "dmy", "mdy"], default="iso", help="What 03/04/2026 means."
        )
        parser.add_argument("--decimal", choices=[".", ","], default=".", help="Decimal mark.")
        parser.add_argument(
            "--at", type=parse_datetime, help="The moment of the import (ISO, with zone); now."
        )

    def options_of(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """The import's options from the command's."""
        return {name: options[name] for name in ("dates", "decimal")} | {
            "ignore": tuple(options["ignore"])
        }

    def mapping_of(self, options: Mapping[str, Any]) -> dict[str, str]:
        return dict(options["map"])

    def compute(self, **options: Any) -> dict[str, Any]:
        at = options["at"] or timezone.now()
        if timezone.is_naive(at):
            raise CommandError("--at needs a zone, as in 2026-03-01T09:00+00:00.")
        started = time.monotonic()
        try:
            job = create_import(
                kind=self.kind,
                path=options["file"],
                mode=options["mode"],
                mapping=self.mapping_of(options),
                source=options["source"],
                encoding=options["encoding"],
                options=ImportOptions(**self.options_of(options)),
                at=at,
            )
            with tqdm(total=job.n_bytes, unit="B", unit_scale=True, disable=None) as bar:
                job = run_import(job, progress=lambda n, _total: show(bar, n))
        except ImportRefused as refusal:
            raise CommandError(str(refusal)) from None
        if job.status != ImportJob.Status.DONE:
            raise CommandError(job.error)
        return {
            "import": job.pk,
            "encoding": job.encoding,
            "delimiter": job.dialect["delimiter"],
            "mapping": job.mapping,
            "n_rows": job.n_rows,
            "n_created": job.n_created,
            "n_updated": job.n_updated,
            "n_unchanged": job.n_unchanged,
            "n_rejected": job.n_rejected,
            "rejected_file": job.rejected_path,
            "seconds": round(time.monotonic() - started, 2),
        }
