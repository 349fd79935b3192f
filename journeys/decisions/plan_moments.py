"""When a chosen contact is planned for: outside of quiet hours, at the customer's own best hour.

The same for test and control: a withheld message has its planned moment, too.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray
from psycopg import sql

from campaigns.numerics.quiet_hours import QuietEntry, next_open_moments
from campaigns.numerics.rulebook_entries import CampaignEntry
from campaigns.numerics.time_zones import main_zones
from journeys.decisions.numerics.send_time import (
    Population,
    best_moments,
    fit_population,
    hours_of_week,
    profiles,
)
from journeys.models import DecisionRun
from optiengine.lib.columns import read_columns
from optiengine.lib.moments import utc64
from segments.channels import inbound_channels
from segments.models import Organisation
from segments.same_person import SAME_PERSON

HORIZON = timedelta(hours=24)  # within which a customer's best hour is looked for
LOOK_BACK = timedelta(days=180)  # engagement that is learned from
N_SAMPLED = 10_000  # customers from whom the population's profile is learned
KINDS = ("open", "click")  # engagement with messages
HOUR = np.timedelta64(1, "h")

# The population is a sample by hash: the same customers for every worker.
ENGAGEMENT = """
SELECT c.id AS customer_id, c.time_zone, c.country,
       (extract(epoch FROM e.occurred_at) * 1000000)::int8 AS occurred_at
FROM segments_customer c JOIN segments_event e ON {theirs}
WHERE {whose} AND e.kind = ANY({kinds}) AND e.occurred_at >= {since} AND e.occurred_at < {until}
"""
SAMPLE = """
hashint8(c.id) % (SELECT 1 + count(*) / {n} FROM segments_customer)::int = 0
"""
NAMES = ["customer_id", "time_zone", "country", "occurred_at"]
OF_RECORD = "e.customer_id = c.id"
OF_PERSON = f"e.customer_id = ANY({SAME_PERSON.format(customer='c.id')})"


@dataclass(frozen=True)
class ContactsToPlan:
    """k contacts that are to be planned."""

    customer_ids: NDArray[np.int64]  # (k,)
    channels: NDArray  # (k,)
    countries: NDArray  # (k,) ISO 3166, '' where unknown
    zones: Sequence[tuple[str, ...]]  # k of them, see zones_of
    campaigns: Sequence[CampaignEntry]  # k of them


def plan_moments(
    chosen: ContactsToPlan, *, quiet_hours: Sequence[QuietEntry], at: datetime, time_zone: str
) -> NDArray[np.datetime64]:
    """(k,) the planned moment of each contact, in UTC: at `at`, or later.

    time_zone : the organisation's.
    Transactional messages and customers who come to us wait for nothing. Where quiet hours never
    end it is `at`, and the check before the hand-over stops the message.
    """
    k = len(chosen.customer_ids)
    planned = np.full(k, utc64(at))
    campaigns = chosen.campaigns
    waits = np.array([not c.transactional for c in campaigns], dtype=bool)
    waits &= ~np.isin(chosen.channels.astype(str), inbound_channels())
    by_person = waits & np.array([c.send_time_per_person for c in campaigns], dtype=bool)
    opens = _open_from(chosen, np.flatnonzero(waits), quiet_hours, planned[waits])
    planned[waits] = np.where(np.isnat(opens), planned[waits], opens)
    if by_person.any():
        rows = np.flatnonzero(by_person)
        best = _best(chosen, rows, quiet_hours, at, time_zone)
        planned[rows] = np.where(np.isnat(best), planned[rows], best)
    return planned


def expiry(campaign: CampaignEntry, planned: datetime, time_zone: str) -> datetime | None:
    """Until when a message may leave: for the hours that the campaign says, else until the end of
    the organisation's day after the planned one. Transactional messages without hours of their
    own never expire."""
    if campaign.expires_after_hours is not None:
        return planned + timedelta(hours=campaign.expires_after_hours)
    if campaign.transactional:
        return None
    zone = ZoneInfo(time_zone)
    day = planned.astimezone(zone).date() + timedelta(days=2)
    return datetime.combine(day, time(), zone)


def earliest(run: DecisionRun) -> datetime:
    """The moment from which on contacts of a day's run are planned: its decision's, not before
    the lock time."""
    organisation = Organisation.current()
    if organisation.lock_time is None:
        return run.decided_at
    zone = ZoneInfo(organisation.time_zone)
    return max(run.decided_at, datetime.combine(run.as_of, organisation.lock_time, zone))


def _best(
    chosen: ContactsToPlan,
    rows: NDArray[np.int64],
    quiet_hours: Sequence[QuietEntry],
    at: datetime,
    time_zone: str,
) -> NDArray[np.datetime64]:
    """(r,) the best hour of each of these contacts within the horizon and before it expires."""
    start = utc64(at)
    next_hour = start.astype("datetime64[h]").astype("datetime64[us]") + HOUR
    n_hours = int(HORIZON / timedelta(hours=1))
    moments = np.concatenate([[start], next_hour + np.arange(n_hours) * HOUR])
    customers, customer = np.unique(chosen.customer_ids[rows], return_inverse=True)
    whose = sql.SQL("c.id = ANY({}::int8[])").format(customers.tolist())
    engagement = _engagement(whose, at, theirs=sql.SQL(OF_PERSON))
    of_customers = profiles(
        population(at.astimezone(UTC).date(), time_zone),
        np.searchsorted(customers, engagement["customer_id"]),
        _hours(engagement, time_zone),
        len(customers),
    )
    r, c = len(rows), len(moments)
    zones = np.array([chosen.zones[row][0] for row in rows.tolist()], dtype=object)
    grid = np.broadcast_to(moments, (r, c))
    hours = hours_of_week(np.repeat(zones, c), grid.ravel()).reshape(r, c)
    opens = _open_from(chosen, np.repeat(rows, c), quiet_hours, grid.ravel()).reshape(r, c)
    ends = [expiry(chosen.campaigns[row], at, time_zone) or at + HORIZON for row in rows.tolist()]
    last = np.array([utc64(min(end, at + HORIZON)) for end in ends])
    possible = (opens == grid) & (grid <= last[:, None])
    return best_moments(of_customers[customer], grid, hours, possible)


@lru_cache(maxsize=2)
def population(day: date, time_zone: str) -> Population:
    """Everybody's profile before a day: all that is decided on it asks for the same one."""
    at = datetime.combine(day, time(), UTC)
    engagement = _engagement(sql.SQL(SAMPLE).format(n=N_SAMPLED), at, theirs=sql.SQL(OF_RECORD))
    return fit_population(engagement["customer_id"], _hours(engagement, time_zone))


def _engagement(
    whose: sql.Composable, at: datetime, *, theirs: sql.Composable
) -> dict[str, NDArray[Any]]:
    query = sql.SQL(ENGAGEMENT).format(
        whose=whose, theirs=theirs, kinds=list(KINDS), since=at - LOOK_BACK, until=at
    )
    return read_columns(query, NAMES)


def _hours(engagement: dict[str, NDArray[Any]], time_zone: str) -> NDArray[np.int64]:
    zones = main_zones(engagement["time_zone"], engagement["country"], time_zone)
    return hours_of_week(zones, engagement["occurred_at"].astype("datetime64[us]"))


def _open_from(
    chosen: ContactsToPlan,
    rows: NDArray[np.int64],
    quiet_hours: Sequence[QuietEntry],
    moments: NDArray[np.datetime64],
) -> NDArray[np.datetime64]:
    """(r,) the first moment from each of `moments` on that is open for the contact of that row."""
    zones = [chosen.zones[row] for row in rows.tolist()]
    return next_open_moments(
        quiet_hours, chosen.channels[rows], chosen.countries[rows], zones, moments
    )
