"""Whom a row is about: the customer by id, or by an e-mail address or phone number.

Shops write 0 or nothing for guests, so an address counts where the id says nobody or is not known.
An address that several customers have names none of them: the row is rejected with the reason.
"""

from collections.abc import Mapping

from django.db.backends.utils import CursorWrapper
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from psycopg.sql import quote

from segments.customers.settle_addresses import plain_key_sql, settle_rows
from segments.events.waiting_facts import keep_before
from segments.imports import fields as read
from segments.imports.fields import Field
from segments.imports.spec import ImportPlan
from segments.imports.staging import CHECKED, reject
from segments.imports.values import headings
from segments.models import Organisation, WaitingFact
from segments.models.customer import KEY_COLUMNS
from segments.models.shared_address import MOST_SHARING
from segments.same_person import person_of

NAMED = "named_customer"  # column of the checked rows


def customer_name_fields(plan: ImportPlan, aliases: tuple[str, ...]) -> list[Field]:
    """aliases : headings of the column of ids."""
    return [
        Field(
            "customer",
            gettext_lazy("customer ID"),
            read.identifier(is_customer=True, may_be_nobody=bool(_addresses(plan))),
            gettext_lazy(
                "“%s” is not a valid ID: it is longer than 100 characters, was altered by a "
                "spreadsheet or stands for nobody."
            ),
            aliases,
            is_required=not _addresses(plan),
            decides_row=True,
        ),
        Field(
            "email",
            gettext_lazy("e-mail"),
            read.email(),
            gettext_lazy("“%s” is not a valid e-mail address."),
            (
                *("emailaddress", "customeremail", "billingemail"),
                *(*headings.EMAIL, *headings.CUSTOMER_EMAIL),
            ),
        ),
        Field(
            "phone",
            gettext_lazy("phone"),
            read.phone(),
            gettext_lazy("“%s” is not a valid phone number."),
            ("phonenumber", "customerphone", "billingphone", *headings.PHONE),
        ),
    ]


def customer_name_outputs(plan: ImportPlan) -> dict[str, str]:
    columns = {"customer": "nullif(s.customer, '')" if "customer" in plan.used else "NULL::text"}
    if _addresses(plan):
        columns[NAMED] = columns["customer"]
    for column, key in _addresses(plan).items():
        columns[column] = f"coalesce(s.{column}, '')"
        columns[key] = plain_key_sql(column, columns[column])
    return columns


def name_customers(cursor: CursorWrapper, plan: ImportPlan) -> None:
    """Set the id of rows that name their customer by an address; reject those that name nobody.

    Of a customer who is not known, the id is the address as it is compared: under it they are made,
    or their rows wait. NAMED says how the row itself names the customer, whoever that is by then.
    """
    addresses = _addresses(plan)
    if not addresses:
        return
    country = plan.options.country or Organisation.current().phone_country
    person = person_of("c.id")
    known = "SELECT FROM segments_customer c WHERE c.external_id = v.customer"
    is_open = f"(v.customer IS NULL OR NOT EXISTS ({known}))"
    for column, key in addresses.items():
        settle_rows(
            cursor,
            column,
            f"SELECT v.line AS place, v.{column} AS written, %s::text AS country "
            f"FROM {CHECKED} v WHERE v.{key} IS NULL",
            [country],
            table=CHECKED,
            key="line",
        )
        cursor.execute("DROP TABLE IF EXISTS import_named")
        cursor.execute(
            f"CREATE TEMPORARY TABLE import_named AS SELECT c.{key} AS key, "
            f"count(DISTINCT {person.id}) AS n, (array_agg(c.external_id "
            f"ORDER BY c.id <> {person.id}, c.id))[1] AS external_id "  # of a person, the kept one
            f"FROM segments_customer c {person.join} WHERE c.{key} <> '' AND c.erased_at IS NULL "
            f"AND c.{key} IN (SELECT v.{key} FROM {CHECKED} v) GROUP BY c.{key}"
        )
        several = quote(_("Several customers have the address “%s”. Name the customer by ID."))
        placeholder = quote(_("“%s” is an address of more than %s customers, so it names nobody."))
        named = f"FROM import_named n WHERE n.key = v.{key}"
        reject(
            cursor,
            f"{is_open} AND EXISTS (SELECT {named} AND n.n > 1)",
            f"CASE WHEN (SELECT n.n > {MOST_SHARING} {named}) "
            f"THEN format({placeholder}, v.{key}, {MOST_SHARING}) "
            f"ELSE format({several}, v.{key}) END",
        )
        cursor.execute(
            f"UPDATE {CHECKED} v SET customer = n.external_id FROM import_named n "
            f"WHERE n.key = v.{key} AND n.n = 1 AND {is_open}"
        )
    keys = ", ".join(f"nullif(v.{key}, '')" for key in addresses.values())
    nobody = quote(_("The row names no customer: it has neither an ID nor a valid address."))
    reject(cursor, f"v.customer IS NULL AND coalesce({keys}) IS NULL", nobody)
    if plan.options.reject_unknown:
        unknown = quote(_("There is no customer with the address “%s”."))
        reject(cursor, "v.customer IS NULL", f"format({unknown}, coalesce({keys}))")
    cursor.execute(
        f"UPDATE {CHECKED} v SET customer = left(coalesce(v.customer, {keys}), 100), "
        f"{NAMED} = left(coalesce(v.{NAMED}, {keys}), 100) "
        f"WHERE v.customer IS NULL OR v.{NAMED} IS NULL"
    )


def keep_waiting(
    cursor: CursorWrapper,
    plan: ImportPlan,
    kind: WaitingFact.Kind,
    content: Mapping[str, str],
    *,
    external_id: str,
    expires_at: str,
    may_change: bool = True,
) -> int:
    """Take rows of customers who are not known out of CHECKED, and keep them until they are.

    content : SQL over g, a row, of what the fact says. external_id, expires_at : likewise.
    may_change : what waits already under the id is replaced.
    """
    fact = ", ".join(f"{quote(name)}, {value}" for name, value in content.items())
    keys = _addresses(plan)
    as_id = ", ".join(f"left(g.{key}, 100)" for key in keys.values()) or "''"
    columns = {
        "kind": quote(kind.value),
        "source": quote(plan.source),
        "external_id": external_id,
        # A row that names an address alone has it in the place of the id.
        "customer": f"CASE WHEN g.customer IN ({as_id}) THEN '' ELSE g.customer END",
        **{key: f"coalesce(g.{key}, '')" for key in keys.values()},
        **{key: "''" for key in KEY_COLUMNS.values() if key not in keys.values()},
        "fact": f"jsonb_build_object({fact})",
        "received_at": f"{quote(plan.at.isoformat())}::timestamptz",
        "expires_at": expires_at,
        "import_job_id": "%(job)s::bigint",
    }
    again = "fact = EXCLUDED.fact, expires_at = EXCLUDED.expires_at, " if may_change else ""
    names = ("customer", *KEY_COLUMNS.values(), "received_at", "import_job_id")
    again += ", ".join(f"{name} = EXCLUDED.{name}" for name in names)
    keep_before(
        cursor,
        plan.job_id,
        f"JOIN (SELECT {external_id} AS external_id FROM {CHECKED} g) g USING (external_id) "
        f"WHERE w.kind = {columns['kind']} AND w.source = {columns['source']}",
    )
    cursor.execute(
        f"WITH g AS (DELETE FROM {CHECKED} v WHERE NOT EXISTS "
        "(SELECT FROM segments_customer c WHERE c.external_id = v.customer) RETURNING v.*) "
        f"INSERT INTO segments_waitingfact ({', '.join(columns)}) "
        f"SELECT {', '.join(columns.values())} FROM g "
        f"ON CONFLICT (kind, source, external_id) DO UPDATE SET {again}, expired_at = NULL",
        {"job": plan.job_id},
    )
    return cursor.rowcount


def name_as_written(plan: ImportPlan) -> str:
    """The column of the checked rows that says how a row names its customer: the same whether they
    are known or not."""
    return NAMED if _addresses(plan) else "customer"


def columns_of_new(plan: ImportPlan) -> dict[str, str]:
    """SQL over v of what is known of a customer who is made for a row."""
    addresses = _addresses(plan)
    return {name: f"v.{name}" for pair in addresses.items() for name in pair}


def _addresses(plan: ImportPlan) -> dict[str, str]:
    """The columns of addresses that the file has, and how they are compared."""
    return {column: key for column, key in KEY_COLUMNS.items() if column in plan.used}
