"""The prices of a run's scarce capacity, from the customers of its day."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from campaigns.numerics.verdicts import Verdict
from journeys.models import CapacityUse, DecisionRun
from journeys.numerics.arbitration import AUTO
from journeys.numerics.prices import solve_prices
from journeys.services.capacity import expected_use, open_accounts, units_of
from journeys.services.decide import Pinned, choose, limited, next_contact_id, pin, prepare

N_SAMPLED = 20_000  # customers; of more, a sample spread over all ids stands for the others
N_PLACES = 40  # at which it is taken


def price_run(run: DecisionRun) -> None:
    """Open the accounts of a run that has limits, and store prices, bound and value.

    Prices are those of the customers for whom the value decides. What ranked campaigns, those in
    addition and the baseline arm will use on average is taken from the limits first: they do not
    ask for a price. Called in the transaction that starts the run, before a chunk can be claimed.
    """
    given = pin(run)
    book = given.book
    if not book.capacities:
        return
    contradicting = open_accounts(run, book)
    rows = list(CapacityUse.objects.filter(run=run).order_by("place"))
    values, contacts, n_sampled = _sample(given)
    use, units = expected_use(book), units_of(book)
    share = n_sampled / max(run.n_customers, 1)
    fixed = use @ contacts
    maximum = np.maximum([row.available for row in rows] / units * share - fixed, 0.0)
    minimum = np.clip([row.wanted for row in rows] / units * share - fixed, 0.0, maximum)
    found = solve_prices(values, use, maximum, minimum, seed=run.seed % 2**32)
    for row, price, subsidy, short in zip(
        rows, found.price, found.subsidy, found.short, strict=True
    ):
        row.price, row.subsidy, row.short = price, subsidy, short / (share or 1.0)
    CapacityUse.objects.bulk_update(rows, ["price", "subsidy", "short"])
    run.prices = {
        "value_cents": found.value / (share or 1.0),
        "bound_cents": found.bound / (share or 1.0),
        "gap": None if np.isnan(found.gap) else found.gap,
        "n_sampled": n_sampled,
        "n_rounds": found.n_rounds,
        "contradicting": contradicting,
    }


def _sample(given: Pinned) -> tuple[NDArray[np.float64], NDArray[np.float64], int]:
    """Values (m, A) where the value decides, -inf where blocked; contacts (A,) expected of the
    others; how many customers were looked at."""
    book, n_sampled = given.book, 0
    values, contacts = [np.zeros((0, len(book.actions)))], np.zeros(len(book.actions))
    in_addition = np.array([c.in_addition for c in book.campaigns], dtype=bool)[book.campaign_of]
    for first, last in _places(given.run):
        ready = prepare(given, first, last)
        if ready is None:
            continue
        ready = limited(given, ready, watermark=next_contact_id())
        decided, _used = choose(given, ready, left=None)
        choice = decided.choice
        by_value = choice.layer == AUTO
        contest = (choice.codes[by_value] == Verdict.ALLOWED) & ~in_addition
        values.append(np.where(contest, ready.worth.total[by_value], -np.inf))
        contacts += choice.option_probs[~by_value, 1:].sum(axis=0)
        contacts += choice.addition_probs.sum(axis=0)
        n_sampled += len(ready.batch)
    return np.concatenate(values), contacts, n_sampled


def _places(run: DecisionRun) -> Iterator[tuple[int, int]]:
    """Ranges of ids: all, or equal parts of chunks that lie evenly among them."""
    chunks = list(run.chunks.order_by("first_id").values_list("first_id", "last_id"))
    if run.n_customers <= N_SAMPLED:
        yield from chunks
        return
    n_places = min(N_PLACES, len(chunks))
    width = -(-N_SAMPLED // n_places)
    for place in range(n_places):
        first, last = chunks[(run.seed + place * len(chunks) // n_places) % len(chunks)]
        start = first + run.seed % max(1, last - first + 2 - width)
        yield start, min(start + width - 1, last)
