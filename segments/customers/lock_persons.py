"""How customers are locked by whoever may change what they allow: all records of each person.

What a person allows is derived from the statements under all their numbers and written to each of
the records. All rows are locked in the order of their ids, so of two who write at once under two of
the numbers the second waits, sees what the first said, and nobody waits in a circle.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.db import connection, transaction

from segments.customers.shared_addresses import MEMBERS, SHARING
from segments.models import Customer
from segments.same_person import MEMBERSHIPS, is_anybody_merged, other_records

Params = Sequence[Any] | Mapping[str, Any]
LOCK = """
SELECT count(*) FROM (
    SELECT FROM segments_customer c WHERE c.id IN ({ids}) ORDER BY c.id FOR NO KEY UPDATE) locked
"""


def lock_persons(ids: str, params: Params = ()) -> None:
    """Lock the rows of customers, and of all other records of the same persons.

    ids : SQL whose only column is customers' numbers. To be called before the transaction locks
    any of these rows otherwise. Locks that turn out too few, since somebody merged meanwhile, are
    given back before more are taken, for the sake of the order.
    """
    with connection.cursor() as cursor:

        def others() -> set[int]:
            if not is_anybody_merged():
                return set()
            cursor.execute(other_records(ids), params)
            return {pk for (pk,) in cursor.fetchall()}

        known = others()
        while True:
            them = f"{ids} UNION ALL SELECT unnest('{{{_list(known)}}}'::bigint[])"
            savepoint = transaction.savepoint()
            cursor.execute(LOCK.format(ids=them if known else ids), params)
            joined = others() - known
            if not joined:
                transaction.savepoint_commit(savepoint)
                return
            transaction.savepoint_rollback(savepoint)
            known |= joined


def lock_grouped(ids: str) -> None:
    """Of many customers who are about to be changed in any order, first those whom others lock
    together with further ones: records of a person of several, and who shares an address.
    """
    lock_persons(
        f"SELECT n.id FROM ({ids}) AS n (id) WHERE n.id IN (SELECT r.id FROM ({MEMBERSHIPS}) r) "
        f"OR n.id IN (SELECT m.customer_id FROM ({MEMBERS}) m)"
    )


def lock_few(customer_ids: Iterable[int]) -> None:
    """The same for some customers, and for those with whom they will share a withdrawal."""
    lock_persons(
        f"SELECT unnest(%(customers)s::bigint[]) UNION SELECT m.customer_id FROM ({SHARING}) m",
        {"customers": list(customer_ids)},
    )


def lock_person(customer_id: int) -> Customer:
    """The same for one customer; as they are then. Raises Customer.DoesNotExist."""
    lock_few([customer_id])
    return Customer.objects.get(pk=customer_id)


def _list(ids: Iterable[int]) -> str:
    return ",".join(map(str, sorted(ids)))
