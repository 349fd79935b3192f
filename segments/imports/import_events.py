"""The import of events: facts under (source, id), each stored once.

Where a file has no column of ids, the id is a hash of the row's content and its number among the
file's identical rows: legitimate identical rows are all kept, and the same file twice changes
nothing. In the modes that update, other content under a known id replaces what was stored.
"""

from datetime import date, timedelta

from django.db.backends.utils import CursorWrapper
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from psycopg.sql import quote

from optiengine.lib.partitions import ensure_partitions
from segments.customers.suppress_addresses import CHUNK, mark_customers
from segments.events.changed_facts import note_corrections
from segments.events.feedback import FEEDBACK
from segments.events.waiting_facts import attach_events, expiry_sql, suppress_reported
from segments.imports import fields as read
from segments.imports.fields import Field
from segments.imports.import_customers import (
    CHANGES,
    CUSTOMER_ID_ALIASES,
    TEXTS,
    reject_by_mode,
    reject_case_twins,
)
from segments.imports.import_feedback import (
    FEEDBACK_WORDS,
    act_on_gathered,
    forget_gathered,
    gather,
    gather_rejected,
    reject_unclear,
    report_in,
    write_plainly,
)
from segments.imports.mapping import factors
from segments.imports.named_customers import (
    columns_of_new,
    customer_name_fields,
    customer_name_outputs,
    keep_waiting,
    name_as_written,
    name_customers,
)
from segments.imports.spec import (
    ImportCounts,
    ImportOptions,
    ImportPlan,
    ImportSpec,
    RacedByOthers,
)
from segments.imports.staging import CHECKED, as_written, count, reject
from segments.imports.values import headings
from segments.imports.values.column import Unclear
from segments.imports.values.currencies import currency_codes, heading_currency
from segments.models import WaitingFact
from segments.shapes import EARLIEST_EVENT, MAX_CENTS

MOMENTS = ("date", "datetime", "timestamp", "time", "eventdate", "orderdate", "invoicedate")
CONTENT = ("customer", "kind", "occurred_at", "amount_cents", "properties")


def event_fields(plan: ImportPlan) -> list[Field]:
    latest = plan.at + timedelta(hours=24)
    kinds = plan.options.kinds if plan.options.order_states else FEEDBACK_WORDS
    kinds = {**kinds, **plan.options.kinds}
    options, column = plan.options, plan.mapping.get("amount", "")
    amount = read.cents_of_amount()
    if column and column not in plan.cells:
        left, right = (plan.cells[part] for part in factors(column))
        amount = read.cents_of_product(left, right)
    says_currency = "currency" in plan.used or bool(heading_currencies(plan))
    money = read.amounts_as_written(options.decimal, plan.currency, spells_home=says_currency)
    return [
        *customer_name_fields(plan, (*CUSTOMER_ID_ALIASES, "customerexternalid")),
        Field(
            "occurred_at",
            gettext_lazy("occurred at"),
            read.moment(EARLIEST_EVENT, latest),
            gettext_lazy(
                "“%s” is not a valid time from 1970 to tomorrow. Use YYYY-MM-DD hh:mm:ss "
                "or choose another date format."
            ),
            (*MOMENTS, *headings.MOMENT),
            respelling=read.dates_as_written(options.dates, latest.date(), is_1904=plan.is_1904),
            is_required=True,
            is_moment=True,
        ),
        Field(
            "kind",
            gettext_lazy("kind"),
            read.kind(kinds, is_state=options.order_states),
            _kind_refusal(options),
            ("type", "event", "eventtype", "eventkind"),
            decides_row=True,
        ),
        Field(
            "amount",
            gettext_lazy("amount"),
            amount,
            gettext_lazy("“%s” is not a valid amount. Use at most two decimals."),
            ("value", "revenue", "total", *headings.AMOUNT),
            decides_row=True,
            respelling=money,
            is_money=True,
        ),
        Field(
            "refunded",
            gettext_lazy("refunded amount"),
            read.cents_of_amount(),
            gettext_lazy("“%s” is not a valid amount. Use at most two decimals."),
            ("refundedamount", "amountrefunded", "totalrefunded"),
            decides_row=True,
            respelling=money,
            is_money=True,
        ),
        Field(
            "amount_cents",
            gettext_lazy("amount in cents"),
            read.whole_number(-MAX_CENTS, MAX_CENTS),
            gettext_lazy("“%s” is not a valid amount. Use a whole number of cents."),
            ("cents",),
            decides_row=True,
        ),
        Field(
            "currency",
            gettext_lazy("currency"),
            read.one_of(currency_codes()),
            gettext_lazy("“%s” is not a valid currency. Use an ISO 4217 code such as USD."),
            ("currencycode", *headings.CURRENCY),
            decides_row=True,
            respelling=read.currencies_as_written(plan.currency),
        ),
        Field(
            "external_id",
            gettext_lazy("event ID"),
            read.identifier(),
            gettext_lazy(
                "“%s” is not a valid ID: it is longer than 100 characters or "
                "was altered by a spreadsheet."
            ),
            ("eventid", "transactionid", "id"),
            decides_row=True,
        ),
        Field(
            "properties",
            gettext_lazy("properties"),
            "CASE WHEN pg_input_is_valid({x}, 'jsonb') THEN CASE WHEN "
            "jsonb_typeof(({x})::jsonb) = 'object' THEN ({x})::jsonb END END",
            gettext_lazy("“%s” is not a valid JSON object."),
        ),
    ]


def _kind_refusal(options: ImportOptions) -> Promise:
    if options.order_states:
        return gettext_lazy("“%s” is not a known order status. Say which event kind it is.")
    return gettext_lazy("“%s” is not a valid event kind. Use at most 40 letters and digits.")


def event_outputs(plan: ImportPlan) -> dict[str, str]:
    options, used = plan.options, plan.used
    default_kind = quote(options.default_kind.lower())
    kind = f"coalesce(s.kind, {default_kind})" if "kind" in used else default_kind
    if options.return_column:
        cell = as_written(plan.cells[options.return_column], plan)
        is_return = f"starts_with({cell}, {quote(options.return_prefix)})"
        kind = f"CASE WHEN {is_return} THEN 'return' ELSE {kind} END"
    parts = ["s.extra_columns"] if plan.extras else []
    parts += ["coalesce(s.properties, '{}')"] if "properties" in used else []
    return {
        **customer_name_outputs(plan),
        "kind": kind,
        "occurred_at": "s.occurred_at",
        "amount_cents": _cents_at_home(plan),
        "properties": " || ".join(parts) or "'{}'::jsonb",
        "external_id": "s.external_id" if "external_id" in used else "NULL::text",
    }


def _cents(plan: ImportPlan) -> str:
    """SQL of the amount as the file has it, less what was refunded, in its own currency."""
    amounts = [f"s.{name}" for name in ("amount_cents", "amount") if name in plan.used]
    if not amounts:
        return "NULL::bigint"
    refunded = " - coalesce(abs(s.refunded), 0)" if "refunded" in plan.used else ""
    return f"(coalesce({', '.join(amounts)}){refunded})"


def _currencies(plan: ImportPlan) -> list[str]:
    """SQL of the currencies that a row may name: behind its amounts, in a column, in headings."""
    columns = money_columns(plan)
    cells = [plan.cells[column] for column in columns]
    named = [f"nullif(split_part({cell}, ' ', 2), '')" for cell in cells if cell in plan.respelt]
    named += ["s.currency"] if "currency" in plan.used else []
    codes = heading_currencies(plan)
    if not named and codes == {plan.currency}:
        return []
    return named + [f"{quote(code)}::text" for code in sorted(codes)]


def heading_currencies(plan: ImportPlan) -> set[str]:
    """Those that the headings of amounts name."""
    named = [heading_currency(column, plan.currency)[0] for column in money_columns(plan)]
    return {code for code in named if isinstance(code, str) and code}


def money_columns(plan: ImportPlan) -> list[str]:
    columns = [*factors(plan.mapping.get("amount", "")), plan.mapping.get("refunded", "")]
    return [column for column in columns if column in plan.cells]


def _cents_at_home(plan: ImportPlan) -> str:
    """SQL of the amount in the organisation's currency, by the rate of its day (in our zone)."""
    if not (currencies := _currencies(plan)):
        return _cents(plan)
    currency = f"coalesce({', '.join(currencies)}, {quote(plan.currency)})"
    rate = (
        f"(SELECT r.rate FROM segments_exchangerate r WHERE r.currency = {currency} "
        "AND r.valid_from <= s.occurred_at::date ORDER BY r.valid_from DESC LIMIT 1)"
    )
    cents = _cents(plan)
    return (
        f"CASE WHEN {currency} = {quote(plan.currency)} THEN {cents} "
        f"ELSE round({cents} * {rate})::bigint END"
    )


def unknown_money(plan: ImportPlan) -> list[str]:
    """SQL of why an amount in another currency is refused: no rate, or two currencies."""
    if not (currencies := _currencies(plan)):
        return []
    currency = f"coalesce({', '.join(currencies)})"
    no_rate = quote(_("amount: There is no exchange rate for %s on %s. Add one in the admin."))
    two = quote(_("amount: The row names two currencies, %s and %s."))
    listed = f"ARRAY[{', '.join(currencies)}]"
    return [
        f"CASE WHEN (SELECT count(DISTINCT c) FROM unnest({listed}) AS c) > 1 "
        f"THEN format({two}, {currencies[0]}, {currencies[-1]}) "
        f"WHEN {_cents(plan)} IS NOT NULL AND {currency} <> {quote(plan.currency)} "
        f"AND {_cents_at_home(plan)} IS NULL "
        f"THEN format({no_rate}, {currency}, s.occurred_at::date) END"
    ]


def options_problem(plan: ImportPlan) -> str:
    """What the options ask for and the file does not have, in a sentence."""
    column = plan.options.return_column
    if column and column not in plan.cells:
        return _("The file has no column “%s” to identify returns.") % column
    for name in money_columns(plan):
        if isinstance(heading_currency(name, plan.currency)[0], Unclear):
            sentence = _("The currency in the heading “%s” is not clear. Use a code such as USD.")
            return sentence % name
    return ""


def prepare_events(cursor: CursorWrapper, plan: ImportPlan) -> None:
    """Customers named by an address, ids where the file has none, and partitions for the months
    that occur.
    """
    name_customers(cursor, plan)
    missing = "v.external_id IS NULL"
    if "external_id" in plan.used:
        reject(cursor, missing, quote(_("event ID is missing.")))
    else:
        named = name_as_written(plan)
        kept = dict.fromkeys([*CONTENT, named, *columns_of_new(plan)])
        hashed = ", ".join([named, *CONTENT[1:]])
        hashed = hashed.replace("occurred_at", "occurred_at AT TIME ZONE 'UTC'")
        digest = f"left(encode(sha256(convert_to(({hashed})::text, 'UTF8')), 'hex'), 32)"
        cursor.execute("DROP TABLE IF EXISTS import_numbered")
        cursor.execute(
            "CREATE TEMPORARY TABLE import_numbered AS "
            f"SELECT line, reason, warned, {', '.join(kept)}, "
            "digest || '-' || row_number() OVER (PARTITION BY digest ORDER BY line) AS external_id "
            f"FROM (SELECT *, {digest} AS digest FROM {CHECKED}) v"
        )
        cursor.execute(f"DROP TABLE {CHECKED}")
        cursor.execute(f"ALTER TABLE import_numbered RENAME TO {CHECKED}")
        cursor.execute(f"ANALYZE {CHECKED}")
    write_plainly(cursor, plan)  # after the ids: they are those of what the file says
    make_partitions(cursor, "segments_event", "(occurred_at AT TIME ZONE 'UTC')::date")


def make_partitions(cursor: CursorWrapper, table: str, day: str) -> None:
    """Partitions for the months that occur in the checked rows; `day` is SQL of a date."""
    cursor.execute(f"SELECT DISTINCT date_trunc('month', {day})::date FROM {CHECKED}")
    months: list[date] = sorted(month for (month,) in cursor.fetchall())
    for month in months:
        ensure_partitions(table, month, month)


def make_or_reject_customers(cursor: CursorWrapper, plan: ImportPlan) -> None:
    """Make the customers that are not known, or reject their rows, if that is what is wanted; and
    reject rows of those who are erased."""
    same = "SELECT FROM segments_customer c WHERE c.external_id = v.customer"
    if plan.options.create_customers:
        reject_case_twins(cursor, "customer", f"EXISTS ({same})")
        at = quote(plan.at.isoformat())
        columns = dict.fromkeys(TEXTS, "''") | columns_of_new(plan)
        newest_before = count(cursor, "SELECT coalesce(max(id), 0) FROM segments_customer")
        cursor.execute(
            f"INSERT INTO segments_customer (external_id, {', '.join(columns)}, attributes, "
            "consents, suppressed, created_at, updated_at) "
            f"SELECT DISTINCT ON (v.customer) v.customer, {', '.join(columns.values())}, "
            "'{}'::jsonb, '{}'::varchar[], false, "
            f"{at}::timestamptz, {at}::timestamptz FROM {CHECKED} v WHERE NOT EXISTS ({same}) "
            "ORDER BY v.customer, v.line ON CONFLICT (external_id) DO NOTHING"
        )
        if columns_of_new(plan):
            mark_customers("c.id > %s", [newest_before], at=plan.at)
        attach_events(at=plan.at, job_id=plan.job_id)
    elif plan.options.reject_unknown:
        reason = quote(_("Customer “%s” does not exist."))
        reject(cursor, f"NOT EXISTS ({same})", f"format({reason}, v.customer)")
    else:
        reject_case_twins(cursor, "customer", f"EXISTS ({same})")
    erased = quote(_("This customer was erased and cannot be changed."))
    reject(cursor, f"EXISTS ({same} AND c.erased_at IS NOT NULL)", erased)


def merge_events(cursor: CursorWrapper, plan: ImportPlan) -> ImportCounts:
    known = (
        f"EXISTS (SELECT FROM segments_event e WHERE e.source = {quote(plan.source)} "
        "AND e.external_id = v.external_id)"
    )
    reject_by_mode(cursor, plan.mode, known)
    make_or_reject_customers(cursor, plan)
    unknown = quote(_("Customer “%s” does not exist."))
    is_unknown = "NOT EXISTS (SELECT FROM segments_customer c WHERE c.external_id = v.customer)"
    reject(cursor, f"{is_unknown} AND {known}", f"format({unknown}, v.customer)")
    n_waiting = _keep_waiting_events(cursor, plan)
    n_valid = count(cursor, f"SELECT count(*) FROM {CHECKED}")
    n_known = count(cursor, f"SELECT count(*) FROM {CHECKED} v WHERE {known}")
    forget_gathered(cursor)
    n_updated = _update_events(cursor, plan) if n_known else 0
    n_created = 0
    if n_known < n_valid:
        n_created = _create_events(cursor, plan, known if n_known else "false")
    if n_created != n_valid - n_known:
        raise RacedByOthers
    gather_rejected(cursor, plan, event_fields(plan))
    act_on_gathered(cursor, plan)
    return ImportCounts(n_created, n_updated, n_known - n_updated, n_waiting)


def _keep_waiting_events(cursor: CursorWrapper, plan: ImportPlan) -> int:
    """Rows of customers who are not known; complaints and bounces among them take effect."""
    n_waiting = keep_waiting(
        cursor,
        plan,
        WaitingFact.Kind.EVENT,
        {name: f"g.{name}" for name in CONTENT[1:]},
        external_id="g.external_id",
        expires_at=expiry_sql("g.kind", plan.at),
        may_change=plan.mode != "create",
    )
    if n_waiting:
        facts = WaitingFact.objects.filter(import_job=plan.job_id, received_at=plan.at)
        reported = facts.filter(fact__kind__in=FEEDBACK).exclude(email_key="", phone_key="")
        suppress_reported(reported.iterator(CHUNK), source=plan.source, at=plan.at)
    return n_waiting


def _create_events(cursor: CursorWrapper, plan: ImportPlan, known: str) -> int:
    """Insert the events that are new. known : as in _create_customers, and for the same reason."""
    gather(
        cursor,
        f"SELECT c.id AS customer_id, v.kind, v.occurred_at, v.properties FROM {CHECKED} v "
        f"JOIN segments_customer c ON c.external_id = v.customer WHERE NOT {known}",
    )
    cursor.execute(
        "INSERT INTO segments_event (customer_id, kind, occurred_at, amount_cents, properties, "
        "source, external_id, recorded_at) SELECT c.id, v.kind, v.occurred_at, v.amount_cents, "
        f"v.properties, {quote(plan.source)}, v.external_id, {quote(plan.at.isoformat())} "
        f"FROM {CHECKED} v JOIN segments_customer c ON c.external_id = v.customer "
        f"WHERE NOT {known} ON CONFLICT (source, external_id, occurred_at) DO NOTHING"
    )
    return cursor.rowcount


def _after(plan: ImportPlan) -> dict[str, str]:
    """SQL of a known event's (e) columns after a row (v): the row replaces what was stored, but for
    an amount without a cell, where empty cells keep, and for properties that cannot be read."""
    columns = {name: f"v.{name}" for name in ("kind", "occurred_at", "amount_cents", "properties")}
    if plan.options.empty == "keep":
        columns["amount_cents"] = "coalesce(v.amount_cents, e.amount_cents)"
    columns["properties"] = (
        "CASE WHEN v.warned IS NULL THEN v.properties ELSE e.properties || v.properties END"
    )
    return columns


def _update_events(cursor: CursorWrapper, plan: ImportPlan) -> int:
    columns = _after(plan)
    differs = " OR ".join(f"e.{name} IS DISTINCT FROM {sql}" for name, sql in columns.items())
    cursor.execute(f"DROP TABLE IF EXISTS {CHANGES}")
    cursor.execute(
        f"CREATE TEMPORARY TABLE {CHANGES} AS SELECT e.id, e.occurred_at AS occurred_before, "
        "e.customer_id AS customer_before, c.id AS customer_id, "
        f"{', '.join(f'{sql} AS {name}' for name, sql in columns.items())}, "
        f"(e.customer_id, {report_in('e')}) IS DISTINCT FROM (c.id, {report_in('v')}) AS is_news "
        f"FROM {CHECKED} v "
        "JOIN segments_customer c ON c.external_id = v.customer JOIN segments_event e "
        f"ON e.source = {quote(plan.source)} AND e.external_id = v.external_id "
        f"WHERE e.customer_id <> c.id OR {differs} FOR UPDATE OF e"
    )
    gather(cursor, f"SELECT * FROM {CHANGES} WHERE is_news")
    note_corrections(
        cursor,
        f"SELECT customer_before, occurred_before FROM {CHANGES} "
        f"UNION SELECT customer_id, occurred_at FROM {CHANGES}",
    )
    cursor.execute(
        'INSERT INTO segments_importbefore (import_job_id, "table", row_id, customer_id, before) '
        "SELECT %s, 'event', e.id, e.customer_id, jsonb_build_object('customer_id', e.customer_id, "
        "'kind', e.kind, 'occurred_at', e.occurred_at, 'amount_cents', e.amount_cents, "
        "'properties', e.properties, 'recorded_at', e.recorded_at) "
        f"FROM {CHANGES} n JOIN segments_event e ON e.id = n.id AND "
        "e.occurred_at = n.occurred_before",
        [plan.job_id],
    )
    settings = ", ".join(f"{name} = n.{name}" for name in ("customer_id", *columns))
    cursor.execute(
        f"UPDATE segments_event e SET {settings}, recorded_at = {quote(plan.at.isoformat())} "
        f"FROM {CHANGES} n WHERE e.id = n.id AND e.occurred_at = n.occurred_before"
    )
    return cursor.rowcount


EVENTS = ImportSpec(
    kind="events",
    fields=event_fields,
    outputs=event_outputs,
    key=("external_id",),
    extras="properties",
    prepare=prepare_events,
    merge=merge_events,
    refusals=unknown_money,
    judge=reject_unclear,
    also_required=options_problem,
)
