"""Budgets and volumes as accounts: opened when a run begins, locked while they are spent from."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from django.db import connection
from numpy.typing import NDArray
from psycopg import sql

from campaigns.numerics.capacity import contradiction, period_of, unit_of, use_of
from campaigns.numerics.rulebook import Rulebook
from campaigns.numerics.rulebook_entries import CapacityEntry
from journeys.models import CapacityAccount, CapacityUse, DecisionRun

# What the ledger of contacts says was used since a period began: sends, not what was withheld.
USED = """
SELECT coalesce(sum({unit}), 0)::int8
FROM journeys_contact k JOIN campaigns_action a ON a.id = k.action_id
WHERE NOT k.is_control AND k.as_of >= {start} AND {conditions}
"""


@dataclass(frozen=True)
class Capacity:
    """The L limits of a run, ready for use by its chunks. Units: see `unit_of`."""

    use_ids: tuple[int, ...]  # L rows of CapacityUse, in the rulebook's order
    account_ids: tuple[int, ...]
    maximum: NDArray[np.int64]  # (L,) units of the whole period
    available: NDArray[np.int64]  # (L,) units for the run
    use: NDArray[np.int64]  # (L, A) units of a message
    charge: NDArray[np.float64]  # (A,) expected price of a contact, in cents

    @classmethod
    def of(cls, run: DecisionRun, book: Rulebook) -> "Capacity | None":
        """None without limits."""
        rows = list(CapacityUse.objects.filter(run=run).order_by("place"))
        if not rows:
            return None
        use, units = use_of(book), units_of(book)
        net = np.array([row.price - row.subsidy for row in rows])
        return cls(
            use_ids=tuple(row.pk for row in rows),
            account_ids=tuple(row.account_id for row in rows),
            maximum=np.array([entry.maximum for entry in book.capacities]) * units,
            available=np.array([row.available for row in rows]),
            use=use,
            charge=net @ expected_use(book),
        )


def units_of(book: Rulebook) -> NDArray[np.int64]:
    """(L,) counted units in a cent or message of each limit."""
    return np.array([unit_of(entry) for entry in book.capacities], dtype=np.int64)


def expected_use(book: Rulebook) -> NDArray[np.float64]:
    """(L, A) cents or messages that a contact uses on average: controls get no message."""
    control = np.array([campaign.control_share for campaign in book.campaigns], dtype=np.float64)
    return use_of(book) / units_of(book)[:, None] * (1 - control[book.campaign_of])


def open_accounts(run: DecisionRun, book: Rulebook) -> list[tuple[str, int]]:
    """Lock the accounts of the run's periods and write down what there is for the run.

    What is left of a period is spread over its days, rounded up, so that it is used up on the last
    one. Returns limits that contradict each other today, see `contradiction`.
    """
    starts = [period_of(entry.period, run.as_of)[0] for entry in book.capacities]
    CapacityAccount.objects.bulk_create(
        [
            CapacityAccount(limit_id=entry.id, starts_on=start)
            for entry, start in zip(book.capacities, starts, strict=True)
        ],
        ignore_conflicts=True,
    )
    account_of = {
        (account.limit_id, account.starts_on): account
        for account in CapacityAccount.objects.filter(
            limit__in=[entry.id for entry in book.capacities], starts_on__in=starts
        )
    }
    accounts = [
        account_of[entry.id, start] for entry, start in zip(book.capacities, starts, strict=True)
    ]
    used_before = _lock([account.pk for account in accounts])
    rows = []
    for index, (entry, account) in enumerate(zip(book.capacities, accounts, strict=True)):
        # Contacts imported or decided before there was the limit count as well.
        used = max(used_before[account.pk], _used(entry, run))
        unit = unit_of(entry)
        rows.append(
            CapacityUse(
                run=run,
                account=account,
                place=index,
                used_before=used,
                available=_part(entry.maximum * unit - used, entry.days_left),
                wanted=_part(entry.minimum * unit - used, entry.days_left),
            )
        )
        CapacityAccount.objects.filter(pk=account.pk).update(used=used)
    CapacityUse.objects.bulk_create(rows)
    today = np.array([book.campaigns[a.campaign].runs_today for a in book.actions], dtype=bool)
    return contradiction(
        use_of(book)[:, today],
        np.array([row.available for row in rows]),
        np.array([row.wanted for row in rows]),
    )


def left_for(
    run: DecisionRun, book: Rulebook, *, stored: DecisionRun | None
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(L,) units of each limit that there are for a run, and that it is to reach, only looked at.

    stored : the run of that day if there is one: then what was used when it began, else now.
    """
    used_before = {}
    if stored is not None:
        uses = CapacityUse.objects.filter(run=stored).values_list("account__limit", "used_before")
        used_before = dict(uses)
    used = [
        used_before[entry.id]
        if entry.id in used_before
        else _used(entry, run, with_day=stored is None)
        for entry in book.capacities
    ]
    rows = list(zip(book.capacities, used, strict=True))
    available = [_part(e.maximum * unit_of(e) - n, e.days_left) for e, n in rows]
    wanted = [_part(e.minimum * unit_of(e) - n, e.days_left) for e, n in rows]
    return np.array(available, dtype=np.int64), np.array(wanted, dtype=np.int64)


def take_left(capacity: Capacity) -> NDArray[np.int64]:
    """(L,) units that the run may still use, none of which anyone else can spend meanwhile.

    Locks the accounts, in the order of their ids, until the transaction ends.
    """
    used = _lock(capacity.account_ids)
    by_run = dict(CapacityUse.objects.filter(pk__in=capacity.use_ids).values_list("pk", "used"))
    left_of_period = capacity.maximum - [used[pk] for pk in capacity.account_ids]
    left_of_run = capacity.available - [by_run[pk] for pk in capacity.use_ids]
    return np.minimum(left_of_period, left_of_run)


def book_use(capacity: Capacity, used: NDArray[np.int64]) -> None:
    """Write down what a chunk has used, in the transaction that took what was left."""
    for table, ids in (
        (CapacityAccount, capacity.account_ids),
        (CapacityUse, capacity.use_ids),
    ):
        with connection.cursor() as cursor:
            cursor.execute(
                sql.SQL(
                    "UPDATE {} t SET used = t.used + n.used "
                    "FROM unnest(%s::int8[], %s::int8[]) AS n (id, used) WHERE t.id = n.id"
                ).format(sql.Identifier(table._meta.db_table)),
                [list(ids), used.tolist()],
            )


def _part(units: int, days: int) -> int:
    """A day's part of what is left, rounded up."""
    return max(0, -(-units // days))


def _lock(account_ids: Sequence[int]) -> dict[int, int]:
    rows = CapacityAccount.objects.select_for_update().filter(pk__in=account_ids).order_by("pk")
    return dict(rows.values_list("pk", "used"))


def _used(entry: CapacityEntry, run: DecisionRun, *, with_day: bool = True) -> int:
    """Units used in the period; with_day False: before the run's own day."""
    start, end = period_of(entry.period, run.as_of)
    if not with_day:
        end = run.as_of
    conditions: list[sql.Composable] = [sql.SQL("true")]
    for condition, value in (
        ("k.as_of < {}", end),
        ("k.channel = {}", entry.channel or None),
        ("{} = ANY(k.tags)", entry.tag),
        ("k.campaign_id = {}", entry.campaign),
        ("k.action_id = {}", entry.action),
    ):
        if value is not None:
            conditions.append(sql.SQL(condition).format(value))
    unit = "round(a.cost_cents * 1000)" if entry.measure == "money" else "1"
    query = sql.SQL(USED).format(
        unit=sql.SQL(unit), start=start, conditions=sql.SQL(" AND ").join(conditions)
    )
    with connection.cursor() as cursor:
        cursor.execute(query)
        return cursor.fetchone()[0]
