"""Who is in the holdout, the baseline arm or the optimised arm: a salted hash of the id."""

import hashlib
from collections.abc import Iterable
from datetime import date

from django.db import connection

from campaigns.models import Arm, ArmMembership, ArmPlan


def position(salt: str, customer_id: int) -> float:
    """Where a customer falls in [0, 1): the first 52 bits of sha256("salt:id").

    The same digits that the SQL below takes; 52 bits are exact in a float.
    """
    digest = hashlib.sha256(f"{salt}:{customer_id}".encode()).hexdigest()
    return int(digest[:13], 16) / 2**52


def arm_at(plan: ArmPlan, customer_id: int) -> Arm:
    """The arm that a plan gives to a customer."""
    share = position(plan.salt, customer_id)
    if share < plan.holdout_share:
        return Arm.HOLDOUT
    return Arm.BASELINE if share < plan.holdout_share + plan.baseline_share else Arm.OPTIMISED


def current_plan(as_of: date) -> ArmPlan:
    """The plan in force on a day; the default one is made where there is none."""
    plan = ArmPlan.objects.filter(starts_on__lte=as_of).order_by("-starts_on").first()
    return plan or ArmPlan.objects.create(starts_on=as_of)


def assign_newcomers(plan: ArmPlan, customer_ids: Iterable[int], as_of: date) -> dict[int, Arm]:
    """Give customers who came since the day's arms were given out theirs, at once."""
    arms = {pk: arm_at(plan, pk) for pk in customer_ids}
    ArmMembership.objects.bulk_create(
        [
            ArmMembership(customer_id=pk, plan=plan, arm=arm, since=as_of)
            for pk, arm in arms.items()
        ],
        ignore_conflicts=True,
    )
    return arms


def assign_arms(as_of: date) -> ArmPlan:
    """Give every customer without an arm under the day's plan one; returns the plan.

    Membership is written once and kept, so that a later plan never rewrites who was in which arm.
    """
    # EXCEPT rather than NOT EXISTS: where PostgreSQL has seen the table of memberships empty, it
    # would search all that were inserted so far for each one that follows.
    plan = current_plan(as_of)
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO campaigns_armmembership (customer_id, plan_id, arm, since)
            SELECT id, %(plan)s,
                   CASE WHEN place < %(holdout)s THEN 'holdout'
                        WHEN place < %(holdout)s + %(baseline)s THEN 'baseline'
                        ELSE 'optimised' END,
                   %(as_of)s
            FROM (
                SELECT c.id,
                       ('x' || left(encode(sha256(convert_to(%(salt)s || ':' || c.id, 'UTF8')),
                                           'hex'), 13))::bit(52)::bigint / 2.0::float8 ^ 52 AS place
                FROM (
                    SELECT id FROM segments_customer
                    EXCEPT
                    SELECT customer_id FROM campaigns_armmembership WHERE plan_id = %(plan)s
                ) c
            ) placed
            ON CONFLICT (customer_id, plan_id) DO NOTHING
            """,
            {
                "plan": plan.pk,
                "holdout": plan.holdout_share,
                "baseline": plan.baseline_share,
                "salt": plan.salt,
                "as_of": as_of,
            },
        )
    return plan
