"""The list of suppressed addresses, and its marks on the customers who have them.

A customer's `suppressed_channels` say which of the addresses in the row are on the list, so that
decisions and the outbox compare words and hash nothing. Code that writes addresses sets the marks
again in the same transaction; a change of the list sets them on all customers with the address.

Order of locks: rows of customers, then the list.
"""

from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from django.db import connection, transaction

from segments.channels import ADDRESS_FIELDS, address_fields
from segments.customers.address_hash import (
    address_column,
    address_hasher,
    compared,
)
from segments.customers.with_address import customers_with
from segments.models import Customer, Suppression
from segments.models.customer import KEY_COLUMNS

# Of customers c and deliveries d: the address that the message would go to is on the list.
SUPPRESSED_SQL = "d.channel = ANY (c.suppressed_channels)"

COLUMNS = ("id", *ADDRESS_FIELDS, *KEY_COLUMNS.values(), "suppressed_channels")
CHUNK = 20_000  # customers whose addresses are hashed at a time
LIST_LOCK = "hashtext('suppressed addresses')"


def suppress_address(
    channel: str, address: str, *, reason: str, source: str, at: datetime
) -> Suppression | None:
    """Never write to an address by a channel again; None where that was so already.

    Raises AddressRefused for a channel without addresses and for what is no address.
    """
    made = suppress_addresses([(channel, address)], reason=reason, source=source, at=at)
    return made[0] if made else None


@transaction.atomic
def suppress_addresses(
    pairs: Collection[tuple[str, str]], *, reason: str, source: str, at: datetime
) -> list[Suppression]:
    """As suppress_address, of several (channel, address) at once; returns those that are new."""
    with_them = _locked(pairs)
    made = []
    for channel, address in pairs:
        row, is_new = Suppression.objects.get_or_create(
            channel=channel,
            address_hash=_hashes(channel, address)[0],
            defaults={"reason": reason, "source": source[:100], "since": at},
        )
        made += [row] if is_new else []
    # Read again: under the lock of the list nobody else can get the address without a mark.
    mark_customers("c.id = ANY(%s)", [sorted(with_them | _ids(pairs))], at=at)
    return made


@transaction.atomic
def lift_suppression(channel: str, address: str, *, at: datetime) -> bool:
    """Take an address off the list; False where it was not on it."""
    pairs = [(channel, address)]
    with_it = _locked(pairs)
    # Also by the former spellings of those who have it: else their marks would stay.
    hashes = set(_hashes(channel, address))
    column = address_column(channel)
    hasher = address_hasher(column, _forms())
    for pair in Customer.objects.filter(pk__in=with_it).values_list(column, KEY_COLUMNS[column]):
        hashes.update(hasher(*pair))
    listed = Suppression.objects.filter(channel=channel, address_hash__in=hashes)
    n_gone, _by_model = listed.delete()
    mark_customers("c.id = ANY(%s)", [sorted(with_it)], at=at)
    return n_gone > 0


def find_suppression(channel: str, address: str) -> Suppression | None:
    """Why an address is on the list; None where it is not. Raises AddressRefused."""
    hashes = _hashes(channel, address)
    return Suppression.objects.filter(channel=channel, address_hash__in=hashes).first()


def _hashes(channel: str, address: str) -> list[bytes]:
    """By what a named address is, or may be, on the list; the first is what it is added by."""
    column = address_column(channel)
    return address_hasher(column, _forms())(address, compared(column, address))


def _forms() -> set[str]:
    """Of hashes that came from others, where there are any: most lists have none."""
    forms = Suppression.objects.exclude(form="").order_by().values_list("form", flat=True)
    return set(forms.distinct())


def mark_customer(customer: Customer, *, at: datetime) -> None:
    """Set one customer's marks again, after an address of theirs was written."""
    mark_customers("c.id = %s", [customer.pk], at=at)
    customer.refresh_from_db(fields=["suppressed_channels"])


@transaction.atomic
def mark_customers(where: str, params: Sequence[Any], *, at: datetime) -> int:
    """Set the marks of customers again, after addresses of theirs were written in this transaction.

    where : SQL over segments_customer c, whose rows the transaction wrote or locked. Memory is
    bounded by CHUNK. Returns how many customers' marks changed.
    """
    with connection.cursor() as cursor:
        # Shared by those who write addresses, and held until they commit: who changes the list
        # waits, and then sees what they wrote.
        cursor.execute(f"SELECT pg_advisory_xact_lock_shared({LIST_LOCK})")
    channels = set(Suppression.objects.order_by().values_list("channel", flat=True).distinct())
    if not channels:
        where = f"({where}) AND c.suppressed_channels <> '{{}}'"
    columns = {field for channel, field in address_fields().items() if channel in channels}
    n_changed = 0
    with connection.chunked_cursor() as cursor:
        cursor.execute(
            f"SELECT {', '.join(f'c.{name}' for name in COLUMNS)} FROM segments_customer c "
            f"WHERE {where} ORDER BY c.id",
            params,
        )
        while rows := cursor.fetchmany(CHUNK):
            n_changed += _mark(rows, columns, at)
    return n_changed


def _mark(rows: list[tuple[Any, ...]], columns: Collection[str], at: datetime) -> int:
    marks: dict[int, set[str]] = defaultdict(set)  # by row
    forms = _forms()
    for column in columns:
        written, key = COLUMNS.index(column), COLUMNS.index(KEY_COLUMNS[column])
        addresses = [(row[written], row[key]) for row in rows]
        for index, channel in _listed(column, addresses, forms):
            marks[index].add(channel)
    changed = []
    for index, (pk, *_addresses, before) in enumerate(rows):
        if (after := marks.get(index, set())) != set(before):
            changed.append((pk, ",".join(sorted(after))))
    if changed:
        ids, words = zip(*changed, strict=True)
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE segments_customer c "
                "SET suppressed_channels = string_to_array(n.marks, ','), updated_at = %s "
                "FROM unnest(%s::bigint[], %s::text[]) AS n (id, marks) WHERE c.id = n.id",
                [at, list(ids), list(words)],
            )
    return len(changed)


def _listed(
    column: str, addresses: Sequence[tuple[str, str]], forms: Collection[str]
) -> list[tuple[int, str]]:
    """Which of the addresses (written, compared) are on the list: each one's index and channel."""
    hasher = address_hasher(column, forms)
    indexes, hashes = [], []
    for index, pair in enumerate(addresses):
        for hashed in hasher(*pair):
            indexes.append(index)
            hashes.append(hashed.hex())
    channels = [channel for channel, its in address_fields().items() if its == column]
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT n.index, s.channel "
            "FROM unnest(%s::int[], string_to_array(%s, ',')) AS n (index, hash) "
            "JOIN segments_suppression s ON s.address_hash = decode(n.hash, 'hex') "
            "WHERE s.channel = ANY(%s)",
            [indexes, ",".join(hashes), channels],
        )
        return cursor.fetchall()


def _locked(pairs: Collection[tuple[str, str]]) -> set[int]:
    """Locks the customers who have one of the addresses, then the list; returns their ids."""
    ids = _ids(pairs)
    list(Customer.objects.filter(pk__in=ids).order_by("pk").select_for_update(no_key=True))
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT pg_advisory_xact_lock({LIST_LOCK})")
    return ids


def _ids(pairs: Collection[tuple[str, str]]) -> set[int]:
    return {pk for channel, address in pairs for pk in customers_with(channel, address)}
