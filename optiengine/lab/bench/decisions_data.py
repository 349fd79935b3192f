"""Customers with a past, fifty campaigns, and what an experiment taught: what a run starts from."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

from django.db import connection

from campaigns.models import Action, ArmPlan, Campaign, Exclusion, FrequencyCap, Goal, Tag
from optiengine.lib.partitions import ensure_partitions
from segments.models import TargetGroup
from segments.state.build_state import build_state

AS_OF = date(2026, 3, 11)
TAUGHT = timedelta(days=14)  # before: another month, so the run's own partitions can be dropped
CONTROL_SHARE = 0.2

RULES: dict[str, dict[str, Any]] = {
    "Everyone": {},
    "Ordered within 60 days": {"field": "feature.recency_days", "op": "le", "value": 60},
    "Last order long ago": {"field": "feature.recency_days", "op": "gt", "value": 30},
    "Buyers who visit": {
        "all": [
            {"field": "feature.orders_365d", "op": "ge", "value": 2},
            {"field": "feature.days_since_visit", "op": "le", "value": 180},
        ]
    },
    "Much margin": {"field": "feature.margin_365d_cents", "op": "gt", "value": 5000},
}

CUSTOMERS = """
INSERT INTO segments_customer (external_id, email, email_key, phone, phone_key, first_name,
    last_name, country, time_zone, language, registered_on, attributes, consents, suppressed,
    created_at, updated_at)
SELECT 'C' || n, n || '@example.com', n || '@example.com', '+4917' || n, '+4917' || n, 'Anna',
    'Nym', 'PT', '', 'pt', %(as_of)s::date - 400 - n %% 1000, '{}', '{email,sms}', false,
    %(at)s, %(at)s
FROM generate_series(1, %(n)s) n
"""
# One to six orders and no to three visits in the year before.
EVENTS = """
INSERT INTO segments_event (customer_id, kind, occurred_at, amount_cents, properties, source,
    external_id, recorded_at)
SELECT c.id, kind, %(at)s::timestamptz - random() * interval '365 days',
    CASE kind WHEN 'order' THEN (1000 + 9000 * random())::int END, '{}', 'bench',
    kind || ' ' || c.id || '-' || number, %(at)s
FROM segments_customer c
CROSS JOIN (VALUES ('order', 6, 1), ('visit', 4, 0)) kinds (kind, most, least)
CROSS JOIN LATERAL generate_series(1, c.id %% most + least) number
"""
# Every customer got one action at random; a fifth of them was control.
CONTACTS = """
INSERT INTO journeys_contact (as_of, reserved_at, customer_id, campaign_id, action_id, channel,
    tags, takes_slot, arm, is_control, assignment_prob, control_share, micro_segment_id, source,
    key)
SELECT %(day)s, %(at)s, s.customer_id, a.campaign_id, a.id, a.channel, '{}', true, 'baseline',
    random() < %(control_share)s, 1.0 / a.n, %(control_share)s, s.micro_segment_id, 'import',
    gen_random_uuid()
FROM (SELECT *, floor(random() * %(n_actions)s) AS number
      FROM segments_customerstate WHERE as_of = %(day)s) s
JOIN (SELECT *, count(*) OVER () AS n, row_number() OVER (ORDER BY id) - 1 AS number
      FROM campaigns_action) a USING (number)
"""
# A tenth buys in any case; with the message up to 12 % more of them, by action, or 4 % fewer.
OUTCOMES = """
INSERT INTO journeys_outcome (contact_id, as_of, measured_on, n_responses, margin_cents,
    clv_change_cents, value_cents)
SELECT id, as_of, %(measured_on)s, bought, 0, 0, bought * 2000
FROM (SELECT id, as_of, (random() < 0.1 + CASE WHEN is_control THEN 0
                                          ELSE 0.02 * (action_id %% 9) - 0.04 END)::int AS bought
      FROM journeys_contact) k
"""


def task_prepare(
    n_customers: int, n_campaigns: int, as_of: str = AS_OF.isoformat(), *, inbound: bool = False
) -> None:
    """Fill an empty database up to the state of the day on which customers were contacted.

    as_of : the day that is to be decided. inbound : every second campaign is for a page.
    """
    day = date.fromisoformat(as_of)
    at, taught_on = _at(day), day - TAUGHT
    ensure_partitions("segments_event", day - timedelta(days=366), day)
    with connection.cursor() as cursor:
        cursor.execute("SELECT setseed(0.5)")
        cursor.execute(CUSTOMERS, {"n": n_customers, "as_of": day, "at": at})
        cursor.execute("ANALYZE segments_customer")
        cursor.execute(EVENTS, {"at": at})
        cursor.execute("ANALYZE segments_event")
    make_campaigns(n_campaigns, taught_on, inbound=inbound)
    build_state(taught_on)
    ensure_partitions("journeys_contact", taught_on, taught_on)
    ensure_partitions("journeys_outcome", taught_on, taught_on)
    with connection.cursor() as cursor:
        cursor.execute(
            CONTACTS,
            {
                "day": taught_on,
                "at": _at(taught_on) + timedelta(hours=9),
                "control_share": CONTROL_SHARE,
                "n_actions": Action.objects.count(),
            },
        )
        cursor.execute(OUTCOMES, {"measured_on": day})
        cursor.execute("ANALYZE")


def _at(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def make_campaigns(n: int, starts_on: date, *, inbound: bool) -> None:
    """n Auto campaigns of one action each, by turns for each of the target groups."""
    goal = Goal.objects.create(name="Orders", value_per_event_cents=2000)
    groups = [TargetGroup.objects.create(name=name, rule=rule) for name, rule in RULES.items()]
    tags = [Tag.objects.create(name=name) for name in ("sale", "news")]
    for number in range(n):
        campaign = Campaign.objects.create(
            name=f"Campaign {number + 1}",
            status=Campaign.Status.ACTIVE,
            goal=goal,
            target_group=groups[number % len(groups)],
            starts_on=starts_on,
            control_share=CONTROL_SHARE,
        )
        campaign.tags.add(tags[number % len(tags)])
        Action.objects.create(
            campaign=campaign,
            name="Message",
            channel="web" if inbound and number % 2 else "sms" if number % 3 == 2 else "email",
            cost_cents=5 if number % 3 == 2 else 1,
            subject="{{ campaign }}",
            body="Dear {{ customer.first_name }}",
        )
    FrequencyCap.objects.create(name="Two in 30 days", limit=2, length=30)
    FrequencyCap.objects.create(
        name="One text message in 14 days", scope="channel", channel="sms", limit=1, length=14
    )
    Exclusion.objects.create(name="No news after a sale", tag=tags[0], excluded_tag=tags[1], days=3)
    ArmPlan.objects.create(starts_on=date(2020, 1, 1), salt="bench")
