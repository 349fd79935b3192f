"""How a file is probably meant: as the last one with its headings was, or as its system writes it.

What a person says always wins over it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from typing import Any

from segments.imports.known_exports.catalogue import recognise
from segments.imports.known_exports.known_export import KnownExport
from segments.imports.known_exports.order_states import KINDS
from segments.imports.spec import ImportOptions
from segments.imports.values.headings import normal
from segments.models import ImportJob

N_JOBS = 200  # of the kind that are looked through, the newest first
SIMILAR = 0.8  # share of headings that two files have in common, to be of one kind
SAID_OF_ONE_FILE = {"consented"}  # the next file with these headings may be of other people
NAMES_OF_COLUMNS = ("leave_out", "take_only")
KIND_HEADINGS = {"kind", "type", "event", "eventtype", "eventkind"}
MAPPINGS = {*NAMES_OF_COLUMNS, "kinds"}


@dataclass(frozen=True)
class SuggestedSettings:
    """mapping : our field → column. options : those of ImportOptions that differ from its defaults.
    suggest_for : columns about which nothing is known, None for all. like : the import they were
    taken from. export : what the file was recognised as, by its headings.
    """

    mapping: dict[str, str] = field(default_factory=dict)
    options: dict[str, Any] = field(default_factory=dict)
    source: str = "file"
    suggest_for: tuple[str, ...] | None = None
    like: ImportJob | None = None
    export: KnownExport | None = None

    def import_options(self, **chosen: Any) -> ImportOptions:
        """With what was chosen, where that differs from the defaults."""
        defaults = {option.name: getattr(ImportOptions(), option.name) for option in OPTIONS}
        said = {name: value for name, value in chosen.items() if value != defaults[name]}
        for name in MAPPINGS & said.keys():  # what is said of one cell leaves the others alone
            known = self.options.get(name, {})
            if name in NAMES_OF_COLUMNS:
                said[name] = {
                    column: tuple(dict.fromkeys((*known.get(column, ()), *cells)))
                    for column, cells in said[name].items()
                }
            said[name] = {**known, **said[name]}
        return ImportOptions(**{**self.options, **said})


OPTIONS = fields(ImportOptions)


def suggest_settings(
    kind: str, columns: Sequence[str], *, as_is: bool = False
) -> SuggestedSettings:
    """as_is : know nothing but the names of our own fields."""
    if as_is:
        return SuggestedSettings()
    export = recognise(columns)
    if export and export.kind != kind:
        return SuggestedSettings(export=export)
    if job := _last_like(kind, columns, export):
        return _as_before(job, columns, export)
    if export:
        return SuggestedSettings(
            mapping=export.mapping_of(columns),
            options=export.options_of(columns),
            source=export.source,
            suggest_for=(),
            export=export,
        )
    if kind == ImportJob.Kind.EVENTS and KIND_HEADINGS & {normal(column) for column in columns}:
        return SuggestedSettings(options={"kinds": KINDS})
    return SuggestedSettings()


def _last_like(kind: str, columns: Sequence[str], export: KnownExport | None) -> ImportJob | None:
    """The last import whose file had these headings, else nearly these, and was the same export."""
    jobs = ImportJob.objects.filter(kind=kind, status=ImportJob.Status.DONE)
    names = {normal(column) for column in columns}
    similar = None
    for job in jobs.order_by("-pk")[:N_JOBS]:
        before = {normal(column) for column in job.dialect.get("columns", ())}
        if before == names:
            return job
        is_similar = len(before & names) >= SIMILAR * len(before | names)
        if similar is None and is_similar and recognise(job.dialect["columns"]) == export:
            similar = job
    return similar


def _as_before(
    job: ImportJob, columns: Sequence[str], export: KnownExport | None
) -> SuggestedSettings:
    here = {normal(column): column for column in reversed(columns)}
    before = {column: here.get(normal(column), "") for column in job.dialect["columns"]}
    mapping = {}
    for name, column in job.mapping.items():
        parts = [before.get(part.strip(), "") for part in _parts(column, before)]
        if all(parts):
            mapping[name] = "*".join(parts)
    options = {
        option.name: getattr(ImportOptions.from_json(job.options), option.name)
        for option in OPTIONS
        if option.name in job.options and option.name not in SAID_OF_ONE_FILE
    }
    for name in NAMES_OF_COLUMNS:
        options[name] = {
            before[column]: tuple(cells)
            for column, cells in options.get(name, {}).items()
            if before.get(column)
        }
    options["ignore"] = tuple(filter(None, (before.get(c) for c in options.get("ignore", ()))))
    if column := options.get("return_column"):
        if not before.get(column):
            options["return_prefix"] = ""
        options["return_column"] = before.get(column, "")
    return SuggestedSettings(
        mapping=mapping,
        options=options,
        source=job.source,
        suggest_for=tuple(column for column in columns if column not in before.values()),
        like=job,
        export=export,
    )


def _parts(column: str, columns: dict[str, str]) -> list[str]:
    return [column] if column in columns else column.split("*")
