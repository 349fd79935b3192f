"""Messages of send steps that do not wait for the day's run."""

import logging
from collections.abc import Sequence
from datetime import datetime
from itertools import groupby

from django.db import OperationalError, connection

from journeys.decisions.decide_now import Request, decide_now
from journeys.errors import SendingStopped, StaleState
from journeys.models import LiveDecision
from segments.models.customer import BLOCK_BITS

logger = logging.getLogger(__name__)


def send_at_once(customer_ids: Sequence[int], *, now: datetime, owner: str) -> int:
    """Decide for customers who are at such a step; returns for how many it was decided.

    Whatever hinders it (sending is stopped, the state is stale, a fault) leaves them where they
    are: they are tried again later, and take part in the day's run.
    """
    n_decided = 0
    for _block, ids in groupby(sorted(set(customer_ids)), key=lambda pk: pk >> BLOCK_BITS):
        try:
            n_decided += _decide(list(ids), now, owner)
        except (StaleState, SendingStopped) as closed:
            logger.warning("%s: steps wait: %s", owner, closed)
            break
    return n_decided


def _decide(ids: list[int], now: datetime, owner: str) -> int:
    """Customers of one block; where that fails each half by itself: one hinders no other."""
    try:
        return len(decide_now(ids, at=now, request=Request(LiveDecision.Reason.STEP)))
    except (StaleState, SendingStopped):
        raise
    except Exception as error:
        if isinstance(error, OperationalError) and not connection.is_usable():
            raise
        if len(ids) == 1:
            logger.warning("%s: no decision for customer %s", owner, ids[0], exc_info=True)
            return 0
    middle = len(ids) // 2
    return _decide(ids[:middle], now, owner) + _decide(ids[middle:], now, owner)
