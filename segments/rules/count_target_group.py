"""How many customers a rule means, on a day."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import OperationalError, connection, transaction
from django.utils.translation import gettext as _
from psycopg.errors import QueryCanceled

from segments.models import StateBuild, TargetGroup
from segments.rules.numerics.rule import Rule, parse_rule
from segments.rules.rule_sql import rule_sql
from segments.same_person import ALIASES


class CountTooSlow(Exception):
    """Counting was given up, because it took longer than its caller could wait."""

    def __init__(self) -> None:
        super().__init__(_("Counting takes too long, so the number is not shown."))


def count_customers(rule: Rule, state: StateBuild, *, timeout_ms: int | None = None) -> int:
    """For how many customers with a state of that day the rule holds.

    Raises RuleError where the rule names a feature of another day; CountTooSlow after timeout_ms.
    """
    condition, params = rule_sql(rule, state)
    sql = (
        "SELECT count(*) FROM segments_customerstate AS s"
        " JOIN segments_customer AS c ON c.id = s.customer_id"
        f" WHERE s.as_of = %s AND s.customer_id NOT IN ({ALIASES}) AND {condition}"
    )
    if timeout_ms is None:
        return _number(sql, [state.as_of, *params])
    with within_time(timeout_ms):
        return _number(sql, [state.as_of, *params])


@contextmanager
def within_time(timeout_ms: int) -> Iterator[None]:
    """Raises CountTooSlow where a statement inside takes longer."""
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT set_config('statement_timeout', %s, true)", [str(timeout_ms)])
            yield
            # Inside an outer transaction the limit would outlive what it is for.
            cursor.execute("SELECT set_config('statement_timeout', '0', true)")
    except OperationalError as error:
        if isinstance(error.__cause__, QueryCanceled):
            raise CountTooSlow from error
        raise


def count_target_group(
    group: TargetGroup, *, state: StateBuild, timeout_ms: int | None = None
) -> TargetGroup:
    """Count a group on a day and keep the figure with it.

    Raises RuleError where its rule cannot be read or names a feature of another day; CountTooSlow
    after timeout_ms.
    """
    group.n_customers = count_customers(parse_rule(group.rule), state, timeout_ms=timeout_ms)
    group.counted_on = state.as_of
    group.save(update_fields=["n_customers", "counted_on"])
    return group


def _number(sql: str, params: list[Any]) -> int:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return cursor.fetchone()[0]
