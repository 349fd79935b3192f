"""The one place that writes what customers allow: derived from all statements, for many at once.

It does in SQL what numerics.what_holds says of one channel or topic; a property test holds the two
together. Code that stores statements first locks the customers' rows (lock_persons), and derives in
the same transaction, so that of two who write at once the second sees what the first said. What was
said under one of a person's numbers holds for all their records alike.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db import connection

from segments.channels import CHANNELS
from segments.models import Customer
from segments.models.consent import SET_BITS
from segments.same_person import IN_FORCE, MEMBERSHIPS, is_anybody_merged

# What was said of a record's channel or topic. Of what files said only the newest yes, no and
# unreadable cell count, each found by the index.
SAID = f"""
SELECT s.said_at, s.says_yes, s.by_customer, s.brings_back
FROM segments_consentstatement s
WHERE s.customer_id = {{record}} AND s.channel = k.channel
    AND s.topic IS NOT DISTINCT FROM k.topic
UNION ALL
(SELECT f.said_at, true, false, false FROM segments_fileconsents f
 WHERE f.block = {{record}} >> {SET_BITS} AND f.channel = k.channel AND f.says_yes
     AND get_bit(f.customers, ({{record}} & {(1 << SET_BITS) - 1})::int) = 1
 ORDER BY f.said_at DESC LIMIT 1)
UNION ALL
(SELECT f.said_at, false, false, false FROM segments_fileconsents f
 WHERE f.block = {{record}} >> {SET_BITS} AND f.channel = k.channel AND NOT f.says_yes
     AND get_bit(f.customers, ({{record}} & {(1 << SET_BITS) - 1})::int) = 1
 ORDER BY f.said_at DESC LIMIT 1)
UNION ALL
(SELECT f.said_at, NULL, false, false FROM segments_fileconsents f
 WHERE f.block = {{record}} >> {SET_BITS} AND f.channel = k.channel AND f.says_yes IS NULL
     AND get_bit(f.customers, ({{record}} & {(1 << SET_BITS) - 1})::int) = 1
 ORDER BY f.said_at DESC LIMIT 1)
"""
SAID_OF_RECORD = SAID.format(record="k.customer_id")
SAID_OF_PERSON = f"""
SELECT said.* FROM unnest(k.records) AS r (id)
CROSS JOIN LATERAL ({SAID.format(record="r.id")}) said
"""
# Of keys k (customer_id, channel, topic): what holds, NULL where nothing was ever said.
HOLDS = """
SELECT k.customer_id, k.channel, k.topic,
    CASE WHEN m.withdrawn_at >= coalesce(m.brought_back_at, '-infinity') THEN 'no'
         WHEN m.no_at = m.newest_at THEN 'no'
         WHEN m.unclear_at = m.newest_at THEN 'unclear'
         WHEN m.yes_at = m.newest_at THEN 'yes' END AS holds
FROM ({keys}) k CROSS JOIN LATERAL (
    SELECT max(said_at) AS newest_at,
        max(said_at) FILTER (WHERE NOT says_yes AND by_customer) AS withdrawn_at,
        max(said_at) FILTER (WHERE brings_back) AS brought_back_at,
        max(said_at) FILTER (WHERE NOT says_yes) AS no_at,
        max(said_at) FILTER (WHERE says_yes IS NULL) AS unclear_at,
        max(said_at) FILTER (WHERE says_yes) AS yes_at
    FROM ({said}) said
) m
"""
# What concerns one record concerns all of the person. records: their numbers.
KEYS_OF_PERSONS = f"""
SELECT k.customer_id, k.channel, k.topic, ARRAY[k.customer_id] AS records
FROM ({{keys}}) k WHERE NOT EXISTS (SELECT FROM ({MEMBERSHIPS}) r WHERE r.id = k.customer_id)
UNION ALL
SELECT DISTINCT record.id, k.channel, k.topic, person.records
FROM ({{keys}}) k JOIN ({MEMBERSHIPS}) r ON r.id = k.customer_id
CROSS JOIN LATERAL (
    SELECT r.kept_id || array_agg(m.alias_id ORDER BY m.alias_id) AS records
    FROM segments_customermerge m WHERE m.kept_id = r.kept_id AND {IN_FORCE}
) person CROSS JOIN LATERAL unnest(person.records) AS record (id)
"""

# Channels and topics that nobody asks about stay as they are.
DERIVE = """
WITH h AS MATERIALIZED (
    SELECT customer_id,
        array_agg(channel) FILTER (WHERE topic IS NULL) AS channels,
        array_agg(channel) FILTER (WHERE topic IS NULL AND holds = 'yes') AS allowed,
        array_agg(channel) FILTER (WHERE topic IS NULL AND holds = 'unclear') AS unclear,
        array_agg(topic) FILTER (WHERE topic IS NOT NULL) AS topics,
        array_agg(topic) FILTER (WHERE topic IS NOT NULL AND holds = 'no') AS declined
    FROM ({holds}) each GROUP BY customer_id
), n AS (
    SELECT c.id, c.consents AS consents_before,
        ARRAY(SELECT known.channel FROM unnest(%(channels)s::varchar[])
              WITH ORDINALITY AS known (channel, position)
              WHERE known.channel = ANY (h.allowed) OR known.channel = ANY (c.consents)
                  AND known.channel <> ALL (coalesce(h.channels, '{{}}'))
              ORDER BY position) AS consents,
        ARRAY(SELECT known.channel FROM unnest(%(channels)s::varchar[])
              WITH ORDINALITY AS known (channel, position)
              WHERE known.channel = ANY (h.unclear) OR known.channel = ANY (c.consents_unclear)
                  AND known.channel <> ALL (coalesce(h.channels, '{{}}'))
              ORDER BY position) AS consents_unclear,
        ARRAY(SELECT known.topic FROM unnest(c.topics_declined || h.declined) AS known (topic)
              WHERE known.topic = ANY (h.declined)
                  OR known.topic <> ALL (coalesce(h.topics, '{{}}'))
              GROUP BY known.topic ORDER BY known.topic) AS topics_declined
    FROM h JOIN segments_customer c ON c.id = h.customer_id
)
UPDATE segments_customer c
SET consents = n.consents, consents_unclear = n.consents_unclear,
    topics_declined = n.topics_declined, updated_at = %(at)s
FROM n WHERE c.id = n.id AND (
    NOT (c.consents @> n.consents AND n.consents @> c.consents)
    OR c.consents_unclear <> n.consents_unclear OR c.topics_declined <> n.topics_declined)
"""


def derive_consents(keys: str, params: Mapping[str, Any] | None = None, *, at: datetime) -> int:
    """Set what customers allow by what was said; returns how many of them changed.

    keys : SQL whose columns are customer_id, channel ('' for a topic) and topic (NULL for a
    channel), each key once; of customers whose rows this transaction has locked by lock_persons.
    """
    params, said = {**(params or {})}, SAID_OF_RECORD
    with connection.cursor() as cursor:
        if is_anybody_merged():
            keys, said = KEYS_OF_PERSONS.format(keys=keys), SAID_OF_PERSON
        query = DERIVE.format(holds=HOLDS.format(keys=keys, said=said))
        cursor.execute(query, {**params, "channels": list(CHANNELS), "at": at})
        return cursor.rowcount


def derive_customer(
    customer: Customer, channels: Sequence[str], topics: Sequence[int] = (), *, at: datetime
) -> bool:
    """The same for one customer, whose row is locked; whether anything changed."""
    keys = (
        "SELECT %(customer)s::bigint AS customer_id, channel, NULL::bigint AS topic "
        "FROM unnest(%(asked)s::text[]) AS asked (channel) UNION ALL "
        "SELECT %(customer)s, '', topic FROM unnest(%(topics)s::bigint[]) AS asked (topic)"
    )
    params = {"customer": customer.pk, "asked": list(channels), "topics": list(topics)}
    n_changed = derive_consents(keys, params, at=at)
    customer.refresh_from_db(fields=["consents", "consents_unclear", "topics_declined"])
    return n_changed > 0
