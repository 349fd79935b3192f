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
from segments.imports.file_format import EncodingNotClear, detect_format
from segments.imports.import_file import create_import, run_import
from segments.imports.preview_file import preview_file
from segments.imports.suggest_settings import SuggestedSettings, suggest_settings
from segments.models import ImportJob

NAMES = ("dates", "decimal", "strict", "empty", "country")  # of options of every kind
READ = ("encoding", "sheet", "header_line")  # how the file is written


def by_first(pairs: list[tuple[str, str]]) -> dict[str, tuple[str, ...]]:
    """All that was said of each name."""
    return {name: tuple(said for n, said in pairs if n == name) for name, _said in pairs}


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
        "recognised_as": "the system and export that the headings belong to",
        "settings_of": "number of the import whose settings were used again",
        "encoding": "of the file, as detected",
        "delimiter": "of the file, as detected",
        "sheet": "of the workbook that was read; empty for a CSV file",
        "header_line": "number of the (last) line with the headings",
        "mapping": "field → column of the file",
        "n_rows": "rows in the file, without the header and blank lines",
        "n_created": "rows that created a record",
        "n_updated": "rows that changed a record",
        "n_unchanged": "rows without a change",
        "n_rejected": "rows rejected",
        "n_left_out": "rows left out by a column's value",
        "n_waiting": "rows that wait for their customers; these six add up to n_rows",
        "n_warnings": "cells that could not be read, in rows that were imported without them",
        "n_kept_withdrawn": "rows with a yes for a consent that was withdrawn and stays so",
        "warnings": "the same by column, with the first of the cells",
        "rejected_file": "file of the rejected rows and of those with warnings, with line, level\n"
        + " " * 25
        + "and reason; empty if there are none",
        "seconds": "wall time",
    }

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", help="The file: CSV, plain or gzip, or a workbook (.xlsx).")
        parser.add_argument(
            "--sheet", default="", help="Sheet of a workbook (default: the first with a table)."
        )
        parser.add_argument(
            "--header-line",
            type=int,
            default=0,
            help="Number of the line with the headings, from 1 (default: detected).",
        )
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
            "--source",
            default="",
            help="Name of the system that the file comes from (default: file, or that of a "
            "recognised export).",
        )
        for name, what in (("--leave-out", "Leave out"), ("--take-only", "Import only")):
            parser.add_argument(
                name,
                action="append",
                type=pair,
                default=[],
                metavar="COLUMN=VALUE",
                help=f"{what} rows with this value in the column, in upper or lower case. "
                "COLUMN= means empty cells. May be repeated.",
            )
        parser.add_argument(
            "--as-is",
            action="store_true",
            help="Use neither the settings of the last file with these headings nor what is known "
            "of exports of other systems.",
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
        return {name: options[name] for name in NAMES} | {
            "ignore": tuple(options["ignore"]),
            "leave_out": by_first(options["leave_out"]),
            "take_only": by_first(options["take_only"]),
        }

    def settings_of(self, options: Mapping[str, Any]) -> SuggestedSettings:
        read = {name: options[name] for name in READ}
        file_format = detect_format(options["file"], **read)
        return suggest_settings(self.kind, file_format.columns, as_is=options["as_is"])

    def mapping_of(self, options: Mapping[str, Any]) -> dict[str, str]:
        return dict(options["map"])

    def ask(self, options: dict[str, Any], at: datetime) -> None:
        """Ask the person at the terminal what the file leaves open; answers go into `options`."""
        try:
            settings = self.settings_of(options)
        except EncodingNotClear as refusal:
            self.stderr.write(str(refusal))
            options["encoding"] = input("--encoding ").strip()
            settings = self.settings_of(options)
        shown = preview_file(
            options["file"],
            self.kind,
            settings.mapping | self.mapping_of(options),
            at=at,
            options=settings.import_options(**self.options_of(options)),
            n_rows=1,
            **{name: options[name] for name in READ},
        )
        for column in shown.read:
            if column.question:
                self.stderr.write(column.question)
                options[column.option] = input(f"--{column.option} ").strip()

    def say(self, settings: SuggestedSettings) -> None:
        """What is known of the file and was used."""
        if settings.export and settings.export.kind != self.kind:
            self.stderr.write(
                f"This looks like {settings.export.name}, a file of {settings.export.kind}."
            )
        elif settings.like:
            self.stderr.write(
                f"Read as the last file with these headings (import {settings.like.pk}). "
                "Use --as-is to ignore its settings."
            )
        elif settings.export:
            self.stderr.write(f"Recognised as {settings.export.name}. Use --as-is if it is not.")

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
            settings = self.settings_of(options)
            self.say(settings)
            job = create_import(
                kind=self.kind,
                path=options["file"],
                mode=options["mode"],
                mapping=settings.mapping | self.mapping_of(options),
                source=options["source"] or settings.source,
                **{name: options[name] for name in READ},
                options=settings.import_options(**self.options_of(options)),
                at=at,
                made_at=made_at,
                suggest_for=settings.suggest_for,
            )
            with tqdm(total=job.n_bytes, unit="B", unit_scale=True, disable=None) as bar:
                job = run_import(job, progress=lambda n, _total: show(bar, n))
        except ImportRefused as refusal:
            raise CommandError(str(refusal)) from None
        if job.status != ImportJob.Status.DONE:
            raise CommandError(job.error)
        return {
            "import": job.pk,
            "recognised_as": settings.export.name if settings.export else "",
            "settings_of": settings.like.pk if settings.like else "",
            "encoding": job.encoding,
            "delimiter": job.dialect["delimiter"],
            "sheet": job.dialect["sheet"],
            "header_line": job.dialect["n_head_lines"],
            "mapping": job.mapping,
            "n_rows": job.n_rows,
            "n_created": job.n_created,
            "n_updated": job.n_updated,
            "n_unchanged": job.n_unchanged,
            "n_rejected": job.n_rejected,
            "n_left_out": job.n_left_out,
            "n_waiting": job.n_waiting,
            "n_warnings": job.n_warnings,
            "n_kept_withdrawn": job.n_kept_withdrawn,
            "warnings": job.warnings,
            "rejected_file": job.rejected_path,
            "seconds": round(time.monotonic() - started, 2),
        }
