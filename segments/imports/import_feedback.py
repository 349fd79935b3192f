"""What imported bounces, complaints and unsubscribes change: what segments.events.feedback says,
for all rows of a file at once.

However old they are: as with reports handed in one by one, what counts is that they are new here.
A row that is known already changes nothing when it comes again, unless it reports something else
by now: of another customer or channel, another kind, or a bounce that is lasting after all.
"""

from django.db import connection
from django.db.backends.utils import CursorWrapper
from django.utils.translation import gettext as _
from psycopg.sql import quote

from segments.channels import ADDRESS_FIELDS, address_fields, outbound_channels
from segments.customers.address_hash import address_hasher
from segments.customers.derive_consents import derive_consents
from segments.customers.suppress_addresses import CHUNK, LIST_LOCK, mark_customers
from segments.customers.with_address import is_address, unsettled_spellings
from segments.events.feedback import FEEDBACK, MAX_SOFT_BOUNCES, SOFT_BOUNCES_COUNT_FOR
from segments.imports.fields import yes_or_no
from segments.imports.spec import ImportPlan
from segments.imports.staging import CHECKED, count, reject
from segments.models import EventKind, Suppression
from segments.models.consent import ConsentSource
from segments.models.customer import KEY_COLUMNS

NEWS, LASTING, LISTED = "import_feedback", "import_lasting", "import_listed"  # temporary
UNSETTLED = "unsettled phone"
KINDS = ", ".join(quote(kind.value) for kind in FEEDBACK)
SAYS_NO = "kind IN ('complaint', 'unsubscribe')"
REASONS = {  # the first is used where both are reported for an address
    EventKind.COMPLAINT.value: Suppression.Reason.COMPLAINT.value,
    EventKind.BOUNCE.value: Suppression.Reason.BOUNCE.value,
}


def reject_unclear(cursor: CursorWrapper, plan: ImportPlan) -> None:
    """Refuse, of the checked rows, feedback that does not say what it is about."""
    channels = ", ".join(map(quote, outbound_channels()))
    has_channel = f"coalesce(v.properties ->> 'channel', '') IN ({channels})"
    is_clear = f"({_hard('v')}) IS NOT NULL"
    words = {"channels": ", ".join(outbound_channels())}
    channel = quote(_("channel: specify the channel of the message (%(channels)s).") % words)
    hard = quote(_("hard: specify whether the bounce is permanent (yes or no)."))
    reject(
        cursor,
        f"v.kind IN ({KINDS}) AND NOT ({has_channel} AND (v.kind <> 'bounce' OR {is_clear}))",
        f"CASE WHEN {has_channel} THEN {hard} ELSE {channel} END",
    )


def write_plainly(cursor: CursorWrapper) -> None:
    """Of the checked bounces: `hard` as true or false, whichever word the file has for it."""
    cursor.execute(
        f"UPDATE {CHECKED} v SET properties = "
        f"jsonb_set(v.properties, '{{hard}}', to_jsonb(({_hard('v')})::boolean)) "
        "WHERE v.kind = 'bounce' AND jsonb_typeof(v.properties -> 'hard') <> 'boolean'"
    )


def _hard(row: str) -> str:
    return yes_or_no().replace("{x}", f"{row}.properties ->> 'hard'")


def forget_gathered(cursor: CursorWrapper) -> None:
    """Begin with nothing, inside the transaction of the merge."""
    cursor.execute(f"DROP TABLE IF EXISTS {NEWS}, {LASTING}, {LISTED}")
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


def act_on_gathered(cursor: CursorWrapper, plan: ImportPlan) -> None:
    """Withdraw consents and suppress addresses. Memory is bounded by CHUNK."""
    if not count(cursor, f"SELECT count(*) FROM {NEWS}"):
        return
    cursor.execute(f"ANALYZE {NEWS}")
    lock_customers(cursor, f"SELECT customer_id FROM {NEWS}")
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
    lock_customers(cursor, WITH_ADDRESS)
    cursor.execute(f"SELECT pg_advisory_xact_lock({LIST_LOCK})")
    for kind, reason in REASONS.items():
        cursor.execute(
            "INSERT INTO segments_suppression (channel, address_hash, reason, source, since) "
            "SELECT DISTINCT channel, address_hash, %s, %s, %s::timestamptz "
            f"FROM {LISTED} WHERE kind = %s ON CONFLICT (address_hash, channel) DO NOTHING",
            [reason, _source(plan, kind), plan.at, kind],
        )
    mark_customers(f"c.id IN ({WITH_ADDRESS})", [], at=plan.at)


def lock_customers(cursor: CursorWrapper, ids: str) -> None:
    count(
        cursor,
        "SELECT count(*) FROM (SELECT FROM segments_customer c "
        f"WHERE c.id IN ({ids}) ORDER BY c.id FOR NO KEY UPDATE) locked",
    )


def _source(plan: ImportPlan, kind: str) -> str:
    return f"{plan.source}: {kind}"
