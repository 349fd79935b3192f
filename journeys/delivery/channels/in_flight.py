"""Several messages handed over at once, so that a slow other side does not hold up a batch.

What runs in the threads touches no database: rows are read before, receipts written after.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from dataclasses import dataclass

from journeys.delivery.channels.base import Message, Receipt, SessionOver

N_THREADS = 8
MAX_FAILURES = 5  # in a row, until the session is given up


@dataclass(frozen=True, slots=True)
class Handed:
    """What came of one message, and what it says about the other side."""

    receipt: Receipt
    is_failure: bool = False  # of the other side rather than of the message
    is_over: bool = False  # another message would fare no better


def hand_over_all(
    threads: Executor, hand_over: Callable[[Message], Handed], messages: Sequence[Message]
) -> Iterator[Receipt]:
    """Hand over `N_THREADS` messages at a time; each receipt as soon as it is known.

    Raises SessionOver when the other side wants no more, or failed MAX_FAILURES times in a row:
    what was in flight is waited for, the rest is not touched.
    """
    waiting, in_flight, n_failures, is_over = iter(messages), set[Future[Handed]](), 0, False
    while True:
        while not is_over and len(in_flight) < N_THREADS and (message := next(waiting, None)):
            in_flight.add(threads.submit(hand_over, message))
        if not in_flight:
            break
        done, in_flight = wait(in_flight, return_when=FIRST_COMPLETED)
        for future in done:
            handed = future.result()
            n_failures = n_failures + 1 if handed.is_failure else 0
            is_over |= handed.is_over or n_failures >= MAX_FAILURES
            yield handed.receipt
    if is_over:
        raise SessionOver
