"""The import of customers: one row per customer; columns that a file lacks do not change.

An empty cell keeps the stored value or clears it, as the import's options say; of a consent column
it says nothing, because silence is neither consent nor withdrawal. A cell that cannot be read
always keeps the value.
"""

from collections.abc import Iterable
from datetime import timedelta
from functools import lru_cache

from django.db import connection
from django.db.backends.utils import CursorWrapper
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from psycopg.sql import quote

from optiengine.lib.days import known_zones
from segments.channels import ADDRESS_FIELDS
from segments.country_codes import country_codes
from segments.customers.lock_persons import lock_grouped
from segments.customers.settle_addresses import plain_key_sql, settle_customers, settle_rows
from segments.customers.suppress_addresses import mark_customers
from segments.events.waiting_facts import attach_events
from segments.imports import fields as read
from segments.imports.consent_cells import (
    CHANGED,
    PROOF,
    TIME,
    consent_fields,
    consent_outputs,
    consents_of_new,
    record_file_consents,
)
from segments.imports.fields import Field, Respelling
from segments.imports.spec import (
    ImportCounts,
    ImportPlan,
    ImportSpec,
    RacedByOthers,
)
from segments.imports.staging import CHECKED, cell_name, count, reject
from segments.imports.values import headings
from segments.imports.values.countries import Countries
from segments.imports.values.languages import Languages, common_codes
from segments.imports.values.time_zones import UNCLEAR, TimeZones
from segments.models import Organisation
from segments.models.customer import KEY_COLUMNS, PROFILE
from segments.shapes import EARLIEST_BIRTH, LANGUAGE

TEXTS = [name for name, blank in PROFILE.items() if blank == ""]
DATES = [name for name, blank in PROFILE.items() if blank is None]
CHANGES = "import_changes"
WITH_POINTS = r"^[1-9][0-9]{0,2}([.][0-9]{3})+$"  # an id of this shape may be a number


@lru_cache(maxsize=1)
def server_zones() -> frozenset[str]:
    """Time zones that both this machine and the database know: both compute local days."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT name FROM pg_timezone_names")
        return known_zones() & {name for (name,) in cursor.fetchall()} - UNCLEAR


def customer_fields(plan: ImportPlan) -> list[Field]:
    today, order = plan.at.date(), plan.options.dates
    tomorrow = today + timedelta(days=1)
    return [
        Field(
            "external_id",
            gettext_lazy("customer ID"),
            read.identifier(is_customer=True, is_new=True),
            gettext_lazy(
                "“%s” is not a valid ID: it is longer than 100 characters, was altered by a "
                "spreadsheet or stands for nobody."
            ),
            (*CUSTOMER_ID_ALIASES, "id", "customer"),
            is_required=True,
        ),
        Field(
            "email",
            gettext_lazy("e-mail"),
            read.email(),
            gettext_lazy("“%s” is not a valid e-mail address."),
            ("emailaddress", "mail", *headings.EMAIL),
        ),
        Field(
            "phone",
            gettext_lazy("phone"),
            read.phone(),
            gettext_lazy("“%s” is not a valid phone number."),
            ("phonenumber", "mobile", "mobilephone", "telephone", "tel", *headings.PHONE),
        ),
        _name("first_name", gettext_lazy("first name"), FIRST_NAME_ALIASES),
        _name("last_name", gettext_lazy("last name"), LAST_NAME_ALIASES),
        Field(
            "country",
            gettext_lazy("country"),
            read.one_of(country_codes()),
            gettext_lazy(
                "“%s” is not a valid country. Use its name or a two-letter ISO 3166 code."
            ),
            ("countrycode", *headings.COUNTRY),
            respelling=Respelling(f"NOT {read.is_one_of(country_codes())}", Countries),
        ),
        Field(
            "time_zone",
            gettext_lazy("time zone"),
            read.one_of(server_zones()),
            gettext_lazy("“%s” is not a valid time zone. Use an IANA name such as Europe/Lisbon."),
            ("tz", "zone"),
            respelling=Respelling(
                f"NOT {read.is_one_of(server_zones())}", lambda: TimeZones(server_zones())
            ),
        ),
        Field(
            "language",
            gettext_lazy("language"),
            read.shape(LANGUAGE, 10),
            gettext_lazy(
                "“%s” is not a valid language. Use its name or a code such as en or pt-BR."
            ),
            ("lang", "locale", *headings.LANGUAGE),
            respelling=Respelling(f"NOT {read.is_one_of(common_codes())}", Languages),
        ),
        Field(
            "birth_date",
            gettext_lazy("birth date"),
            read.birthday(today),
            gettext_lazy(
                "“%s” is not a valid date from 1900 to today. Use YYYY-MM-DD or "
                "choose another date format."
            ),
            ("birthday", "dateofbirth", "dob", "bornon", *headings.BIRTH_DATE),
            respelling=read.dates_as_written(order, today, yearless=True, is_1904=plan.is_1904),
        ),
        Field(
            "registered_on",
            gettext_lazy("registered on"),
            read.day(EARLIEST_BIRTH, tomorrow),
            gettext_lazy(
                "“%s” is not a valid date from 1900 to today. Use YYYY-MM-DD or "
                "choose another date format."
            ),
            (
                *("registered", "registrationdate", "signupdate", "customersince", "createdat"),
                *headings.REGISTERED_ON,
            ),
            respelling=read.dates_as_written(order, tomorrow, is_1904=plan.is_1904),
            is_moment=True,
        ),
        *consent_fields(),
        Field(
            TIME,
            gettext_lazy("consent said at"),
            read.moment(EARLIEST_BIRTH, plan.at),
            gettext_lazy("“%s” is not a valid time in the past. Use YYYY-MM-DD hh:mm:ss."),
            ("consenttime", "consentdate", "consenttimestamp", "consentchangedat"),
            respelling=read.dates_as_written(order, today, is_1904=plan.is_1904),
            is_moment=True,
        ),
        Field(
            PROOF,
            gettext_lazy("proof of consent"),
            read.text(500),
            gettext_lazy("“%s” is too long. Use one line of at most 500 characters."),
            ("proofofconsent", "consenttext"),
            max_length=500,
        ),
    ]


CUSTOMER_ID_ALIASES = (
    *("customerid", "customerno", "customernumber", "clientid", "userid"),
    *headings.CUSTOMER_ID,
)


FIRST_NAME_ALIASES = ("givenname", "forename", *headings.FIRST_NAME)
LAST_NAME_ALIASES = ("surname", "familyname", *headings.LAST_NAME)


def _name(name: str, label: str | Promise, aliases: tuple[str, ...]) -> Field:
    refusal = gettext_lazy("“%s” is too long. Use one line of at most 100 characters.")
    return Field(name, label, read.text(100), refusal, aliases, max_length=100)


def customer_outputs(plan: ImportPlan) -> dict[str, str]:
    columns = {"external_id": "s.external_id"}
    read = (*TEXTS, *DATES, TIME, PROOF)
    columns |= {name: f"s.{name}" for name in read if name in plan.used}
    columns |= consent_outputs(plan)
    for column, key in _keys(plan).items():
        columns[key] = plain_key_sql(column, f"coalesce(s.{column}, '')")
    if plan.extras:
        columns["extra_columns"] = "s.extra_columns"
    return columns


def _keys(plan: ImportPlan) -> dict[str, str]:
    """The compared addresses of those that the file has."""
    return {column: key for column, key in KEY_COLUMNS.items() if column in plan.used}


def prepare_customers(cursor: CursorWrapper, plan: ImportPlan) -> None:
    """Addresses as they are compared, where their spelling is not plain: each one read once.

    A number without its country code is read in the customer's country, else the file's, else the
    organisation's.
    """
    cell = "nullif(v.country, ''), " if "country" in plan.used else ""
    default = plan.options.country or Organisation.current().phone_country
    for column, key in _keys(plan).items():
        settle_rows(
            cursor,
            column,
            f"SELECT v.line AS place, v.{column} AS written, "
            f"coalesce({cell}nullif(c.country, ''), %s) AS country FROM {CHECKED} v "
            "LEFT JOIN segments_customer c ON c.external_id = v.external_id "
            f"WHERE v.{key} IS NULL",
            [default],
            table=CHECKED,
            key="line",
        )


def merge_customers(cursor: CursorWrapper, plan: ImportPlan) -> ImportCounts:
    known = "EXISTS (SELECT FROM segments_customer c WHERE c.external_id = v.external_id{})"
    reject_by_mode(cursor, plan.mode, known.format(""))
    erased = quote(_("This customer was erased and cannot be changed."))
    reject(cursor, known.format(" AND c.erased_at IS NOT NULL"), erased)
    reject_case_twins(cursor, "external_id", known.format(""))
    n_valid = count(cursor, f"SELECT count(*) FROM {CHECKED}")
    n_known = count(cursor, f"SELECT count(*) FROM {CHECKED} v WHERE {known.format('')}")
    newest_before = count(cursor, "SELECT coalesce(max(id), 0) FROM segments_customer")
    cursor.execute(f"DROP TABLE IF EXISTS {CHANGES}")
    if n_known:
        lock_grouped(f"SELECT c.id FROM {CHECKED} v JOIN segments_customer c USING (external_id)")
    n_updated = _update_customers(cursor, plan) if n_known else 0
    n_created = 0
    if n_known < n_valid:
        n_created = _create_customers(cursor, plan, known.format("") if n_known else "false")
    if n_created != n_valid - n_known:
        raise RacedByOthers
    record_file_consents(cursor, plan, customer_fields(plan))
    attach_events(at=plan.at, job_id=plan.job_id)
    n_updated += _n_also_updated(cursor, newest_before) if n_known else 0
    return ImportCounts(n_created, n_updated, n_known - n_updated)


def _n_also_updated(cursor: CursorWrapper, newest_before: int) -> int:
    """Rows of which only the consents changed, of customers who were there before."""
    return count(
        cursor,
        f"SELECT count(*) FROM {CHECKED} v JOIN segments_customer c USING (external_id) "
        f"JOIN {CHANGED} h ON h.id = c.id WHERE c.id <= {newest_before} "
        f"AND NOT EXISTS (SELECT FROM {CHANGES} n WHERE n.id = c.id)",
    )


def keep_before(
    cursor: CursorWrapper, plan: ImportPlan, changes: str, columns: Iterable[str]
) -> None:
    """What changed customers said before, for the import to be undone.

    changes : table of their ids.
    """
    said = ", ".join(f"{quote(name)}, c.{name}" for name in columns)
    cursor.execute(
        'INSERT INTO segments_importbefore (import_job_id, "table", row_id, customer_id, before) '
        f"SELECT %(job)s, 'customer', c.id, c.id, jsonb_build_object({said}) FROM {changes} n "
        "JOIN segments_customer c ON c.id = n.id WHERE %(job)s::bigint IS NOT NULL",
        {"job": plan.job_id},
    )


def _suppress_listed(where: str, params: list, plan: ImportPlan) -> None:
    """Mark who has a suppressed address among the customers (c) whose addresses were written."""
    if not plan.used.isdisjoint(ADDRESS_FIELDS):
        mark_customers(where, params, at=plan.at)


def reject_by_mode(cursor: CursorWrapper, mode: str, is_known: str) -> None:
    """What "create only" and "update only" forbid; `is_known` is SQL over v."""
    if mode == "create":
        reject(
            cursor, is_known, quote(_("The row already exists, and this import only creates rows."))
        )
    elif mode == "update":
        reason = quote(_("The row does not exist, and this import only updates rows."))
        reject(cursor, f"NOT {is_known}", reason)


def reject_case_twins(cursor: CursorWrapper, name: str, is_known: str) -> None:
    """Rows of new customers whose id is that of a known one with marks of thousands, or differs
    from another one only in upper and lower case.

    name : of the column of ids; is_known : SQL over v.
    """
    grouped = quote(_("The ID “%s” may be “%s” with marks of thousands."))
    without = f"replace(v.{name}, '.', '')"
    reject(
        cursor,
        f"v.{name} ~ {quote(WITH_POINTS)} AND NOT {is_known} "
        f"AND EXISTS (SELECT FROM segments_customer c WHERE c.external_id = {without})",
        f"format({grouped}, v.{name}, {without})",
    )
    if Organisation.current().ids_differ_by_case:
        return
    same = f"lower(c.external_id) = lower(v.{name})"
    reason = quote(_("The ID “%s” differs from “%s” only in upper and lower case."))
    first = f"(SELECT min(c.external_id) FROM segments_customer c WHERE {same})"
    reject(
        cursor,
        f"NOT {is_known} AND EXISTS (SELECT FROM segments_customer c WHERE {same})",
        f"format({reason}, v.{name}, {first})",
    )
    others = f"FROM {CHECKED} o WHERE lower(o.{name}) = lower(v.{name}) AND o.{name} <> v.{name}"
    reject(
        cursor,
        f"NOT {is_known} AND EXISTS (SELECT {others} AND o.line < v.line)",
        f"format({reason}, v.{name}, (SELECT o.{name} {others} ORDER BY o.line LIMIT 1))",
    )


def _create_customers(cursor: CursorWrapper, plan: ImportPlan, known: str) -> int:
    """Insert the customers that are new.

    known : SQL of whether v exists already. Where none does it is "false": a planner that has
    seen the table empty would search all rows inserted so far for each one that follows.
    """
    newest_before = count(cursor, "SELECT coalesce(max(id), 0) FROM segments_customer")
    columns = dict.fromkeys(TEXTS, "''") | consents_of_new(plan)
    columns |= {name: f"coalesce(v.{name}, '')" for name in TEXTS if name in plan.used}
    columns |= {name: f"v.{name}" for name in DATES if name in plan.used}
    columns |= {key: f"v.{key}" for key in _keys(plan).values()}
    columns["attributes"] = "v.extra_columns" if plan.extras else "'{}'"
    columns |= {"external_id": "v.external_id", "suppressed": "false"}
    columns |= {"created_at": _at(plan), "updated_at": _at(plan)}
    cursor.execute(
        f"INSERT INTO segments_customer ({', '.join(columns)}) "
        f"SELECT {', '.join(columns.values())} FROM {CHECKED} v WHERE NOT {known} "
        "ON CONFLICT (external_id) DO NOTHING"
    )
    n_created = cursor.rowcount
    # Ids grow, so ours are above all that were there; what others made meanwhile does no harm.
    _suppress_listed("c.id > %s", [newest_before], plan)
    return n_created


def _update_customers(cursor: CursorWrapper, plan: ImportPlan) -> int:
    """Change the customers that a row says something new about; consents are derived afterwards."""
    columns = {name: _after(name, plan) for name in (*TEXTS, *DATES) if name in plan.used}
    columns |= {key: _key_after(column, key, plan) for column, key in _keys(plan).items()}
    differs = [f"c.{name} IS DISTINCT FROM {value}" for name, value in columns.items()]
    if plan.extras:
        columns["attributes"] = f"{_attributes_kept(plan)} || v.extra_columns"
        differs.append(f"c.attributes <> {columns['attributes']}")
    if not columns:
        cursor.execute(f"CREATE TEMPORARY TABLE {CHANGES} (id bigint)")
        return 0
    news = ", ".join(f"{value} AS {name}" for name, value in columns.items())
    moves = [f"c.{name} <> {columns[name]}" for name in (*_keys(plan), *_keys(plan).values())]
    has_emigrated = f"c.country <> {columns['country']}" if "country" in columns else "false"
    cursor.execute(
        f"CREATE TEMPORARY TABLE {CHANGES} AS SELECT c.id, {news}, "
        f"{' OR '.join(moves) or 'false'} AS has_moved, {has_emigrated} AS has_emigrated "
        f"FROM {CHECKED} v JOIN segments_customer c ON c.external_id = v.external_id "
        f"WHERE {' OR '.join(differs)} FOR NO KEY UPDATE OF c"
    )
    keep_before(cursor, plan, CHANGES, columns)
    settings = ", ".join(f"{name} = n.{name}" for name in columns)
    cursor.execute(
        f"UPDATE segments_customer c SET {settings}, updated_at = {_at(plan)} "
        f"FROM {CHANGES} n WHERE c.id = n.id"
    )
    n_updated = cursor.rowcount
    moved = f"c.id IN (SELECT id FROM {CHANGES} WHERE has_moved)"
    _suppress_listed(moved, [], plan)
    if "country" in plan.used:  # in which a number without its country code is read
        emigrated = f"c.id IN (SELECT id FROM {CHANGES} WHERE has_emigrated)"
        settle_customers(f"{emigrated} AND c.phone <> '' AND c.phone !~ '^[+]'", [], at=plan.at)
    return n_updated


def _after(name: str, plan: ImportPlan) -> str:
    """SQL of a known customer's (c) value after a row (v)."""
    if plan.options.empty == "keep":
        return f"coalesce(v.{name}, c.{name})"
    empty = "''" if name in TEXTS else "NULL"
    is_unreadable = f"v.{name} IS NULL AND {quote(name)} = ANY (v.warned)"
    return f"CASE WHEN {is_unreadable} THEN c.{name} ELSE coalesce(v.{name}, {empty}) END"


def _key_after(column: str, key: str, plan: ImportPlan) -> str:
    """SQL of a known customer's (c) compared address after a row (v)."""
    return (
        f"CASE WHEN v.{column} IS NOT NULL THEN v.{key} "
        f"WHEN c.{column} = {_after(column, plan)} THEN c.{key} ELSE '' END"
    )


def _attributes_kept(plan: ImportPlan) -> str:
    """SQL of a known customer's attributes that a row may add to; a file clears by empty cells."""
    if plan.options.empty == "keep":
        return "c.attributes"
    names = ", ".join(quote(name) for name in plan.extras)
    cells = ", ".join(quote(cell_name(plan.cells[name])) for name in plan.extras)
    readable = (
        f"(SELECT coalesce(array_agg(e.name), '{{}}') FROM unnest(ARRAY[{names}], ARRAY[{cells}]) "
        "AS e (name, cell) WHERE e.cell <> ALL (v.warned))"
    )
    cleared = f"CASE WHEN v.warned IS NULL THEN ARRAY[{names}] ELSE {readable} END"
    return f"(c.attributes - {cleared})"


def _at(plan: ImportPlan) -> str:
    return f"{quote(plan.at.isoformat())}::timestamptz"


CUSTOMERS = ImportSpec(
    kind="customers",
    fields=customer_fields,
    outputs=customer_outputs,
    key=("external_id",),
    extras="attributes",
    prepare=prepare_customers,
    merge=merge_customers,
)
