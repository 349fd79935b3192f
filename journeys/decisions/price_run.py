"""The prices of a run's scarce capacity, from the customers of its day."""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from campaigns.numerics.verdict_codes import Verdict
from journeys.decisions.capacity_accounts import expected_use, open_accounts, units_of
from journeys.decisions.numerics.arbitration import AUTO
from journeys.decisions.numerics.prices import Prices, solve_prices
from journeys.decisions.pipeline import choose, judge_customers, with_limit_verdicts
from journeys.decisions.run_inputs import RunInputs, load_inputs
from journeys.decisions.save_decisions import next_contact_id
from journeys.models import CapacityUse, DecisionRun

N_SAMPLED = 20_000  # customers; of more, a sample spread over all ids represents the others
N_PLACES = 40  # at which it is taken


def price_run(run: DecisionRun) -> None:
    """Open the accounts of a run that has limits, and store prices, bound and value.

    Prices are those of the customers for whom the value decides. What ranked campaigns, those in
    addition and the baseline arm will use on average is taken from the limits first: they do not
    ask for a price. Called in the transaction that starts the run, before a chunk can be claimed.
    """
    inputs = load_inputs(run)
    book = inputs.book
    if not book.capacities:
        return
    contradicting = open_accounts(run, book)
    rows = list(CapacityUse.objects.filter(run=run).order_by("place"))
    available, wanted = [row.available for row in rows], [row.wanted for row in rows]
    chunks = list(run.chunks.order_by("first_id").values_list("first_id", "last_id"))
    places = spread(chunks, run.n_customers, seed=run.seed)
    solution, n_sampled = find_prices(
        inputs,
        available,
        wanted,
        ((*sample, next_contact_id()) for sample in places),
        run.n_customers,
    )
    share = n_sampled / max(run.n_customers, 1)
    for row, price, subsidy, short in zip(
        rows, solution.price, solution.subsidy, solution.short, strict=True
    ):
        row.price, row.subsidy, row.short = price, subsidy, short / (share or 1.0)
    CapacityUse.objects.bulk_update(rows, ["price", "subsidy", "short"])
    run.prices = {
        "value_cents": solution.value / (share or 1.0),
        "bound_cents": solution.bound / (share or 1.0),
        "gap": None if np.isnan(solution.gap) else solution.gap,
        "n_sampled": n_sampled,
        "n_rounds": solution.n_rounds,
        "contradicting": contradicting,
    }


def find_prices(
    inputs: RunInputs,
    available: Sequence[int],
    wanted: Sequence[int],
    places: Iterable[tuple[int, int, int]],
    n_customers: int,
) -> tuple[Prices, int]:
    """Prices at which all customers together keep the limits, from some; how many were looked at.

    available, wanted : (L,) units of each limit for the day. places : ranges of ids, each with the
    watermark of the contacts that count.
    """
    book = inputs.book
    values, contacts, n_sampled = _sample(inputs, places)
    use, units = expected_use(book), units_of(book)
    share = n_sampled / max(n_customers, 1)
    fixed = use @ contacts
    maximum = np.maximum(np.array(available) / units * share - fixed, 0.0)
    minimum = np.clip(np.array(wanted) / units * share - fixed, 0.0, maximum)
    seed = inputs.run.seed % 2**32
    return solve_prices(values, use, maximum, minimum, seed=seed), n_sampled


def _sample(
    inputs: RunInputs, places: Iterable[tuple[int, int, int]]
) -> tuple[NDArray[np.float64], NDArray[np.float64], int]:
    """Values (m, A) where the value decides, -inf where blocked; contacts (A,) expected of the
    others; how many customers were looked at."""
    book, n_sampled = inputs.book, 0
    values, contacts = [np.zeros((0, len(book.actions)))], np.zeros(len(book.actions))
    in_addition = np.array([c.in_addition for c in book.campaigns], dtype=bool)[book.campaign_of]
    for first, last, watermark in places:
        judged = judge_customers(inputs, first, last)
        if judged is None:
            continue
        judged = with_limit_verdicts(inputs, judged, watermark=watermark)
        decided, _used = choose(inputs, judged, left=None)
        choice = decided.choice
        by_value = choice.layer == AUTO
        contest = (choice.codes[by_value] == Verdict.ALLOWED) & ~in_addition
        values.append(np.where(contest, judged.worth.total[by_value], -np.inf))
        contacts += choice.option_probs[~by_value, 1:].sum(axis=0)
        contacts += choice.addition_probs.sum(axis=0)
        n_sampled += len(judged.batch)
    return np.concatenate(values), contacts, n_sampled


def spread(
    chunks: Sequence[tuple[int, int]], n_customers: int, *, seed: int
) -> Iterator[tuple[int, int]]:
    """Ranges of ids: all, or equal parts of chunks that lie evenly among them."""
    if n_customers <= N_SAMPLED:
        yield from chunks
        return
    n_places = min(N_PLACES, len(chunks))
    width = -(-N_SAMPLED // n_places)
    for index in range(n_places):
        first, last = chunks[(seed + index * len(chunks) // n_places) % len(chunks)]
        start = first + seed % max(1, last - first + 2 - width)
        yield start, min(start + width - 1, last)
