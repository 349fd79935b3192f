"""Customers with one address share withdrawals: a mailbox that wants no more gets no more.

Each customer who shares the address of a withdrawal gets a statement of their own, with the
time of the first one, so that what holds is derived as ever. A consent that is given later by one
of them counts for that one only. Of records that are one person each gets its own, by its own
address, so that nothing is lost when they are separated.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db import connection, transaction

from segments.channels import address_fields
from segments.customers.derive_consents import derive_consents
from segments.customers.lock_persons import lock_persons
from segments.customers.shared_addresses import MEMBERS, SHARING, groups_of
from segments.models.consent import ConsentSource

SOURCE = "shared address"
LISTED = f"SELECT * FROM ({MEMBERS}) m WHERE id = ANY(%(groups)s)"
# The newest withdrawal in each group that nothing given since has ended, for those without it.
MISSING = """
CREATE TEMPORARY TABLE shared_withdrawals ON COMMIT DROP AS
WITH m AS ({members}), w AS (
    SELECT m.id, m.customer_id, s.channel,
        max(s.said_at) FILTER (WHERE NOT s.says_yes AND s.by_customer) AS no_at,
        max(s.said_at) FILTER (WHERE s.brings_back) AS back_at
    FROM m JOIN segments_consentstatement s ON s.customer_id = m.customer_id
    JOIN unnest(%(channels)s::text[], %(fields)s::text[]) AS f (channel, address_field)
        ON f.channel = s.channel AND f.address_field = m.address_field
    WHERE s.by_customer OR s.brings_back
    GROUP BY m.id, m.customer_id, s.channel
), g AS (
    SELECT id, channel, max(no_at) AS no_at FROM w GROUP BY id, channel
    HAVING max(no_at) >= coalesce(max(back_at), '-infinity')
)
SELECT m.customer_id, g.channel, max(g.no_at) AS no_at
FROM g JOIN m ON m.id = g.id
LEFT JOIN w ON w.id = g.id AND w.customer_id = m.customer_id AND w.channel = g.channel
WHERE w.no_at IS NULL OR w.no_at < g.no_at
GROUP BY m.customer_id, g.channel
"""


@transaction.atomic
def share_withdrawals(*, at: datetime) -> int:
    """Give withdrawals to all who share a listed address; returns how many statements that were."""
    groups = groups_of("true", [])
    return _share(LISTED, {"groups": groups}, at) if groups else 0


@transaction.atomic
def share_withdrawals_of(customer_ids: Sequence[int], *, at: datetime) -> int:
    """The same for the addresses of some customers, whoever has them by now: what they withdrew
    holds at once, even before the list of shared addresses is made anew."""
    return _share(SHARING, {"customers": list(customer_ids)}, at)


def _share(members: str, params: Mapping[str, Any], at: datetime) -> int:
    channels, fields = zip(*address_fields().items(), strict=True)
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS shared_withdrawals")
        cursor.execute(
            MISSING.format(members=members),
            {**params, "channels": list(channels), "fields": list(fields)},
        )
        if not cursor.rowcount:
            return 0
        lock_persons("SELECT customer_id FROM shared_withdrawals")
        cursor.execute(
            "INSERT INTO segments_consentstatement (customer_id, channel, topic, says_yes, "
            "said_at, recorded_at, kind, source, by_customer, brings_back, proof) "
            "SELECT customer_id, channel, NULL, false, no_at, %s, %s, %s, true, false, '{}' "
            "FROM shared_withdrawals",
            [at, ConsentSource.SHARED_ADDRESS, SOURCE],
        )
        n_statements = cursor.rowcount
    derive_consents(
        "SELECT customer_id, channel, NULL::bigint AS topic FROM shared_withdrawals", at=at
    )
    return n_statements
