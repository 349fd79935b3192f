"""One pass over the events: what is known of every customer when a day begins, set by set."""

from collections.abc import Sequence
from datetime import date

from django.db import connection
from psycopg import sql

from optiengine.lib.days import day_start
from segments.event_money import IS_MONEY_BACK, IS_PURCHASE
from segments.feature_catalogue import OF_CUSTOMER, Feature
from segments.models import Organisation
from segments.same_person import ALIASES, IN_FORCE, person_of
from segments.state.features import aggregate_sql, fact_sql, known_sql

FACTS = "customer_facts"  # temporary, of this transaction

# A purchase occasion is a calendar day with an order: two baskets of one day are one decision to
# buy, and Fader, Hardie & Lee (2005) count them so. The greatest of the previous occasions is the
# last but one. T ends with the last whole day that was seen, which is the day before. What returns
# took back is no value of a purchase: it lowers the mean, to nothing at the least.
SELECT_FACTS = """
WITH activity AS (
    SELECT {person} AS customer_id, {aggregates},
           sum(abs(e.amount_cents::float8)) FILTER (WHERE {is_money_back}) AS returned_cents
    FROM segments_event e {with_person}
    WHERE e.occurred_at < {end} AND {of_events}
    GROUP BY {person}
), occasion AS (
    SELECT customer_id, day, amount, lag(day) OVER (PARTITION BY customer_id ORDER BY day) previous
    FROM (
        SELECT {person} AS customer_id, (occurred_at AT TIME ZONE {zone})::date AS day,
               sum(amount_cents::float8) AS amount
        FROM segments_event e {with_person}
        WHERE {is_purchase} AND occurred_at < {end} AND {of_events}
        GROUP BY 1, 2
    ) day_with_orders
), history AS (
    SELECT customer_id, count(*) AS n, min(day) AS first_day, max(day) AS last_day,
           max(previous) AS last_but_one, count(amount) AS n_valued, avg(amount) AS mean_cents
    FROM occasion
    GROUP BY customer_id
)
SELECT
    c.id AS customer_id,
    {stage} AS stage,
    coalesce(h.n - 1, 0)::int AS x,
    coalesce((h.last_day - h.first_day) / 7.0, 0)::float8 AS t_x,
    coalesce(({as_of}::date - 1 - h.first_day) / 7.0, 0)::float8 AS "T",
    coalesce(h.n_valued, 0)::int AS n_valued,
    greatest(coalesce(h.mean_cents - coalesce(a.returned_cents, 0) / nullif(h.n_valued, 0), 0), 0)
        AS mean_cents,
    {year_cents} AS year_cents,
    ARRAY[{known}] AS features
FROM segments_customer c
LEFT JOIN activity a ON a.customer_id = c.id
LEFT JOIN history h ON h.customer_id = c.id
WHERE (c.registered_on IS NULL OR c.registered_on <= {as_of}) AND {of_customers}
  AND c.id NOT IN ({aliases})
ORDER BY c.id
"""

# Of certain customers, under all their numbers.
OF_RECORDS = f"""
e.customer_id = ANY({{ids}}::int8[] || ARRAY(
    SELECT m.alias_id FROM segments_customermerge m
    WHERE m.kept_id = ANY({{ids}}::int8[]) AND {IN_FORCE}))
"""

# Order matters: a customer who came back is not new, nor is one whose first order is old.
STAGE = """
CASE WHEN h.n IS NULL THEN 'prospect'
     WHEN {as_of}::date - h.last_day > {lapsed} THEN 'lapsed'
     WHEN {as_of}::date - h.last_day > {at_risk} THEN 'at_risk'
     WHEN {as_of}::date - h.first_day <= {new} THEN 'new'
     WHEN h.last_day - h.last_but_one > {lapsed} THEN 'reactivated'
     ELSE 'active' END
"""


def collect_facts(as_of: date, features: Sequence[Feature], organisation: Organisation) -> int:
    """Fill a temporary table with a row per customer, in order of id; returns how many there are.

    Its columns: customer_id, stage, x, t_x, T (purchase history in weeks: repeat occasions, first
    to last, first to the end), n_valued and mean_cents (occasions whose amount is known, and their
    mean less returns), year_cents (margin of the last 365 days), features (in their order, NaN
    where unknown). Lives until the transaction ends.
    """
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(sql.Identifier(FACTS)))
        cursor.execute(
            sql.SQL("CREATE TEMPORARY TABLE {} ON COMMIT DROP AS {}").format(
                sql.Identifier(FACTS), facts_sql(as_of, features, organisation)
            )
        )
        n_customers = cursor.rowcount
        cursor.execute(f"CREATE UNIQUE INDEX ON {FACTS} (customer_id)")
    return n_customers


def facts_sql(
    as_of: date,
    features: Sequence[Feature],
    organisation: Organisation,
    *,
    until: sql.Composable | None = None,
    customer_ids: sql.Composable | None = None,
) -> sql.Composed:
    """The facts as a query, ordered by customer; of records that are one person, the kept one.

    until : events from this moment on are left out, by default from the beginning of the day.
    customer_ids : only these customers, int8[].
    """
    of_events: sql.Composable = sql.SQL("TRUE")
    of_customers: sql.Composable = sql.SQL("TRUE")
    person = person_of("e.customer_id", always=customer_ids is not None)
    if customer_ids is not None:
        of_events = sql.SQL(OF_RECORDS).format(ids=customer_ids)
        of_customers = sql.SQL("c.id = ANY({}::int8[])").format(customer_ids)
    zone = organisation.time_zone
    aggregates, known = [], []
    for index, feature in enumerate(features):
        if feature.aggregate in OF_CUSTOMER:
            known.append(fact_sql(feature, as_of))
            continue
        aggregate = aggregate_sql(feature, as_of, zone)
        column = f"feature_{index}"
        aggregates.append(sql.SQL("{} AS {}").format(aggregate, sql.Identifier(column)))
        known.append(known_sql(feature, sql.Identifier("a", column), as_of))
    stage = sql.SQL(STAGE).format(
        as_of=sql.Literal(as_of),
        new=sql.Literal(organisation.new_days),
        at_risk=sql.Literal(organisation.at_risk_days),
        lapsed=sql.Literal(organisation.lapsed_days),
    )
    return sql.SQL(SELECT_FACTS).format(
        person=sql.SQL(person.id),
        with_person=sql.SQL(person.join),
        aliases=sql.SQL(ALIASES),
        of_events=of_events,
        of_customers=of_customers,
        aggregates=sql.SQL(", ").join(aggregates),
        known=sql.SQL(", ").join(known),
        year_cents=known[[feature.name for feature in features].index("margin_365d_cents")],
        stage=stage,
        as_of=sql.Literal(as_of),
        end=sql.SQL("{}::timestamptz").format(until or sql.Literal(day_start(as_of, zone))),
        zone=sql.Literal(zone),
        is_money_back=sql.SQL(IS_MONEY_BACK),
        is_purchase=sql.SQL(IS_PURCHASE),
    )


def every_kth(
    n_rows: int, most: int, seed: int, *, customer: str = "customer_id"
) -> sql.Composable:
    """A condition on rows of the facts that leaves about `most` of them, the same every time."""
    k = max(1, -(-n_rows // most))
    return sql.SQL(f"abs(hashint8extended({customer}, {{}}) % {{}}) = 0").format(
        sql.Literal(seed), sql.Literal(k)
    )
