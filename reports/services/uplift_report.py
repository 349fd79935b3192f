"""What messages changed: test against control, per campaign, action and micro-segment."""

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from typing import Any

from django.db import connection
from django.db.models import Model
from django.utils.translation import gettext as _

from campaigns.models import Action, Campaign
from journeys.evidence import IS_EVIDENCE
from journeys.learning.outcome_changes import OUTCOMES_AS_OF
from reports.errors import ReportError
from reports.numerics.experiment import Experiment, Group, Stratum, merged
from reports.numerics.flags import discoveries
from reports.numerics.means import Moments
from reports.services.uplift_row import Place, State, UpliftReport, UpliftRow
from segments.models import MicroSegment
from segments.same_person import records_of

OUTCOMES = OUTCOMES_AS_OF.format(as_of="%(as_of)s")
LEVELS = ("campaign", "action", "micro_segment")
UNKNOWN_SHARE = math.nan  # of contacts that were not randomised, or nobody knows how

# One row per cell. The unit is the contact, reserved for test and control alike before anything
# was sent: what happened to a single delivery makes no difference to where a contact counts. Days
# of an action of which nothing was sent at all are left out, with their controls, and so is what
# is no evidence.
CELLS = f"""
WITH contact AS (
    SELECT k.id, k.as_of, k.customer_id, k.campaign_id, k.action_id, k.micro_segment_id,
           k.is_control, k.reserved_at, goal.window_days,
           CASE WHEN r.id IS NULL THEN a.cost_cents::float8 ELSE 0 END AS cost_cents,
           r.id IS NOT NULL AND NOT k.is_control AS is_unsent,
           CASE WHEN k.assignment_prob IS NOT NULL
                THEN round(k.control_share::numeric, 6)::float8 END AS control_share
    FROM journeys_contact k
    JOIN campaigns_action a ON a.id = k.action_id
    JOIN campaigns_campaign campaign ON campaign.id = k.campaign_id
    JOIN campaigns_goal goal ON goal.id = campaign.goal_id
    LEFT JOIN journeys_release r ON r.contact_id = k.id
    LEFT JOIN journeys_stoppedday t
           ON t.as_of = k.as_of AND t.action_id = k.action_id AND t.id > k.id
    WHERE t.id IS NULL AND {IS_EVIDENCE.format(as_of="%(as_of)s")}
      AND k.as_of >= coalesce(%(since)s::date, '-infinity') AND k.as_of <= %(until)s
      AND (%(campaign)s::bigint IS NULL OR k.campaign_id = %(campaign)s)
), contaminated AS (
    SELECT DISTINCT c.id
    FROM contact c {{with_records}}
    JOIN journeys_contact other ON other.customer_id = {{record}}
     AND other.campaign_id <> c.campaign_id
     AND NOT other.is_control
     AND other.reserved_at >= c.reserved_at
     AND other.reserved_at < c.reserved_at + make_interval(days => c.window_days)
     AND other.as_of BETWEEN coalesce(%(since)s::date, '-infinity') AND %(as_of)s
     AND NOT EXISTS (SELECT FROM journeys_release r WHERE r.contact_id = other.id)
)
SELECT {{keys}}, c.control_share, c.is_control,
       count(o.contact_id), count(*) - count(o.contact_id), count(x.id),
       count(*) FILTER (WHERE o.n_responses > 0),
       coalesce(sum(o.margin_cents), 0)::float8,
       coalesce(sum(o.margin_cents::float8 ^ 2), 0),
       coalesce(sum(o.value_cents), 0), coalesce(sum(o.value_cents ^ 2), 0),
       coalesce(sum(c.cost_cents) FILTER (WHERE o.contact_id IS NOT NULL AND NOT c.is_control), 0),
       count(*) FILTER (WHERE c.is_unsent),
       coalesce(sum(o.n_responses), 0)::int8, coalesce(sum(o.n_late), 0)::int8
FROM contact c
LEFT JOIN {OUTCOMES} o ON o.contact_id = c.id AND o.as_of = c.as_of
LEFT JOIN contaminated x ON x.id = c.id
GROUP BY {{keys}}, c.control_share, c.is_control
"""


def uplift_report(
    *,
    as_of: date,
    since: date | None = None,
    until: date | None = None,
    campaign: Campaign | int | None = None,
    by: Sequence[str] = LEVELS,
) -> UpliftReport:
    """Counts, rates, money and uplift of the contacts of a period, as known on a day.

    since, until : days of the contact, both included; until is `as_of` at the latest. by : which
    of campaign, action, micro_segment to break down by, campaign first. Every level but the last
    has its totals too; rows come with each total before its parts. Five queries, whatever the
    size; the database sums, one row per cell comes back.
    Raises ReportError on levels or periods that make no sense.
    """
    _check(since, until, by)
    period_end = min(until or as_of, as_of)
    cells = _cells(
        by,
        as_of=as_of,
        since=since,
        until=period_end,
        campaign=campaign.pk if isinstance(campaign, Campaign) else campaign,
    )
    rows = _rows(cells, by, _Names(cells, by))
    return UpliftReport(as_of=as_of, since=since, until=period_end, rows=tuple(_judged(rows)))


def _check(since: date | None, until: date | None, by: Sequence[str]) -> None:
    if not by or by[0] != "campaign" or list(by) != [level for level in LEVELS if level in by]:
        raise ReportError(
            _("Break down by campaign, then action, then micro_segment; not by “%s”.")
            % ", ".join(by)
        )
    if since and until and since > until:
        raise ReportError(_("The period ends before it starts."))


Key = tuple[int | None, ...]


def _cells(by: Sequence[str], **params: Any) -> dict[Key, list[Stratum]]:
    """Strata per key of `by`."""
    keys = ", ".join(f"c.{level}_id" for level in by)
    records = records_of("c.customer_id")
    query = CELLS.format(keys=keys, record=records.id, with_records=records.join)
    with connection.cursor() as cursor:
        cursor.execute(query, params)
        rows = cursor.fetchall()
    groups: dict[tuple[Key, float | None], dict[bool, Group]] = defaultdict(dict)
    for row in rows:
        key, share, is_control, counts = row[: len(by)], row[-14], row[-13], row[-12:]
        n, n_open, n_contaminated, responders, margin, margin2, value, value2, *more = counts
        margins, values = Moments(n, margin, margin2), Moments(n, value, value2)
        groups[key, share][is_control] = Group(
            n, n_open, n_contaminated, responders, margins, values, *more
        )
    cells: dict[Key, list[Stratum]] = defaultdict(list)
    for (key, share), pair in groups.items():
        stratum = Stratum(
            UNKNOWN_SHARE if share is None else share,
            pair.get(False, Group()),
            pair.get(True, Group()),
        )
        cells[key].append(stratum)
    return cells


class _Names:
    """What the ids of the cells are called: one query per level."""

    MODELS: dict[str, type[Model]] = {
        "campaign": Campaign,
        "action": Action,
        "micro_segment": MicroSegment,
    }

    def __init__(self, cells: dict[Key, list[Stratum]], by: Sequence[str]) -> None:
        self._found = {
            level: self.MODELS[level]._default_manager.in_bulk({key[i] for key in cells} - {None})
            for i, level in enumerate(by)
        }

    def __call__(self, level: str, pk: int | None) -> str:
        if pk is None:
            return _("unknown")
        row = self._found[level][pk]
        return row.name if isinstance(row, Action) else str(row)


def _rows(cells: dict[Key, list[Stratum]], by: Sequence[str], name: _Names) -> list[UpliftRow]:
    """One row per key and per prefix of a key; what was not randomised has rows of its own."""
    strata: dict[tuple[bool, Key], list[Stratum]] = defaultdict(list)
    for key, parts in cells.items():
        for stratum in parts:
            for depth in range(1, len(by) + 1):
                strata[not math.isnan(stratum.control_share), key[:depth]].append(stratum)
    rows = [
        UpliftRow(
            places=tuple(
                Place(level, pk, name(level, pk)) for level, pk in zip(by, key, strict=False)
            ),
            experiment=_experiment(parts, is_randomised),
            is_randomised=is_randomised,
        )
        for (is_randomised, key), parts in strata.items()
    ]
    return sorted(rows, key=_order)


def _order(row: UpliftRow) -> tuple[bool, tuple[tuple[str, int], ...]]:
    """Randomised first, then by name, each total right before its parts."""
    return not row.is_randomised, tuple((p.name.casefold(), p.pk or 0) for p in row.places)


def _experiment(strata: list[Stratum], is_randomised: bool) -> Experiment:
    if is_randomised:
        return merged(strata)
    test = sum((stratum.test for stratum in strata), start=Group())
    control = sum((stratum.control for stratum in strata), start=Group())
    return Experiment((Stratum(UNKNOWN_SHARE, test, control),))


def _judged(rows: list[UpliftRow]) -> list[UpliftRow]:
    """The same rows, with broken splits marked and real effects flagged.

    The split is checked per campaign and per action; hundreds of segments would raise false
    alarms. One broken part makes every row of its campaign unfit to read.
    """
    broken = {
        row.campaign.pk
        for row in rows
        if row.is_randomised and row.level in ("campaign", "action") and row.split.is_alarm
    }
    rows = [replace(row, is_broken=row.campaign.pk in broken and row.is_randomised) for row in rows]
    judged = [i for i, row in enumerate(rows) if row.state is State.MEASURED]
    flags = discoveries([rows[i].experiment.rate_p_value() for i in judged])
    for i, is_real in zip(judged, flags, strict=True):
        rows[i] = replace(rows[i], is_flagged=bool(is_real))
    return rows
