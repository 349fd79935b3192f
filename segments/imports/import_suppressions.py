"""The import of a suppression list: addresses that are never written to, most of nobody known yet.

A row names an e-mail address, a phone number, or what an address was hashed to: SHA-256 or MD5 in
hexadecimal, as other systems hand such lists on. Only keyed hashes are stored. Customers who
have one of the addresses are marked at once; those who come with it later, in any spelling, then.
"""

from django.db import connection
from django.db.backends.utils import CursorWrapper
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from psycopg.sql import quote

from segments.channels import address_fields
from segments.customers.address_hash import HASHES, address_hasher, keyed_hasher
from segments.customers.lock_persons import lock_persons
from segments.customers.settle_addresses import plain_key_sql, settle_rows
from segments.customers.suppress_addresses import CHUNK, LIST_LOCK, mark_customers
from segments.customers.with_address import is_address, unsettled_spellings
from segments.imports import fields as read
from segments.imports.fields import Field
from segments.imports.import_feedback import (
    LISTED,
    UNSETTLED,
    WITH_ADDRESS,
    make_listed,
)
from segments.imports.spec import ImportCounts, ImportPlan, ImportSpec
from segments.imports.staging import CHECKED, count, reject
from segments.imports.values import headings
from segments.models import Organisation, Suppression
from segments.models.customer import KEY_COLUMNS

HASHED = "hash"
REASON_WORDS = {
    **{reason.value: reason.value for reason in Suppression.Reason},
    "bounced": "bounce",
    "cleaned": "bounce",
    "hard bounce": "bounce",
    "invalid": "bounce",
    "spam": "complaint",
    "abuse": "complaint",
    "unsubscribed": "request",
    "unsubscribe": "request",
}


def suppression_fields(plan: ImportPlan) -> list[Field]:
    return [
        Field(
            "email",
            gettext_lazy("e-mail"),
            read.email(),
            gettext_lazy("“%s” is not a valid e-mail address."),
            ("emailaddress", "mail", "address", "recipient", *headings.EMAIL),
            decides_row=True,
        ),
        Field(
            "phone",
            gettext_lazy("phone"),
            read.phone(),
            gettext_lazy("“%s” is not a valid phone number."),
            (
                *("phonenumber", "mobile", "mobilephone", "telephone", "tel", "number"),
                *headings.PHONE,
            ),
            decides_row=True,
        ),
        Field(
            HASHED,
            gettext_lazy("hash of the address"),
            read.shape("^([0-9A-Fa-f]{64}|[0-9A-Fa-f]{32})$", 64, "lower({x})"),
            gettext_lazy("“%s” is not a SHA-256 or MD5 hash in hexadecimal."),
            ("sha256", "md5", "emailsha256", "emailmd5", "hashedemail", "emailhash"),
            decides_row=True,
        ),
        Field(
            "channel",
            gettext_lazy("channel"),
            read.one_of(address_fields()),
            gettext_lazy("“%s” is not a channel with addresses."),
            decides_row=True,
        ),
        Field(
            "why",
            gettext_lazy("reason"),
            read.words({word: quote(reason) for word, reason in REASON_WORDS.items()}),
            gettext_lazy("“%s” is not a known reason. Use bounce, complaint or request."),
            ("reason", "status", "type"),
        ),
    ]


def suppression_outputs(plan: ImportPlan) -> dict[str, str]:
    used = plan.used
    outputs = {
        name: f"coalesce(s.{name}, '')" if name in used else "''" for name in (*KEY_COLUMNS, HASHED)
    }
    outputs |= {key: plain_key_sql(column, outputs[column]) for column, key in KEY_COLUMNS.items()}
    default = quote(Suppression.Reason.REQUEST.value)
    outputs["channel"] = "coalesce(s.channel, '')" if "channel" in used else "''"
    outputs["why"] = f"coalesce(s.why, {default})" if "why" in used else default
    return outputs


def needs_an_address(plan: ImportPlan) -> str:
    if plan.used.isdisjoint({*KEY_COLUMNS, HASHED}):
        return _("No column is mapped to an e-mail address, a phone number or a hash.")
    return ""


def judge_suppressions(cursor: CursorWrapper, plan: ImportPlan) -> None:
    nothing = " AND ".join(f"v.{name} = ''" for name in (*KEY_COLUMNS, HASHED))
    reject(cursor, nothing, quote(_("The row has no address.")))


def prepare_suppressions(cursor: CursorWrapper, plan: ImportPlan) -> None:
    country = plan.options.country or Organisation.current().phone_country
    for column, key in KEY_COLUMNS.items():
        settle_rows(
            cursor,
            column,
            f"SELECT v.line AS place, v.{column} AS written, %s::text AS country "
            f"FROM {CHECKED} v WHERE v.{key} IS NULL",
            [country],
            table=CHECKED,
            key="line",
        )


def merge_suppressions(cursor: CursorWrapper, plan: ImportPlan) -> ImportCounts:
    n_rows = count(cursor, f"SELECT count(*) FROM {CHECKED}")
    make_listed(cursor)
    lines = _list_addresses(cursor, plan)
    lock_persons(WITH_ADDRESS)
    cursor.execute(f"SELECT pg_advisory_xact_lock({LIST_LOCK})")
    cursor.execute(
        "INSERT INTO segments_suppression (channel, address_hash, form, reason, source, since) "
        "SELECT DISTINCT ON (l.address_hash, l.channel) l.channel, l.address_hash, l.form, "
        f"l.kind, %s, %s::timestamptz FROM {LISTED} l ORDER BY l.address_hash, l.channel, l.kind "
        "ON CONFLICT (address_hash, channel) DO NOTHING RETURNING address_hash, channel",
        [plan.source, plan.at],
    )
    added = {(bytes(hashed), channel) for hashed, channel in cursor.fetchall()}
    has_hashes = count(cursor, f"SELECT count(*) FROM {CHECKED} WHERE {HASHED} <> ''") > 0
    # Whom a hash is of, only each customer's own address can say.
    mark_customers("true" if has_hashes else f"c.id IN ({WITH_ADDRESS})", [], at=plan.at)
    n_created = sum(1 for pairs in lines.values() if not added.isdisjoint(pairs))
    return ImportCounts(created=n_created, unchanged=n_rows - n_created)


def _list_addresses(cursor: CursorWrapper, plan: ImportPlan) -> dict[int, list[tuple[bytes, str]]]:
    """Writes what the rows name to LISTED; returns, by line, the hashes and channels."""
    hashers = {column: address_hasher(column) for column in KEY_COLUMNS}
    hashed, lines = keyed_hasher(), {}
    names = "line, email, email_key, phone, phone_key, hash, channel, why"
    into = f"COPY {LISTED} (channel, address_hash, form, kind, address_column, spelt) FROM STDIN"
    with connection.chunked_cursor() as reader:
        reader.execute(f"SELECT {names} FROM {CHECKED} ORDER BY line")
        while rows := reader.fetchmany(CHUNK):
            with cursor.copy(into) as copy:
                for line, email, email_key, phone, phone_key, foreign_hash, channel, reason in rows:
                    pairs: list[tuple[bytes, str]] = []
                    for column, written, key in (
                        ("email", email, email_key),
                        ("phone", phone, phone_key),
                    ):
                        if not is_address(column, key or written):
                            continue
                        digest = hashers[column](written, key)[0]
                        spelt = [key] if key else unsettled_spellings(written)
                        for each in _channels(column, channel):
                            pairs.append((digest, each))
                            for text in spelt:
                                kind = column if key else UNSETTLED
                                copy.write_row((each, digest, "", reason, kind, text))
                    if foreign_hash:
                        form = next(form for form, n in HASHES.items() if len(foreign_hash) == n)
                        digest = hashed(f"{form}:{foreign_hash}")
                        each = channel or plan.options.channel
                        pairs.append((digest, each))
                        copy.write_row((each, digest, form, reason, HASHED, foreign_hash))
                    lines[line] = pairs
    cursor.execute(f"ANALYZE {LISTED}")
    return lines


def _channels(column: str, channel: str) -> list[str]:
    """All that write to a column's addresses, unless the row names one of them."""
    its = [name for name, field in address_fields().items() if field == column]
    return [channel] if channel in its else its


SUPPRESSIONS = ImportSpec(
    kind="suppressions",
    fields=suppression_fields,
    outputs=suppression_outputs,
    key=("email", "phone", HASHED, "channel"),
    prepare=prepare_suppressions,
    merge=merge_suppressions,
    judge=judge_suppressions,
    also_required=needs_an_address,
)
