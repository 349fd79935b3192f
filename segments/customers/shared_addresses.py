"""Which customers share an address, and the locks under which their messages are counted.

A worker that counts and makes contacts holds the lock of each address that its customers share
with others, so of two workers the second sees what the first sent there. The list of these
addresses changes only while nobody decides: deciding takes the lock READING in shared mode,
changing the list takes it in exclusive mode.

Records of one person share nothing with each other. The address of a merged record is one of the
person's: whoever else has it shares it with the kept one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection, transaction

from segments.models.customer import KEY_COLUMNS, Customer
from segments.models.shared_address import MOST_SHARING
from segments.same_person import is_anybody_merged, other_records, person_of

READING = "hashtext('shared addresses')"
ADDRESS_SPACE = 0x0D  # first key of the advisory locks of addresses

COUNTED = {
    column: f"SELECT '{column}' AS address_field, c.{key} AS key, {{n}} AS n "
    f"FROM segments_customer c {{join}} WHERE c.{key} <> '' AND c.erased_at IS NULL "
    f"AND {{those}} GROUP BY c.{key} HAVING {{n}} > 1"
    for column, key in KEY_COLUMNS.items()
}
MEMBERS = " UNION ALL ".join(
    f"SELECT s.id, s.address_field, c.id AS customer_id FROM segments_sharedaddress s "
    f"JOIN segments_customer c ON c.{key} = s.key AND c.{key} <> '' "
    f"WHERE s.address_field = '{column}' AND NOT s.is_placeholder AND c.erased_at IS NULL"
    for column, key in KEY_COLUMNS.items()
)
# Who has the addresses of some customers by now, listed or not. An index finds them; of an address
# of more than MOST_SHARING customers no more are looked at, for it is nobody's own.
SHARING = " UNION ALL ".join(
    f"""
    SELECT '{column}' || o.key AS id, '{column}' AS address_field, unnest(g.ids) AS customer_id
    FROM (SELECT DISTINCT c.{key} AS key FROM segments_customer c
          WHERE c.id = ANY(%(customers)s) AND c.{key} <> '') o
    CROSS JOIN LATERAL (SELECT array_agg(c.id) AS ids FROM (
        SELECT c.id FROM segments_customer c
        WHERE c.{key} = o.key AND c.{key} <> '' AND c.erased_at IS NULL LIMIT {MOST_SHARING + 1}
    ) c) g
    WHERE cardinality(g.ids) BETWEEN 2 AND {MOST_SHARING}
    """
    for column, key in KEY_COLUMNS.items()
)
OF_THEM = " UNION ".join(
    f"SELECT s.id FROM segments_sharedaddress s JOIN segments_customer c "
    f"ON c.{key} = s.key AND c.{key} <> '' "
    f"WHERE s.address_field = '{column}' AND NOT s.is_placeholder AND {{those}}"
    for column, key in KEY_COLUMNS.items()
)


@dataclass(frozen=True)
class SharedBy:
    """The customers who share an address, in order of id; of one person, the kept number."""

    address_field: str
    customer_ids: tuple[int, ...]


@transaction.atomic
def refresh_shared_addresses(*, at: datetime) -> int:
    """List the addresses that several customers have by now; returns how many there are.

    Counting takes as long as it takes; only what has changed is written while deciders wait.
    """
    return _refresh(at)


@transaction.atomic
def recount_addresses_of(customer_ids: Sequence[int], *, at: datetime) -> None:
    """The same for the addresses of some customers, after records were merged or separated."""
    rows = Customer.objects.filter(pk__in=customer_ids)
    keys = {key for column in KEY_COLUMNS.values() for key in rows.values_list(column, flat=True)}
    _refresh(at, sorted(keys - {""}))


def _refresh(at: datetime, keys: Sequence[str] | None = None) -> int:
    """keys : compared addresses; None: all of them."""
    params: dict[str, Any] = {"keys": keys}
    person = person_of("c.id")
    n = f"count(DISTINCT {person.id})" if person.join else "count(*)"
    counted = " UNION ALL ".join(
        COUNTED[column].format(
            n=n,
            join=person.join,
            those="true" if keys is None else f"c.{key} = ANY(%(keys)s)",
        )
        for column, key in KEY_COLUMNS.items()
    )
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS shared_counted")
        cursor.execute(f"CREATE TEMPORARY TABLE shared_counted ON COMMIT DROP AS {counted}", params)
        cursor.execute(f"SELECT pg_advisory_xact_lock({READING})")
        cursor.execute(
            "DELETE FROM segments_sharedaddress s WHERE NOT EXISTS (SELECT FROM shared_counted n "
            "WHERE n.address_field = s.address_field AND n.key = s.key) "
            "AND (%(keys)s::text[] IS NULL OR s.key = ANY(%(keys)s))",
            params,
        )
        cursor.execute(
            "INSERT INTO segments_sharedaddress (address_field, key, n_customers, is_placeholder, "
            "since) SELECT address_field, key, n, n > %(most)s, %(at)s FROM shared_counted "
            "ON CONFLICT (address_field, key) DO UPDATE SET n_customers = EXCLUDED.n_customers, "
            "is_placeholder = EXCLUDED.is_placeholder "
            "WHERE segments_sharedaddress.n_customers <> EXCLUDED.n_customers",
            {"most": MOST_SHARING, "at": at},
        )
        cursor.execute("SELECT count(*) FROM shared_counted")
        return cursor.fetchone()[0]


def groups_of(those: str, params: Sequence[Any]) -> list[int]:
    """Ids of the addresses that customers share by the records named; those : over c."""
    with connection.cursor() as cursor:
        cursor.execute(OF_THEM.format(those=those), list(params) * len(KEY_COLUMNS))
        return [pk for (pk,) in cursor.fetchall()]


def lock_shared_addresses(those: str, params: Sequence[Any]) -> list[SharedBy]:
    """Hold the locks of the addresses that customers share with others, until the transaction ends.

    those : SQL over segments_customer c. To be called after the locks of their blocks. The locks
    are taken in one order by everybody, so nobody waits in a circle.
    """
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT pg_advisory_xact_lock_shared({READING})")
        groups = set(groups_of(those, params))
        if is_anybody_merged():
            customers = f"SELECT c.id FROM segments_customer c WHERE {those}"
            cursor.execute(other_records(customers), params)
            groups.update(groups_of("c.id = ANY(%s)", [[pk for (pk,) in cursor.fetchall()]]))
        ids = sorted(groups)
        if not ids:
            return []
        cursor.execute(
            "SELECT pg_advisory_xact_lock(%s, (id %% 2147483647)::int4) "
            "FROM unnest(%s::bigint[]) WITH ORDINALITY AS s (id, place) ORDER BY place",
            [ADDRESS_SPACE, ids],
        )
        person = person_of("m.customer_id")
        cursor.execute(
            f"SELECT m.address_field, array_agg(DISTINCT {person.id} ORDER BY {person.id}) "
            f"FROM ({MEMBERS}) m {person.join} WHERE m.id = ANY(%s) GROUP BY m.id, m.address_field "
            f"HAVING count(DISTINCT {person.id}) > 1 ORDER BY m.id",
            [ids],
        )
        return [SharedBy(field, tuple(members)) for field, members in cursor.fetchall()]
