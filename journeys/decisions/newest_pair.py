"""The customers' state and what was learned, of one set of features: what decisions rest on."""

from datetime import date

from django.db import connection
from psycopg import sql

from journeys.models import UpliftModelVersion
from segments.models import StateBuild

# A set that was changed has a state before it has a model: until then the pair before serves.
PAIR = """
    SELECT s.id AS state_id, s.as_of AS state_day, m.id AS model_id
    FROM segments_statebuild s
    CROSS JOIN LATERAL (
        SELECT v.id FROM journeys_upliftmodelversion v
        JOIN journeys_upliftscaling c ON c.id = v.scaling_id
        WHERE c.feature_set_id = s.feature_set_id AND v.as_of <= {day}
        ORDER BY v.as_of DESC, v.id DESC LIMIT 1) m
    WHERE s.as_of <= {day}
    ORDER BY s.as_of DESC LIMIT 1
"""


def newest_pair_sql(day: sql.Composable) -> sql.Composed:
    """A query of one row or none: state_id, state_day, model_id."""
    return sql.SQL(PAIR).format(day=day)


def newest_pair(day: date) -> tuple[StateBuild, UpliftModelVersion] | None:
    """The newest state up to a day for whose features a model was learned by then, and that model.

    None where there is none.
    """
    with connection.cursor() as cursor:
        cursor.execute(newest_pair_sql(sql.Literal(day)))
        row = cursor.fetchone()
    if row is None:
        return None
    state_id, _day, model_id = row
    state = StateBuild.objects.select_related("feature_set").get(pk=state_id)
    return state, UpliftModelVersion.objects.select_related("scaling").get(pk=model_id)
