"""How many customers of a target group could be written to, by stage of the life cycle."""

from collections.abc import Collection

from django.db import OperationalError, connection, transaction
from psycopg.errors import QueryCanceled

from segments.models import StateBuild
from segments.rules.count_target_group import CountTooSlow
from segments.rules.numerics.rule import Rule
from segments.rules.rule_sql import rule_sql
from segments.same_person import ALIASES, SUPPRESSED_AS_ANOTHER
from segments.state.load_batch import has_address_sql


def count_reachable(
    rule: Rule, channels: Collection[str], state: StateBuild, *, timeout_ms: int
) -> dict[str, tuple[int, int]]:
    """Per stage: customers for whom the rule holds; those who allowed one of the outbound channels,
    have an address for it, and may be written to at all.

    Raises RuleError where the rule names a feature of another day; CountTooSlow after timeout_ms.
    """
    condition, params = rule_sql(rule, state)
    ways = [f"(%s = ANY(c.consents) AND {has_address_sql(each)})" for each in channels]
    query = (
        f"SELECT s.stage, count(*), count(*) FILTER (WHERE NOT c.suppressed"
        f" AND c.id NOT IN ({SUPPRESSED_AS_ANOTHER}) AND c.erased_at IS NULL"
        f" AND ({' OR '.join(ways) or 'FALSE'}))"
        " FROM segments_customerstate AS s JOIN segments_customer AS c ON c.id = s.customer_id"
        f" WHERE s.as_of = %s AND s.customer_id NOT IN ({ALIASES}) AND {condition}"
        " GROUP BY s.stage"
    )
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT set_config('statement_timeout', %s, true)", [str(timeout_ms)])
            cursor.execute(query, [*channels, state.as_of, *params])
            counts = {stage: (n, n_reachable) for stage, n, n_reachable in cursor.fetchall()}
            # Inside an outer transaction the limit would outlive this count.
            cursor.execute("SELECT set_config('statement_timeout', '0', true)")
            return counts
    except OperationalError as error:
        if isinstance(error.__cause__, QueryCanceled):
            raise CountTooSlow from error
        raise
