"""What imported bounces, complaints and unsubscribes change: what segments.events.feedback says,
for all rows of a file at once.

However old they are: as with reports handed in one by one, what counts is that they are new here.
A row that is known already changes nothing when it comes again, unless it reports something else
by now: of another customer or channel, another kind, or a bounce that is lasting after all.
"""

from collections.abc import Iterable
from typing import Any

from django.db import connection
from django.db.backends.utils import CursorWrapper
from django.utils.translation import gettext as _
from psycopg.sql import quote

from segments.channels import (
    ADDRESS_FIELDS,
    CALL,
    EMAIL,
    SMS,
    address_fields,
    outbound_channels,
)
from segments.customers.address_hash import address_hasher
from segments.customers.derive_consents import derive_consents
from segments.customers.lock_persons import lock_persons
from segments.customers.settle_addresses import plain_key_sql, settle_rows
from segments.customers.share_withdrawals import share_withdrawals_of
from segments.customers.suppress_addresses import CHUNK, LIST_LOCK, mark_customers
from segments.customers.with_address import is_address, unsettled_spellings
from segments.events.feedback import FEEDBACK, MAX_SOFT_BOUNCES, SOFT_BOUNCES_COUNT_FOR
from segments.imports.consent_cells import those_meant
from segments.imports.fields import Field, words, yes_or_no
from segments.imports.spec import ImportPlan
from segments.imports.staging import (
    CHECKED,
    REJECTED,
    as_written,
    count,
    reject,
    source_of,
    value_of,
)
from segments.models import EventKind, Organisation, Suppression
from segments.models.consent import ConsentSource
from segments.models.customer import KEY_COLUMNS

SAYING_NO, HELD = "import_saying_no", "import_held"  # temporary
NEWS, LASTING, LISTED = "import_feedback", "import_lasting", "import_listed"  # temporary
UNSETTLED = "unsettled phone"
KINDS = ", ".join(quote(kind.value) for kind in FEEDBACK)
SAYS_NO = "kind IN ('complaint', 'unsubscribe')"
REASONS = {  # the first is used where both are reported for an address
    EventKind.COMPLAINT.value: Suppression.Reason.COMPLAINT.value,
    EventKind.BOUNCE.value: Suppression.Reason.BOUNCE.value,
}


# What providers call it in their files.
FEEDBACK_WORDS = dict.fromkeys(
    (
        *("unsubscribed", "unsub", "unsubscription", "opt out", "optout", "opted out", "stop"),
        *("list unsubscribe", "group unsubscribe", "abmeldung", "abgemeldet", "désinscription"),
        *("désabonnement", "desinscription", "cancelación de suscripción", "descadastro"),
        *("cancelamento de inscrição", "disiscrizione", "afmelding", "uitschrijving"),
    ),
    EventKind.UNSUBSCRIBE.value,
) | dict.fromkeys(
    (
        *("spamreport", "spam report", "spam complaint", "spam", "complained", "abuse"),
        *("abuse report", "abuse complaint", "marked as spam", "spambeschwerde"),
    ),
    EventKind.COMPLAINT.value,
)


def _channel_words() -> dict[str, str]:
    """What files call the channels: SQL by word."""
    return {
        **{name: quote(name) for name in outbound_channels()},
        **{f"{name}s": quote(name) for name in outbound_channels()},
        **dict.fromkeys(("e-mail", "newsletter"), quote(EMAIL)),
        **dict.fromkeys(("text", "text message"), quote(SMS)),
        **dict.fromkeys(("voice", "telephone"), quote(CALL)),
    }


def _channel(row: str, plan: ImportPlan) -> str:
    """SQL of the channel of a row's message; a row without it that names its customer by e-mail is
    about e-mail."""
    said = words(_channel_words()).replace("{x}", f"btrim({row}.properties ->> 'channel')")
    if "email" not in plan.used:
        return said
    silent = f"coalesce({row}.properties ->> 'channel', '') = '' AND {row}.email <> ''"
    return f"CASE WHEN {silent} THEN {quote(EMAIL)} ELSE {said} END"


def reject_unclear(cursor: CursorWrapper, plan: ImportPlan) -> None:
    """Refuse, of the checked rows, feedback that does not say what it is about."""
    has_channel = f"({_channel('v', plan)}) IS NOT NULL"
    is_clear = f"({_hard('v')}) IS NOT NULL"
    words = {"channels": ", ".join(outbound_channels())}
    channel = quote(_("channel: specify the channel of the message (%(channels)s).") % words)
    hard = quote(_("hard: specify whether the bounce is permanent (yes or no)."))
    reject(
        cursor,
        f"v.kind IN ({KINDS}) AND NOT ({has_channel} AND (v.kind <> 'bounce' OR {is_clear}))",
        f"CASE WHEN {has_channel} THEN {hard} ELSE {channel} END",
    )


def write_plainly(cursor: CursorWrapper, plan: ImportPlan) -> None:
    """Of the checked feedback: the channel by its name and, of bounces, `hard` as true or false,
    whichever words the file has for them."""
    channel = _channel("v", plan)
    cursor.execute(
        f"UPDATE {CHECKED} v SET properties = v.properties || jsonb_build_object('channel', "
        f"{channel}) WHERE v.kind IN ({KINDS}) "
        f"AND v.properties ->> 'channel' IS DISTINCT FROM {channel}"
    )
    cursor.execute(
        f"UPDATE {CHECKED} v SET properties = "
        f"jsonb_set(v.properties, '{{hard}}', to_jsonb(({_hard('v')})::boolean)) "
        "WHERE v.kind = 'bounce' AND jsonb_typeof(v.properties -> 'hard') <> 'boolean'"
    )


def _hard(row: str) -> str:
    return yes_or_no().replace("{x}", f"{row}.properties ->> 'hard'")


def forget_gathered(cursor: CursorWrapper) -> None:
    """Begin with nothing, inside the transaction of the merge."""
    cursor.execute(f"DROP TABLE IF EXISTS {NEWS}, {LASTING}, {LISTED}, {HELD}")
    cursor.execute(
        f"CREATE TEMPORARY TABLE {NEWS} (customer_id bigint, kind text, channel text, "
        "hard boolean, occurred_at timestamptz) ON COMMIT DROP"
    )


def report_in(event: str) -> str:
    """SQL of what an event reports, if it is feedback: kind, channel, whether it is lasting."""
    return (
        f"{event}.kind, {event}.properties ->> 'channel', "
        f"{event}.kind = 'bounce' AND {event}.properties -> 'hard' = 'true'::jsonb"
    )


def gather(cursor: CursorWrapper, rows: str) -> None:
    """Keep what of `rows` is feedback until all rows of the file are stored.

    rows : SQL whose columns are customer_id, kind, occurred_at and properties.
    """
    cursor.execute(
        f"INSERT INTO {NEWS} SELECT n.customer_id, {report_in('n')}, n.occurred_at "
        f"FROM ({rows}) n WHERE n.kind IN ({KINDS})"
    )


def gather_rejected(cursor: CursorWrapper, plan: ImportPlan, fields: Iterable[Field]) -> None:
    """Keep, of rows that were rejected, who unsubscribed or complained: whatever else is wrong with
    them, and also where several customers have the address.

    Where the moment cannot be read, it is that of the file. A row that does not say the channel
    holds them all.
    """
    by_name = {field.name: field for field in fields}

    def read(name: str) -> str:
        return value_of(by_name[name], plan) if name in plan.used else "NULL"

    kind = f"coalesce({read('kind')}, {quote(plan.options.default_kind.lower())})"
    cells = [f"nullif({read('customer')}, '') AS external_id", f"{kind} AS kind"]
    for column, key in KEY_COLUMNS.items():
        written = f"coalesce({read(column)}, '')"
        cells += [f"{written} AS {column}", f"{plain_key_sql(column, written)} AS {key}"]
    cell = as_written(plan.cells["channel"], plan) if "channel" in plan.extras else "NULL::text"
    more = f"|| coalesce({read('properties')}, '{{}}')" if "properties" in plan.used else ""
    cells.append(f"jsonb_build_object('channel', {cell}) {more} AS properties")
    cells.append(f"{read('occurred_at')}::timestamptz AS occurred_at")
    cursor.execute(f"DROP TABLE IF EXISTS {SAYING_NO}")
    cursor.execute(
        f"CREATE TEMPORARY TABLE {SAYING_NO} ON COMMIT DROP AS SELECT r.* FROM "
        f"(SELECT DISTINCT s.line, {', '.join(cells)} FROM {source_of(plan)} s "
        f"JOIN {REJECTED} j USING (line) WHERE s.problem IS NULL) r WHERE {SAYS_NO}"
    )
    if not count(cursor, f"SELECT count(*) FROM {SAYING_NO}"):
        return
    country = plan.options.country or Organisation.current().phone_country
    for column, key in KEY_COLUMNS.items():
        settle_rows(
            cursor,
            column,
            f"SELECT line AS place, {column} AS written, %s::text AS country "
            f"FROM {SAYING_NO} WHERE {key} IS NULL",
            [country],
            table=SAYING_NO,
            key="line",
        )
    persons = (
        f"SELECT DISTINCT c.id AS customer_id, r.kind, {_channel('r', plan)} AS channel, "
        f"r.occurred_at FROM {SAYING_NO} r JOIN ({those_meant(SAYING_NO)}) t USING (line) "
        "JOIN segments_customer c ON c.id = t.id AND c.erased_at IS NULL"
    )
    known = (
        "EXISTS (SELECT FROM segments_consentstatement k WHERE k.customer_id = n.customer_id "
        "AND k.channel = coalesce(n.channel, k.channel) AND k.kind = %(by)s "
        "AND k.says_yes IS NOT DISTINCT FROM CASE WHEN n.channel IS NOT NULL THEN false END "
        "AND k.source = %(source)s || ': ' || n.kind "
        "AND (n.occurred_at IS NULL OR k.said_at = least(n.occurred_at, %(at)s)))"
    )
    facts: dict[str, Any] = {
        "by": ConsentSource.FEEDBACK.value,
        "source": plan.source,
        "at": plan.at,
    }
    moment = "coalesce(n.occurred_at, %(made_at)s::timestamptz)"
    facts |= {"made_at": plan.said_at, "channels": list(outbound_channels())}
    cursor.execute(
        f"INSERT INTO {NEWS} SELECT n.customer_id, n.kind, n.channel, false, {moment} "
        f"FROM ({persons}) n WHERE n.channel IS NOT NULL AND NOT {known}",
        facts,
    )
    cursor.execute(
        f"CREATE TEMPORARY TABLE {HELD} ON COMMIT DROP AS SELECT n.customer_id, o.channel, "
        f"least({moment}, %(at)s::timestamptz) AS said_at, n.kind FROM ({persons}) n "
        f"CROSS JOIN unnest(%(channels)s::text[]) AS o (channel) "
        f"WHERE n.channel IS NULL AND NOT {known}",
        facts,
    )
    lock_persons(f"SELECT customer_id FROM {HELD} UNION SELECT customer_id FROM {NEWS}")
    cursor.execute(
        "INSERT INTO segments_consentstatement (customer_id, channel, says_yes, said_at, "
        "recorded_at, kind, source, by_customer, brings_back, proof) "
        "SELECT DISTINCT customer_id, channel, NULL::boolean, said_at, %(at)s::timestamptz, "
        "%(by)s::smallint, %(source)s || ': ' || kind, false, false, '{}'::jsonb "
        f"FROM {HELD}",
        facts,
    )
    derive_consents(
        f"SELECT DISTINCT customer_id, channel, NULL::bigint AS topic FROM {HELD}", at=plan.at
    )


def act_on_gathered(cursor: CursorWrapper, plan: ImportPlan) -> None:
    """Withdraw consents and suppress addresses. Memory is bounded by CHUNK."""
    if not count(cursor, f"SELECT count(*) FROM {NEWS}"):
        return
    cursor.execute(f"ANALYZE {NEWS}")
    lock_persons(f"SELECT customer_id FROM {NEWS}")
    _withdraw_consents(cursor, plan)
    _find_lasting(cursor)
    _hash_addresses(cursor)
    _suppress(cursor, plan)


def _withdraw_consents(cursor: CursorWrapper, plan: ImportPlan) -> None:
    """Withdraw these channels of customers who complained or unsubscribed, as of the event."""
    cursor.execute(
        "INSERT INTO segments_consentstatement (customer_id, channel, says_yes, said_at, "
        "recorded_at, kind, source, by_customer, brings_back, proof) "
        "SELECT DISTINCT customer_id, channel, false, least(occurred_at, %(at)s), "
        "%(at)s::timestamptz, %(by)s::smallint, %(source)s || ': ' || kind, true, false, "
        f"'{{}}'::jsonb FROM {NEWS} WHERE {SAYS_NO}",
        {"at": plan.at, "by": ConsentSource.FEEDBACK.value, "source": plan.source},
    )
    keys = (
        f"SELECT DISTINCT customer_id, channel, NULL::bigint AS topic FROM {NEWS} WHERE {SAYS_NO}"
    )
    derive_consents(keys, at=plan.at)
    cursor.execute(f"SELECT DISTINCT customer_id FROM {NEWS} WHERE {SAYS_NO}")
    share_withdrawals_of([pk for (pk,) in cursor.fetchall()], at=plan.at)


def _find_lasting(cursor: CursorWrapper) -> None:
    """What suppresses the address: complaints, hard bounces, and soft ones that go on."""
    cursor.execute(
        f"CREATE TEMPORARY TABLE {LASTING} ON COMMIT DROP AS SELECT n.* FROM {NEWS} n "
        "WHERE n.channel = ANY (%(channels)s) AND (n.kind = 'complaint' OR n.hard "
        "OR n.kind = 'bounce' AND (SELECT count(*) FROM segments_event e "
        "WHERE e.customer_id = n.customer_id AND e.kind = 'bounce' "
        "AND e.occurred_at > n.occurred_at - %(span)s::interval AND e.occurred_at <= n.occurred_at "
        "AND e.properties ->> 'channel' = n.channel) >= %(most)s)",
        {
            "channels": list(address_fields()),
            "span": f"{SOFT_BOUNCES_COUNT_FOR.total_seconds()} seconds",
            "most": MAX_SOFT_BOUNCES,
        },
    )


def make_listed(cursor: CursorWrapper) -> None:
    """The table of addresses that are about to be suppressed: by their hashes, and as they are
    compared; `kind` says why.
    """
    cursor.execute(f"DROP TABLE IF EXISTS {LISTED}")
    cursor.execute(
        f"CREATE TEMPORARY TABLE {LISTED} (channel text, address_hash bytea, form text DEFAULT '', "
        "kind text, address_column text, spelt text) ON COMMIT DROP"
    )


def _hash_addresses(cursor: CursorWrapper) -> None:
    """The customers' addresses by their hashes, and as others' rows have them.

    Hashed here, for the database sees no key.
    """
    make_listed(cursor)
    columns = address_fields()
    hashers = {column: address_hasher(column) for column in ADDRESS_FIELDS}
    into = f"COPY {LISTED} (channel, address_hash, kind, address_column, spelt) FROM STDIN"
    listed = ", ".join(
        f"c.{name}" for column in ADDRESS_FIELDS for name in (column, KEY_COLUMNS[column])
    )
    with connection.chunked_cursor() as reader:
        reader.execute(
            f"SELECT n.channel, n.kind, {listed} FROM {LASTING} n "
            "JOIN segments_customer c ON c.id = n.customer_id"
        )
        while rows := reader.fetchmany(CHUNK):
            with cursor.copy(into) as copy:
                for channel, kind, *addresses in rows:
                    column = columns[channel]
                    first = 2 * ADDRESS_FIELDS.index(column)
                    written, key = addresses[first : first + 2]
                    if not is_address(column, key or written):
                        continue
                    hashed = hashers[column](written, key)[0]
                    if key:
                        copy.write_row((channel, hashed, kind, column, key))
                        continue
                    for spelt in unsettled_spellings(written):
                        copy.write_row((channel, hashed, kind, UNSETTLED, spelt))
    cursor.execute(f"ANALYZE {LISTED}")


# Customers with one of the addresses. More of them do no harm: marks are set by the list.
WITH_ADDRESS = " UNION ".join(
    [
        *(
            f"SELECT c.id FROM {LISTED} l JOIN segments_customer c "
            f"ON c.{key} = l.spelt AND c.{key} <> '' WHERE l.address_column = '{column}'"
            for column, key in KEY_COLUMNS.items()
        ),
        f"""
        SELECT c.id FROM {LISTED} l JOIN segments_customer c
        ON translate(c.phone, '+ ()./-', '') = l.spelt AND c.phone_key = '' AND c.phone <> ''
        WHERE l.address_column = '{UNSETTLED}'
        """,
    ]
)


def _suppress(cursor: CursorWrapper, plan: ImportPlan) -> None:
    """As suppress_addresses does: rows of customers are locked before the list."""
    if not count(cursor, f"SELECT count(*) FROM {LISTED}"):
        return
    lock_persons(WITH_ADDRESS)
    cursor.execute(f"SELECT pg_advisory_xact_lock({LIST_LOCK})")
    for kind, reason in REASONS.items():
        cursor.execute(
            "INSERT INTO segments_suppression (channel, address_hash, reason, source, since) "
            "SELECT DISTINCT channel, address_hash, %s, %s, %s::timestamptz "
            f"FROM {LISTED} WHERE kind = %s ON CONFLICT (address_hash, channel) DO NOTHING",
            [reason, _source(plan, kind), plan.at, kind],
        )
    mark_customers(f"c.id IN ({WITH_ADDRESS})", [], at=plan.at)


def _source(plan: ImportPlan, kind: str) -> str:
    return f"{plan.source}: {kind}"
