"""What a file of customers says about consent: kept as statements, and what then holds derived.

A file speaks as of when it was made, unless a column of it says when each consent was given or
withdrawn. It says no where one of its rows says no, also a row that is rejected for another cell or
that contradicts an earlier one; a cell that cannot be read holds its channel.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from django.db import connection
from django.db.backends.utils import CursorWrapper
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from psycopg.sql import quote

from segments.addresses import email_key
from segments.channel_labels import channel_choices, channel_label
from segments.channels import CHANNELS, address_field
from segments.customers.derive_consents import derive_consents
from segments.customers.lock_persons import lock_persons
from segments.customers.numerics.what_holds import NO_PROOF
from segments.customers.settle_addresses import CHUNK, plain_key_sql, settle_rows
from segments.ids import read_id
from segments.imports.fields import Field, words_of_people, yes_or_no
from segments.imports.spec import ImportPlan
from segments.imports.staging import (
    CHECKED,
    KEPT,
    REJECTED,
    STAGED,
    cells_read,
    count,
    source_of,
    value_of,
)
from segments.imports.values.headings import consent_headings, opt_out_headings
from segments.imports.values.yes_no import NEGATIONS, NO, YES
from segments.models import Organisation
from segments.models.consent import SET_BITS, ConsentSource
from segments.models.customer import KEY_COLUMNS
from segments.models.shared_address import MOST_SHARING

# Temporary tables of a merge.
SAID, KEYS = "import_said", "import_consent_keys"
BEFORE, CHANGED = "import_consents_before", "import_consents_changed"
TAKES_AWAY, MISFITS = "import_takes_away", "import_misfits"
TIME, PROOF = "consent_at", "consent_proof"  # columns that a file may have, for all its channels
NO_MOMENT = r"^(0000-00-00|0001-01-01|1900-01-00)([T ][0:.]+Z?)?$"
OWN = {TIME: "timestamptz", PROOF: "text"}


def consent_fields() -> list[Field]:
    """Of each channel, a column of consents and one of opt-outs."""
    said = [
        Field(
            f"consent_{name}",
            gettext_lazy("consent: %s") % label,
            yes_or_no(),
            gettext_lazy("“%s” is not valid. Use yes or no."),
            aliases=consent_headings(name),
            counts_first=f"NOT ({yes_or_no()})",
        )
        for name, label in channel_choices()
    ]
    opted_out = [
        Field(
            f"opt_out_{name}",
            gettext_lazy("opt-out: %s") % label,
            opt_out(),
            "",  # there is no cell that cannot be read
            aliases=opt_out_headings(name),
            counts_first=opt_out(),
            shares_column=True,
        )
        for name, label in channel_choices()
    ]
    return said + opted_out


def opt_out() -> str:
    """Whatever is not a plain no is an opt-out: a yes, a time, a reason, "unsubscribed".

    A no, nothing, or the moment that databases write for none, is no consent.
    """
    says_no = words_of_people(dict.fromkeys(NEGATIONS, "false"))
    never = f"{{x}} !~ {quote(NO_MOMENT)}"
    return f"CASE WHEN {{x}} IS NOT NULL THEN coalesce({says_no}, {never}) END"


def channels_of(plan: ImportPlan) -> list[str]:
    """Channels about whose consent the file says something."""
    return [
        channel
        for channel in CHANNELS
        if channel in plan.options.consented
        or not plan.used.isdisjoint({f"consent_{channel}", f"opt_out_{channel}"})
    ]


def consent_outputs(plan: ImportPlan) -> dict[str, str]:
    """SQL of what a row says about each channel: an opt-out is a no, whatever else it says."""
    return {
        f"consent_{channel}": _says(channel, plan, lambda name: f"s.{name}")
        for channel in channels_of(plan)
    }


def _says(channel: str, plan: ImportPlan, read: Callable[[str], str]) -> str:
    """read : SQL of a mapped field's value."""
    consent, refusal = f"consent_{channel}", f"opt_out_{channel}"
    says = read(consent) if consent in plan.used else "NULL::boolean"
    if consent not in plan.used and channel in plan.options.consented:
        says = "true"
    return f"CASE WHEN {read(refusal)} THEN false ELSE {says} END" if refusal in plan.used else says


def consents_of_new(plan: ImportPlan) -> dict[str, str]:
    """SQL of what a row (v) allows that is the first to speak of its customer, by column."""
    channels = channels_of(plan)
    if not channels:
        return {"consents": "'{}'"}
    allowed = _array(f"CASE WHEN v.consent_{c} THEN {quote(c)} END" for c in channels)
    held = _array(f"CASE WHEN {_is_unclear(c)} THEN {quote(c)} END" for c in channels)
    unclear = f"CASE WHEN v.warned IS NULL THEN '{{}}' ELSE {held} END"
    return {"consents": allowed, "consents_unclear": unclear}


def _array(words: Iterable[str]) -> str:
    return f"array_remove(ARRAY[{', '.join(words)}], NULL)::varchar[]"


def _is_unclear(channel: str) -> str:
    return f"v.consent_{channel} IS NULL AND {quote(f'consent_{channel}')} = ANY (v.warned)"


def record_file_consents(cursor: CursorWrapper, plan: ImportPlan, fields: Iterable[Field]) -> None:
    """Store what the file says of customers who are all known by now, and derive what holds.

    CHANGED then holds the ids of customers whose consents changed, KEPT the lines with a yes that
    brought nothing back.
    """
    channels = channels_of(plan)
    tables = (SAID, KEYS, BEFORE, CHANGED, TAKES_AWAY, MISFITS)
    cursor.execute(f"DROP TABLE IF EXISTS {', '.join(tables)}")
    cursor.execute(f"CREATE TEMPORARY TABLE {CHANGED} (id bigint) ON COMMIT DROP")
    if not channels:
        return
    _gather(cursor, plan, {field.name: field for field in fields})
    for channel in channels:
        _store(cursor, plan, channel)
    _find_keys(cursor, channels)
    if not count(cursor, f"SELECT count(*) FROM {KEYS}"):
        return
    # By id, as all do who lock several; before what holds is read.
    lock_persons(f"SELECT customer_id FROM {KEYS}")
    cursor.execute(
        f"CREATE TEMPORARY TABLE {BEFORE} ON COMMIT DROP AS "
        "SELECT c.id, c.consents, c.consents_unclear FROM segments_customer c "
        f"WHERE c.id IN (SELECT customer_id FROM {KEYS})"
    )
    derive_consents(
        f"SELECT DISTINCT customer_id, channel, NULL::bigint AS topic FROM {KEYS}", at=plan.at
    )
    cursor.execute(
        f"INSERT INTO {CHANGED} SELECT c.id FROM segments_customer c JOIN {BEFORE} b "
        "USING (id) WHERE (c.consents, c.consents_unclear) IS DISTINCT FROM "
        "(b.consents, b.consents_unclear)"
    )
    _list_kept(cursor, channels)


def _gather(cursor: CursorWrapper, plan: ImportPlan, fields: dict[str, Field]) -> None:
    """SAID: one row per line that speaks of consent, its cells as they were read, and of its
    customer the compared addresses and what holds: so one join is enough."""
    channels = channels_of(plan)
    columns = ["c.id AS customer_id", "v.line"]
    columns += [f"v.consent_{channel}" for channel in channels]
    columns += [
        f"coalesce({_is_unclear(channel)}, false) AS unclear_{channel}" for channel in channels
    ]
    columns += [f"v.{name} AS {name}" for name in (TIME, PROOF) if name in plan.used]
    columns += _of_customer(channels)
    cursor.execute(
        f"CREATE TEMPORARY TABLE {SAID} ON COMMIT DROP AS SELECT {', '.join(columns)} "
        f"FROM {CHECKED} v JOIN segments_customer c ON c.external_id = v.external_id"
    )
    if count(cursor, f"SELECT count(*) FROM {REJECTED}"):
        _gather_rejected(cursor, plan, fields)
        _hold_misfits(cursor, plan)
    for channel in channels:
        _say_no_to_one_address(cursor, plan, channel)
    cursor.execute(f"ANALYZE {SAID}")


def _of_customer(channels: list[str]) -> list[str]:
    columns = [f"c.{key}" for key in KEY_COLUMNS.values()]
    for channel in channels:
        name = quote(channel)
        columns.append(f"{name} = ANY (c.consents) AS allowed_{channel}")
        columns.append(f"{name} = ANY (c.consents || c.consents_unclear) AS not_refused_{channel}")
    return columns


def _say_no_to_one_address(cursor: CursorWrapper, plan: ImportPlan, channel: str) -> None:
    """Rows of one mailbox or number are about one person: if one says no, all of them do, and so
    do the customers with this address of whom the file says nothing.
    """
    field = address_field(channel)
    if field is None:
        return
    key, says = KEY_COLUMNS[field], f"consent_{channel}"
    cursor.execute(
        f"UPDATE {SAID} s SET {says} = false WHERE s.{says} AND s.{key} <> '' AND s.{key} IN "
        f"(SELECT n.{key} FROM {SAID} n WHERE NOT n.{says} AND n.{key} <> '')"
    )
    time = [TIME] if TIME in plan.used else []
    cursor.execute(
        f"INSERT INTO {SAID} ({', '.join(['customer_id', 'line', says, *time])}, "
        f"not_refused_{channel}) SELECT DISTINCT c.id, n.line, false, "
        f"{''.join(f'n.{name}, ' for name in time)}true FROM {SAID} n "
        f"JOIN segments_customer c ON c.{key} = n.{key} AND c.{key} <> '' "
        f"WHERE NOT n.{says} AND c.erased_at IS NULL AND {_is_of_few(key, f'n.{key}')} "
        f"AND {quote(channel)} = ANY (c.consents || c.consents_unclear) "
        f"AND c.id NOT IN (SELECT s.customer_id FROM {SAID} s WHERE s.{says} IS NOT NULL)"
    )


def _is_of_few(key: str, address: str) -> str:
    """SQL of whether an address may be one person's: that of very many is a placeholder."""
    return (
        f"(SELECT count(*) FROM (SELECT FROM segments_customer o WHERE o.{key} = {address} "
        f"AND o.{key} <> '' LIMIT {MOST_SHARING + 1}) o) <= {MOST_SHARING}"
    )


def _gather_rejected(cursor: CursorWrapper, plan: ImportPlan, fields: dict[str, Field]) -> None:
    """Of rows that were rejected only what takes away: a no, and what cannot be read.

    They are about the customer with their ID; else with the ID that differs from it only in upper
    and lower case, or with one of their addresses.
    """

    def read(name: str) -> str:
        return value_of(fields[name], plan)

    channels = channels_of(plan)
    names = [f"consent_{channel}" for channel in channels]
    says = [_says(channel, plan, read) for channel in channels]
    cells = [
        f"NOT nullif({said}, true) AS no_{name}" for name, said in zip(names, says, strict=True)
    ]
    for name in names:
        held = "false"
        if name in plan.used:
            written = " OR ".join(f"{cell} IS NOT NULL" for cell in cells_read(fields[name], plan))
            held = f"({written}) AND {read(name)} IS NULL"
        cells.append(f"{held} AS held_{name}")
    times = [name for name in (TIME, PROOF) if name in plan.used]
    cells += [f"{read(name)} AS {name}" for name in times]
    for column, key in KEY_COLUMNS.items():
        written = f"coalesce({read(column)}, '')" if column in plan.used else "''"
        cells += [f"{written} AS {column}", f"{plain_key_sql(column, written)} AS {key}"]
    cells.append(f"{read('country') if 'country' in plan.used else 'NULL'} AS country")
    takes_away = " OR ".join(f"r.no_{name} OR r.held_{name}" for name in names)
    cursor.execute(
        f"CREATE TEMPORARY TABLE {TAKES_AWAY} ON COMMIT DROP AS SELECT r.* FROM "
        f"(SELECT DISTINCT s.line, {read('external_id')} AS external_id, {', '.join(cells)} "
        f"FROM {source_of(plan)} s JOIN {REJECTED} j USING (line) WHERE s.problem IS NULL) r "
        f"WHERE {takes_away}"
    )
    default = plan.options.country or Organisation.current().phone_country
    for column, key in KEY_COLUMNS.items():
        settle_rows(
            cursor,
            column,
            f"SELECT line AS place, {column} AS written, coalesce(nullif(country, ''), %s) "
            f"AS country FROM {TAKES_AWAY} WHERE {key} IS NULL",
            [default],
            table=TAKES_AWAY,
            key="line",
        )
    outputs = [f"CASE WHEN r.no_{name} THEN false END" for name in names]
    outputs += [f"r.held_{name}" for name in names] + [f"r.{name}" for name in times]
    outputs += _of_customer(channels)
    cursor.execute(
        f"INSERT INTO {SAID} SELECT c.id, r.line, {', '.join(outputs)} FROM {TAKES_AWAY} r "
        f"JOIN ({those_meant(TAKES_AWAY)}) t USING (line) JOIN segments_customer c "
        "ON c.id = t.id AND c.erased_at IS NULL"
    )


def those_meant(rows: str) -> str:
    """SQL of line and id of the customers whom rejected rows are about."""
    parts = [
        f"SELECT r.line, c.id FROM {rows} r JOIN segments_customer c USING (external_id)",
    ]
    unknown = (
        "NOT EXISTS (SELECT FROM segments_customer k WHERE k.external_id = r.external_id) "
        "AND c.erased_at IS NULL"
    )
    if not Organisation.current().ids_differ_by_case:
        parts.append(
            f"SELECT r.line, c.id FROM {rows} r JOIN segments_customer c "
            f"ON lower(c.external_id) = lower(r.external_id) WHERE {unknown}"
        )
    parts += [
        f"SELECT r.line, c.id FROM {rows} r JOIN segments_customer c ON c.{key} = r.{key} "
        f"AND c.{key} <> '' WHERE {unknown} AND {_is_of_few(key, f'r.{key}')}"
        for key in KEY_COLUMNS.values()
    ]
    return " UNION ".join(parts)


def _hold_misfits(cursor: CursorWrapper, plan: ImportPlan) -> None:
    """Rows whose cells cannot be told apart say something about consent that nobody can read: it
    holds the channels of the customer whose ID or e-mail address stands in them.
    """
    channels = channels_of(plan)
    id_index = list(plan.cells).index(plan.mapping["external_id"])
    cursor.execute(
        f"CREATE TEMPORARY TABLE {MISFITS} (line bigint, external_id text, email_key text, "
        "phone_key text DEFAULT '') ON COMMIT DROP"
    )
    with connection.chunked_cursor() as reader:
        reader.execute(f"SELECT s.line, s.c0 FROM {STAGED} s WHERE s.problem IS NOT NULL")
        while rows := reader.fetchmany(CHUNK):
            with cursor.copy(f"COPY {MISFITS} (line, external_id, email_key) FROM STDIN") as copy:
                for line, cells in rows:
                    for known in _named_in(json.loads(cells), id_index):
                        copy.write_row((line, *known))
    held = ["c.id", "m.line", *("NULL::boolean" for _channel in channels)]
    held += ["true" for _channel in channels]
    held += [f"NULL::{kind}" for name, kind in OWN.items() if name in plan.used]
    held += _of_customer(channels)
    cursor.execute(
        f"INSERT INTO {SAID} SELECT DISTINCT {', '.join(held)} FROM {MISFITS} m "
        f"JOIN ({those_meant(MISFITS)}) t USING (line) JOIN segments_customer c "
        "ON c.id = t.id AND c.erased_at IS NULL"
    )


def _named_in(cells: list[str], id_index: int) -> Iterator[tuple[str | None, str]]:
    """Of a row that cannot be taken apart: its id, and every e-mail address, as compared."""
    if len(cells) == 1:  # the whole line
        cells = re.split(r"[,;\t|]", cells[0])
    words = [cell.strip(" \"'") for cell in cells]
    name = read_id(words[id_index]) if id_index < len(words) else None
    addresses = filter(None, (email_key(word) for word in words if "@" in word))
    for address in list(addresses) or [""]:
        yield name, address


def _store(cursor: CursorWrapper, plan: ImportPlan, channel: str) -> None:
    """Cells with a time of their own, or a proof, one by one; the others as bits, by block."""
    says = f"s.consent_{channel}"
    is_own = " OR ".join(f"s.{name} IS NOT NULL" for name in (TIME, PROOF) if name in plan.used)
    facts: dict[str, Any] = {
        "channel": channel,
        "at": plan.at,
        "made_at": plan.said_at,
        "source": plan.source,
        "job": plan.job_id,
        "kind": ConsentSource.FILE.value,
    }
    cursor.execute(
        "INSERT INTO segments_fileconsents (block, channel, says_yes, said_at, recorded_at, "
        "source, import_job_id, customers) "
        f"SELECT s.customer_id >> {SET_BITS}, %(channel)s, {says}, %(made_at)s::timestamptz, "
        "%(at)s::timestamptz, %(source)s, %(job)s::bigint, "
        f"bit_or(set_bit(repeat('0', {1 << SET_BITS})::bit({1 << SET_BITS}), "
        f"(s.customer_id & {(1 << SET_BITS) - 1})::int, 1)) FROM {SAID} s "
        f"WHERE ({says} IS NOT NULL OR s.unclear_{channel}) AND NOT ({is_own or 'false'}) "
        "GROUP BY 1, 3",
        facts,
    )
    if not is_own:
        return
    time = f"s.{TIME}" if TIME in plan.used else "NULL::timestamptz"
    proof = f"s.{PROOF}" if PROOF in plan.used else "NULL::text"
    words = ", ".join(map(quote, sorted({*NO_PROOF, *YES, *NO})))  # a bare yes proves nothing
    no_proof = f"lower(btrim({proof})) = ANY (ARRAY[{words}])"
    cursor.execute(
        "INSERT INTO segments_consentstatement (customer_id, channel, says_yes, said_at, "
        "recorded_at, kind, source, by_customer, brings_back, proof) "
        "SELECT DISTINCT n.customer_id, %(channel)s, n.says_yes, n.said_at, %(at)s::timestamptz, "
        "%(kind)s::smallint, %(source)s, false, n.brings_back, n.proof FROM ("
        f"SELECT s.customer_id, {says} AS says_yes, "
        f"coalesce({time}, %(made_at)s::timestamptz) AS said_at, "
        f"coalesce({says}, false) AND {time} IS NOT NULL AND NOT coalesce({no_proof}, true) "
        "AS brings_back, "
        f"jsonb_strip_nulls(jsonb_build_object('text', {proof})) AS proof FROM {SAID} s "
        f"WHERE ({says} IS NOT NULL OR s.unclear_{channel}) AND ({is_own})) n "
        "WHERE NOT EXISTS (SELECT FROM segments_consentstatement k "
        "WHERE k.customer_id = n.customer_id AND k.channel = %(channel)s "
        "AND k.said_at = n.said_at AND k.says_yes IS NOT DISTINCT FROM n.says_yes "
        "AND k.kind = %(kind)s AND k.source = %(source)s AND k.proof = n.proof)",
        facts,
    )


def _find_keys(cursor: CursorWrapper, channels: list[str]) -> None:
    """KEYS: where the file says something else than what holds. What says the same changes nothing:
    a yes where yes holds, a no where no holds.
    """
    parts = []
    for channel in channels:
        name = quote(channel)
        parts.append(
            f"SELECT s.customer_id, {name}::text AS channel FROM {SAID} s "
            f"WHERE s.unclear_{channel} OR s.consent_{channel} AND NOT s.allowed_{channel} "
            f"OR NOT s.consent_{channel} AND s.not_refused_{channel}"
        )
    cursor.execute(f"CREATE TEMPORARY TABLE {KEYS} ON COMMIT DROP AS {' UNION '.join(parts)}")
    cursor.execute(f"ANALYZE {KEYS}")


def _list_kept(cursor: CursorWrapper, channels: list[str]) -> None:
    """Rows whose yes brought nothing back: KEPT, with the reason."""
    for channel in channels:
        reason = quote(
            _("Consent stays withdrawn (%s): there is a later withdrawal.") % channel_label(channel)
        )
        cursor.execute(
            f"INSERT INTO {KEPT} SELECT s.line, {reason} FROM {SAID} s JOIN {KEYS} k "
            f"ON k.customer_id = s.customer_id AND k.channel = {quote(channel)} "
            "JOIN segments_customer c ON c.id = s.customer_id "
            f"WHERE s.consent_{channel} "
            f"AND {quote(channel)} <> ALL (c.consents || c.consents_unclear)"
        )
