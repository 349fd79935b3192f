"""What the engine is worth: customers it decides for against baseline and holdout."""

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from django.db import connection
from django.utils.translation import gettext as _

from campaigns.models import Arm, ArmPlan
from optiengine.lib.days import day_start
from reports.errors import ReportError
from reports.numerics.means import Moments
from reports.numerics.sample_ratio import SampleRatio, sample_ratio
from reports.services.arm_comparison import ArmComparison, ArmGroup
from segments.event_money import IS_MONEY, IS_PURCHASE, SIGNED_CENTS
from segments.models import CustomerMerge, Organisation

WINSOR_SHARE = 0.999
COMPARISONS = (
    (Arm.OPTIMISED, Arm.HOLDOUT),
    (Arm.BASELINE, Arm.HOLDOUT),
    (Arm.OPTIMISED, Arm.BASELINE),
)

# From which day on a customer counts.
MEMBER = """
SELECT customer_id, customer_id AS person_id, arm, greatest(since, %(since)s::date) AS first_day
FROM campaigns_armmembership
WHERE plan_id = %(plan)s AND since < %(as_of)s
"""
# The same where records are merged: a member is a person, in the arm of the kept record, and each
# record counts for them from its own first day on. What is no evidence is over by then.
MEMBER_OF_PERSON = """
SELECT a.customer_id, k.customer_id AS person_id,
       coalesce(
           (SELECT c.arm FROM campaigns_armchange c
            WHERE c.customer_id = k.customer_id AND c.plan_id = k.plan_id AND c.since < %(as_of)s
            ORDER BY c.since DESC LIMIT 1),
           k.arm) AS arm,
       greatest(a.since, %(since)s::date, cut.day + 1) AS first_day
FROM campaigns_armmembership a
LEFT JOIN (
    SELECT alias_id, kept_id FROM segments_customermerge
    WHERE (merged_at AT TIME ZONE %(zone)s)::date <= %(as_of)s
      AND (undone_at IS NULL OR (undone_at AT TIME ZONE %(zone)s)::date > %(as_of)s)
) merged ON merged.alias_id = a.customer_id
JOIN campaigns_armmembership k ON k.customer_id = coalesce(merged.kept_id, a.customer_id)
     AND k.plan_id = a.plan_id AND k.since < %(as_of)s
LEFT JOIN (
    SELECT customer_id, max((up_to AT TIME ZONE %(zone)s)::date) AS day
    FROM journeys_evidencecut WHERE noted_on <= %(as_of)s GROUP BY customer_id
) cut ON cut.customer_id = a.customer_id
WHERE a.plan_id = %(plan)s AND a.since < %(as_of)s
"""

# A customer's value is the running sum of margins less contact costs, cut at the limit. What a
# day adds to the sums over customers, of the values and of their squares, is all that comes back;
# added up over days it gives mean and spread on any day.
DAYS = f"""
WITH member AS (
    {{member}}
), entry AS (
    SELECT e.customer_id, (e.occurred_at AT TIME ZONE %(zone)s)::date AS day,
           coalesce({SIGNED_CENTS}, 0)::float8 AS cents, {IS_PURCHASE}::int AS n_orders
    FROM segments_event e
    WHERE {IS_MONEY}
      AND e.occurred_at >= %(start)s AND e.occurred_at < %(end)s
    UNION ALL
    SELECT c.customer_id, c.as_of, -a.cost_cents::float8, 0
    FROM journeys_contact c
    JOIN campaigns_action a ON a.id = c.action_id
    WHERE NOT c.is_control AND c.as_of >= %(since)s AND c.as_of < %(as_of)s
      AND NOT EXISTS (SELECT FROM journeys_release r WHERE r.contact_id = c.id)
), daily AS MATERIALIZED (
    SELECT m.arm, m.person_id AS customer_id, e.day,
           sum(e.cents) AS cents, sum(e.n_orders) AS n_orders
    FROM member m
    JOIN entry e ON e.customer_id = m.customer_id AND e.day >= m.first_day
    GROUP BY 1, 2, 3
), final AS MATERIALIZED (
    SELECT customer_id, sum(cents) AS cents FROM daily GROUP BY 1
), winsor AS MATERIALIZED (
    SELECT coalesce(percentile_disc(%(share)s) WITHIN GROUP (ORDER BY abs(cents)),
                    'Infinity') AS size
    FROM final WHERE cents <> 0
), running AS (
    SELECT arm, customer_id, day,
           greatest(-size, least(size, sum(cents) OVER days)) AS cents,
           (sum(n_orders) OVER days)::bigint AS n_orders
    FROM daily CROSS JOIN winsor
    WINDOW days AS (PARTITION BY customer_id ORDER BY day)
), step AS (
    SELECT arm, day, cents, n_orders,
           lag(cents, 1, 0::float8) OVER days AS cents_before,
           lag(n_orders, 1, 0::bigint) OVER days AS n_orders_before
    FROM running
    WINDOW days AS (PARTITION BY customer_id ORDER BY day)
)
SELECT arm, day,
       sum(cents - cents_before), sum(cents ^ 2 - cents_before ^ 2),
       sum(n_orders - n_orders_before)::float8,
       sum(n_orders ^ 2 - n_orders_before ^ 2)::float8,
       count(*) FILTER (WHERE n_orders > 0 AND n_orders_before = 0),
       (SELECT size FROM winsor),
       (SELECT count(*) FROM final WHERE abs(cents) > (SELECT size FROM winsor))
FROM step
GROUP BY arm, day
"""

# The first days of members, of persons of several records their first one.
PERSONS = f"""
SELECT person_id, arm, min(first_day) AS first_day FROM ({MEMBER_OF_PERSON}) m GROUP BY 1, 2
"""
MEMBERS = """
SELECT arm, first_day, count(*) FROM ({member}) m WHERE first_day < %(as_of)s GROUP BY 1, 2
"""


@dataclass(frozen=True)
class ArmReport:
    """Value and orders per customer and arm, from the first day up to the start of `as_of`."""

    as_of: date
    since: date
    plan: ArmPlan
    groups: dict[Arm, ArmGroup]
    split: SampleRatio
    winsor_cents: float  # values beyond ± this are cut to it
    n_winsorised: int
    history: dict[date, dict[Arm, ArmGroup]] = field(repr=False)  # up to each day's end

    @property
    def comparisons(self) -> list[ArmComparison]:
        return [
            ArmComparison(self.groups[treated], self.groups[control], self.split.is_alarm)
            for treated, control in COMPARISONS
        ]

    def cumulative(self, treated: Arm, control: Arm) -> list[tuple[date, ArmComparison]]:
        """The comparison as it stood at the end of each day."""
        return [
            (day, ArmComparison(groups[treated], groups[control], self.split.is_alarm))
            for day, groups in self.history.items()
        ]


def arm_report(*, as_of: date, since: date | None = None) -> ArmReport:
    """Compare the arms of the plan in force, by intention to treat.

    Every member counts, contacted or not, from `since` (default and earliest: the plan's first
    day) or from joining, whichever is later. Value is the margin of orders less returns, less the
    cost of contacts, in cents per customer, winsorised at the 99.9th percentile of its size over
    all customers who have any.

    Records that are merged on the day are one member, with what came under all their numbers; those
    that were in different arms count from the day after, as do those that are separated again.
    Four queries. Raises ReportError without a plan or a period.
    """
    plan = ArmPlan.objects.filter(starts_on__lt=as_of).order_by("-starts_on").first()
    if plan is None:
        raise ReportError(
            _("There was no global control group before %s, so nothing can be compared.") % as_of
        )
    since = max(since or plan.starts_on, plan.starts_on)
    if since >= as_of:
        raise ReportError(_("The period ends before it starts."))
    zone = Organisation.current().time_zone
    params: dict[str, Any] = {
        "plan": plan.pk,
        "since": since,
        "as_of": as_of,
        "zone": zone,
        "start": day_start(since, zone),
        "end": day_start(as_of, zone),
        "share": WINSOR_SHARE,
    }
    member, members = MEMBER, MEMBER
    if CustomerMerge.objects.exists():
        member, members = MEMBER_OF_PERSON, PERSONS
    with connection.cursor() as cursor:
        cursor.execute(MEMBERS.format(member=members), params)
        joined = cursor.fetchall()
        cursor.execute(DAYS.format(member=member), params)
        steps = cursor.fetchall()
    history = _history(joined, steps)
    groups = history[max(history)] if history else {arm: ArmGroup(arm) for arm in Arm}
    return ArmReport(
        as_of=as_of,
        since=since,
        plan=plan,
        groups=groups,
        split=_split(plan, groups),
        winsor_cents=steps[0][-2] if steps else float("inf"),
        n_winsorised=steps[0][-1] if steps else 0,
        history=history,
    )


def _history(joined: list[tuple], steps: list[tuple]) -> dict[date, dict[Arm, ArmGroup]]:
    """Running totals per arm at the end of every day on which something happened."""
    added: dict[date, list[ArmGroup]] = defaultdict(list)
    for arm, day, n in joined:
        added[day].append(ArmGroup(Arm(arm), Moments(n), Moments(n)))
    for arm, day, cents, cents2, orders, orders2, n_buyers, *_limits in steps:
        added[day].append(
            ArmGroup(Arm(arm), Moments(0, cents, cents2), Moments(0, orders, orders2), n_buyers)
        )
    groups = {arm: ArmGroup(arm) for arm in Arm}
    history = {}
    for day in sorted(added):
        for group in added[day]:
            groups[group.arm] += group
        history[day] = dict(groups)
    return history


def _split(plan: ArmPlan, groups: dict[Arm, ArmGroup]) -> SampleRatio:
    shares = {
        Arm.HOLDOUT: plan.holdout_share,
        Arm.BASELINE: plan.baseline_share,
        Arm.OPTIMISED: 1 - plan.holdout_share - plan.baseline_share,
    }
    arms = [arm for arm in Arm if shares[arm] > 1e-9]
    if len(arms) < 2:
        return sample_ratio([], [])
    return sample_ratio([[groups[arm].n for arm in arms]], [[shares[arm] for arm in arms]])
