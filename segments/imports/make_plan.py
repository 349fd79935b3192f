"""One import, understood: the file's columns against our fields."""

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import datetime

from django.utils.translation import gettext as _

from segments.errors import ImportRefused
from segments.imports.fields import Field
from segments.imports.file_format import FileFormat
from segments.imports.mapping import complete_mapping, require_fields, say_the_same
from segments.imports.spec import ImportOptions, ImportPlan, ImportSpec
from segments.imports.staging import cells_of, extras_of
from segments.models import Organisation


def make_plan(
    spec: ImportSpec,
    file_format: FileFormat,
    mapping: Mapping[str, str] | None,
    options: ImportOptions,
    *,
    at: datetime,
    source: str = "file",
    mode: str = "upsert",
    is_final: bool = False,
    suggest_for: Collection[str] | None = None,
    made_at: datetime | None = None,
    job_id: int | None = None,
) -> ImportPlan:
    """Understand one import. `is_final` takes the mapping as it is, without suggestions."""
    columns, organisation = file_format.columns, Organisation.current()
    plan = ImportPlan(
        at=at,
        zone=organisation.time_zone,
        currency=organisation.currency,
        source=source,
        mode=mode,
        options=options,
        cells=cells_of(file_format),
        made_at=made_at,
        job_id=job_id,
        is_1904=file_format.is_1904,
    )
    if not is_final:
        mapping = complete_mapping(columns, spec.fields(plan), mapping or {}, suggest_for)
    plan = replace(plan, mapping=dict(mapping or {}))
    plan = replace(
        plan, also=say_the_same(columns, spec.fields(plan), plan.mapping, options.ignore)
    )
    return replace(plan, extras=extras_of(columns, plan) if spec.extras else ())


def require_columns(spec: ImportSpec, plan: ImportPlan, file_format: FileFormat) -> None:
    fields: list[Field] = spec.fields(plan)
    require_fields(plan.mapping, fields, file_format.columns)
    for column in sorted(plan.options.columns - set(file_format.columns)):
        raise ImportRefused(
            _("The file has no column “%(column)s”. Its columns: %(columns)s.")
            % {"column": column, "columns": ", ".join(file_format.columns)}
        )
    if problem := spec.also_required(plan):
        raise ImportRefused(problem)
