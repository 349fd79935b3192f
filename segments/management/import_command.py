"""Base class of the import commands."""

import sys
import time
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from tqdm import tqdm

from optiengine.lib.command import FiguresCommand
from segments.errors import ImportRefused
from segments.imports.import_file import create_import, run_import
from segments.imports.preview_file import preview_file
from segments.imports.spec import ImportOptions
from segments.models import ImportJob

NAMES = ("dates", "decimal", "strict", "empty", "country")  # of options of every kind


def pair(text: str) -> tuple[str, str]:
    """Type of an argument FIELD=COLUMN: argparse refuses a value without "="."""
    name, equals, column = text.partition("=")
    if not equals:
        raise ValueError
    return name.strip(), column.strip()


def show(bar: tqdm, n_bytes: int) -> None:
    bar.update(n_bytes - bar.n)


class ImportCommand(FiguresCommand):
    """Imports one file. Rejected rows are counted and stored; they do not make it fail."""

    kind = ""
    columns = {
        "import": "number of the import, as in the admin",
        "encoding": "of the file, as detected",
        "delimiter": "of the file, as detected",
        "mapping": "field → column of the file",
        "n_rows": "rows in the file, without the header and blank lines",
        "n_created": "rows that created a record",
        "n_updated": "rows that changed a record",
        "n_unchanged": "rows without a change",
        "n_rejected": "rows rejected; these four add up to n_rows",
        "n_warnings": "cells that could not be read, in rows that were imported without them",
        "n_kept_withdrawn": "rows with a yes for a consent that was withdrawn and stays so",
        "warnings": "the same by column, with the first of the cells",
        "rejected_file": "file of the rejected rows and of those with warnings, with line, level\n"
        + " " * 25
        + "and reason; empty if there are none",
        "seconds": "wall time",
    }

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", help="The CSV file, plain or gzip.")
        parser.add_argument("--mode", choices=ImportJob.Mode.values, default="upsert")
        parser.add_argument(
            "--map",
            action="append",
            type=pair,
            default=[],
            metavar="FIELD=COLUMN",
            help="The column for a field, where the heading is not recognised. FIELD= leaves the "
            "field out. May be repeated.",
        )
        parser.add_argument(
            "--ignore", action="append", default=[], metavar="COLUMN", help="A column to leave out."
        )
        parser.add_argument(
            "--source", default="file", help="Name of the system that the file comes from."
        )
        parser.add_argument(
            "--encoding", default="", help="Encoding of the file (default: detected)."
        )
        parser.add_argument(
            "--dates",
            choices=["auto", "iso", "dmy", "mdy"],
            default="auto",
            help="What 03/04/2026 means: dmy or mdy; iso: nothing; auto: what its column says.",
        )
        parser.add_argument(
            "--decimal",
            choices=["auto", ".", ","],
            default="auto",
            help="Decimal mark; auto: what the column says.",
        )
        parser.add_argument(
            "--strict",
            action="store_true",
            help="Reject a row if any of its cells cannot be read (default: only if its ID, time "
            "or amount cannot be read; other cells are left out with a warning).",
        )
        parser.add_argument(
            "--empty",
            choices=["keep", "clear"],
            default="keep",
            help="What an empty cell does to a stored value (default: keep).",
        )
        parser.add_argument(
            "--country",
            type=str.upper,
            default="",
            help="Country (ISO 3166) of phone numbers without a country code (default: the "
            "organisation's).",
        )
        parser.add_argument(
            "--at", type=parse_datetime, help="Moment of the import, with time zone (default: now)."
        )

        parser.add_argument(
            "--made-at",
            type=parse_datetime,
            help="When the file was made, with time zone: what it says about consents counts as "
            "said then (default: --at if it is given, otherwise when the file was last changed).",
        )

    def options_of(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """The import's options from the command's."""
        return {name: options[name] for name in NAMES} | {"ignore": tuple(options["ignore"])}

    def mapping_of(self, options: Mapping[str, Any]) -> dict[str, str]:
        return dict(options["map"])

    def ask(self, options: dict[str, Any], at: datetime) -> None:
        """Ask the person at the terminal what the file leaves open; answers go into `options`."""
        shown = preview_file(
            options["file"],
            self.kind,
            self.mapping_of(options),
            at=at,
            options=ImportOptions(**self.options_of(options)),
            encoding=options["encoding"],
            n_rows=1,
        )
        for column in shown.read:
            if column.question:
                self.stderr.write(column.question)
                options[column.option] = input(f"--{column.option} ").strip()

    def compute(self, **options: Any) -> dict[str, Any]:
        at = options["at"] or timezone.now()
        made_at = options["made_at"] or options["at"]
        for name, moment in (("--at", at), ("--made-at", made_at)):
            if moment is not None and timezone.is_naive(moment):
                raise CommandError(f"{name} needs a time zone: 2026-03-01T09:00+00:00.")
        started = time.monotonic()
        try:
            if sys.stdin.isatty():
                self.ask(options, at)
            job = create_import(
                kind=self.kind,
                path=options["file"],
                mode=options["mode"],
                mapping=self.mapping_of(options),
                source=options["source"],
                encoding=options["encoding"],
                options=ImportOptions(**self.options_of(options)),
                at=at,
                made_at=made_at,
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
            "n_warnings": job.n_warnings,
            "n_kept_withdrawn": job.n_kept_withdrawn,
            "warnings": job.warnings,
            "rejected_file": job.rejected_path,
            "seconds": round(time.monotonic() - started, 2),
        }
