"""What a decided batch means for the steps of journey maps that were due in it."""

import numpy as np

from campaigns.numerics.rulebook import Rulebook
from journeys.decisions.save_decisions import DecidedBatch, SavedContacts
from journeys.maps.due_steps import BLOCKED, SENT, WITHHELD, StepResults


def results_of(book: Rulebook, decided: DecidedBatch, saved: SavedContacts) -> StepResults:
    """For each due step of the batch, in order: sent, withheld, or not possible this time."""
    chosen = saved.chosen
    pairs = zip(chosen.row.tolist(), book.campaign_of[chosen.action].tolist(), strict=True)
    made = zip(chosen.is_control.tolist(), saved.contact_ids.tolist(), saved.planned, strict=True)
    contact_of = dict(zip(pairs, made, strict=True))
    due = decided.due
    steps = zip(due.row.tolist(), due.campaigns(book).tolist(), strict=True)
    contacts = [contact_of.get(step) for step in steps]
    return StepResults(
        result=np.array([BLOCKED if not c else WITHHELD if c[0] else SENT for c in contacts], str),
        contact_id=np.array([c[1] if c else 0 for c in contacts], dtype=np.int64),
        leaves_at=[c[2] if c else None for c in contacts],
    )
