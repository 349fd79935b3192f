"""One customer of a target group after another, for people who want to see an example."""

from typing import Any

from django.db import connection

from segments.models import Customer, TargetGroup
from segments.rules.count_target_group import within_time
from segments.rules.numerics.rule import parse_rule
from segments.rules.rule_fields import newest_state
from segments.rules.rule_sql import rule_sql
from segments.same_person import ALIASES

TIMEOUT_MS = 5_000  # that somebody waits at most for an example of a rare group


def customer_near(
    group: TargetGroup | None, near: int, *, is_backwards: bool = False
) -> Customer | None:
    """The first customer of a group, by id, from `near` on or back; round the end if need be.

    Customers who may not be contacted are passed over. group : None is everyone.
    Raises RuleError where the group's rule names a feature that was not computed on the newest
    day, CountTooSlow where finding one takes too long.
    """
    joined, condition, params = "", "true", []
    if group is not None:
        if (state := newest_state()) is None:
            return None
        joined = "JOIN segments_customerstate s ON s.customer_id = c.id AND s.as_of = %s"
        condition, values = rule_sql(parse_rule(group.rule), state)
        params = [state.as_of, *values]
    sql = (
        f"SELECT c.id FROM segments_customer c {joined}"
        f" WHERE NOT c.suppressed AND c.erased_at IS NULL AND c.id NOT IN ({ALIASES})"
        f" AND {condition} AND c.id "
    )
    ahead, behind, order = ("<=", ">", "DESC") if is_backwards else (">=", "<", "ASC")
    with within_time(TIMEOUT_MS):
        for sign in (ahead, behind):
            customer_id = _first(f"{sql} {sign} %s ORDER BY c.id {order} LIMIT 1", [*params, near])
            if customer_id is not None:
                return Customer.objects.get(pk=customer_id)
    return None


def _first(sql: str, params: list[Any]) -> int | None:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        row = cursor.fetchone()
        return row[0] if row else None
