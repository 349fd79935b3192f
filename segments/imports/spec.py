"""What the kinds of import differ in; everything else they share."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from django.db.backends.utils import CursorWrapper
from django.utils.translation import gettext as _

from optiengine.lib.countries import country_of_zones
from optiengine.lib.hooks import Hook
from segments.channels import CHANNELS, EMAIL
from segments.errors import ImportRefused
from segments.imports.fields import DATES, DECIMALS, Field
from segments.shapes import KIND, MAX_KIND

Values = Mapping[str, Sequence[str]]


@dataclass(frozen=True)
class ImportOptions:
    """What cannot be read from a file and has to be said. Stored as ImportJob.options."""

    dates: str = "auto"  # iso, dmy or mdy: what 03/04/2026 means; auto: what the column says
    decimal: str = "auto"  # the decimal mark, . or ,; auto: what the column says
    default_kind: str = "order"  # of events, where no column says it
    return_column: str = ""  # an event whose cell here begins with `return_prefix` is a return
    return_prefix: str = ""
    create_customers: bool = False  # of events and contacts: make customers that are not known
    reject_unknown: bool = False  # of events and contacts: not even wait for their customers
    create_campaigns: bool = False  # of contacts: make campaigns that are not known, as ended
    channel: str = EMAIL  # of the actions that are made with them
    country: str = ""  # ISO 3166: of phone numbers without a country code; else the organisation's
    ignore: tuple[str, ...] = ()  # columns of the file that are not wanted
    strict: bool = False  # a cell that cannot be read rejects its row, whatever its column
    empty: str = "keep"  # or clear: what an empty cell does to a value that is stored
    leave_out: Values = field(default_factory=dict)  # column → cells whose rows are not imported
    take_only: Values = field(default_factory=dict)  # column → cells whose rows alone are
    kinds: Mapping[str, str] = field(default_factory=dict)  # cell → the kind of event it means
    order_states: bool = False  # the column of kinds has the states of orders, as shops call them
    line_items: bool = False  # further rows of an event's id are items of the same order
    consented: tuple[str, ...] = ()  # channels that everyone in the file has agreed to

    def __post_init__(self) -> None:
        if self.dates not in DATES:
            raise ImportRefused(
                _("“%s” is not a valid date format. Use auto, iso, dmy or mdy.") % self.dates
            )
        if self.decimal not in DECIMALS:
            raise ImportRefused(_("The decimal mark must be a point, a comma or auto."))
        if self.empty not in ("keep", "clear"):
            raise ImportRefused(_("“%s” is not valid. Empty cells keep or clear.") % self.empty)
        if self.country and self.country not in set(country_of_zones().values()):
            raise ImportRefused(
                _("“%s” is not a valid country. Use a two-letter ISO 3166 code.") % self.country
            )
        if bool(self.return_column) != bool(self.return_prefix):
            raise ImportRefused(_("Specify both a column and a prefix to identify returns."))
        for kind in self.kinds.values():
            if len(kind) > MAX_KIND or not re.match(KIND, kind):
                raise ImportRefused(
                    _("“%s” is not a valid event kind. Use at most 40 letters and digits.") % kind
                )
        for channel in self.consented:
            if channel not in CHANNELS:
                raise ImportRefused(_("“%s” is not a channel.") % channel)

    @property
    def columns(self) -> set[str]:
        """Columns that decide which rows count."""
        return {*self.leave_out, *self.take_only}

    def as_json(self) -> dict[str, Any]:
        stored = asdict(self)
        for name in ("leave_out", "take_only"):
            stored[name] = {column: list(cells) for column, cells in stored[name].items()}
        return stored | {name: list(stored[name]) for name in ("ignore", "consented")}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> "ImportOptions":
        lists = {name: tuple(stored.get(name, ())) for name in ("ignore", "consented")}
        return cls(**{**stored, **lists})


@dataclass(frozen=True)
class ImportPlan:
    """One import, understood: which of our fields is which column, and what else counts.

    cells : SQL of each of the file's columns. used : names of the mapped fields. also : further
    columns that say the same as a field's. extras : columns that no field uses. respelt : the
    cells, as in `cells`, of columns with spellings that were read in Python. currency : the
    organisation's.
    """

    at: datetime
    zone: str
    source: str
    mode: str
    options: ImportOptions
    cells: Mapping[str, str]
    mapping: Mapping[str, str] = field(default_factory=dict)
    also: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    extras: tuple[str, ...] = ()
    respelt: frozenset[str] = frozenset()
    currency: str = "EUR"
    made_at: datetime | None = None  # when the file was made; by default when it is imported
    job_id: int | None = None
    is_1904: bool = False  # a workbook whose days are counted from 1904

    @property
    def said_at(self) -> datetime:
        """The time of what the file says without a time of its own."""
        return min(self.made_at or self.at, self.at)

    @property
    def used(self) -> set[str]:
        return set(self.mapping)


@dataclass(frozen=True)
class ImportCounts:
    """What became of the rows of a file. Adds up: every row is in exactly one of these."""

    created: int = 0
    updated: int = 0
    unchanged: int = 0
    waiting: int = 0

    def __add__(self, other: "ImportCounts") -> "ImportCounts":
        return ImportCounts(
            self.created + other.created,
            self.updated + other.updated,
            self.unchanged + other.unchanged,
            self.waiting + other.waiting,
        )


class RacedByOthers(Exception):
    """Someone else wrote rows of ours between our look and our write: look again."""


@dataclass(frozen=True)
class ImportSpec:
    """One kind of import.

    fields : our fields, as they are read under a plan's options.
    outputs : columns of the table of checked rows, as SQL over the fields' values; NULL of a
        mapped field is "no value". The merge reads these, and `warned`: the names of the fields
        whose cells could not be read, an array, NULL where there are none.
    key : outputs that name a row; a file may hold each key once.
    refusals : SQL of sentences over the fields' values that refuse a row, NULL where they do not.
    judge : refuses rows for what several of their values say together.
    prepare : makes what must be there before the transaction, such as partitions.
    merge : the rows that are left, into our tables, in one transaction under the kind's lock.
    """

    kind: str
    fields: Callable[[ImportPlan], list[Field]]
    outputs: Callable[[ImportPlan], dict[str, str]]
    key: tuple[str, ...]
    prepare: Callable[[CursorWrapper, ImportPlan], None]
    merge: Callable[[CursorWrapper, ImportPlan], ImportCounts]
    extras: str = ""  # the output that holds the other columns as JSON; empty: they are left out
    refusals: Callable[[ImportPlan], list[str]] = lambda plan: []
    judge: Callable[[CursorWrapper, ImportPlan], None] = lambda cursor, plan: None
    also_required: Callable[[ImportPlan], str] = lambda plan: ""  # a sentence, when not satisfied


IMPORTS: Hook[ImportSpec] = Hook(key=lambda spec: spec.kind)


def spec_of(kind: str) -> ImportSpec:
    if kind not in IMPORTS:
        raise ImportRefused(_("“%s” is not a valid kind of import.") % kind)
    return IMPORTS[kind]
