"""Kinds of events for orders that are no revenue, or not yet: the next export says when they are.

Only `order` and returns count as money (segments.event_money). An order that is cancelled keeps its
id, so importing it again takes its revenue back.
"""

from collections.abc import Iterable

ORDER, PENDING, CANCELLED, REFUNDED = (
    "order",
    "order_pending",
    "order_cancelled",
    "order_refunded",
)


def kinds(
    *,
    paid: Iterable[str],
    pending: Iterable[str] = (),
    cancelled: Iterable[str] = (),
    refunded: Iterable[str] = (),
) -> dict[str, str]:
    """Kinds by what a system calls the state of an order."""
    return (
        dict.fromkeys(paid, ORDER)
        | dict.fromkeys(pending, PENDING)
        | dict.fromkeys(cancelled, CANCELLED)
        | dict.fromkeys(refunded, REFUNDED)
    )
