"""A few customers as they are at a moment, not as the day's state has them."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Self

from django.db import connection
from psycopg import sql

from optiengine.lib.columns import read_columns
from segments.feature_catalogue import Feature
from segments.models import Organisation, StateBuild
from segments.state.customer_facts import facts_sql
from segments.state.load_batch import CustomerBatch, batch_names, batch_of, batch_sql

IDS, AT = "$customers$", "$moment$"  # where the values go; no literal of ours looks like this


@dataclass(frozen=True)
class FreshQuery:
    """The statement for one day's questions: written and planned once, then only filled in."""

    state: StateBuild  # with the day's date
    text: str
    fields: tuple[str, ...]

    @classmethod
    def of(
        cls,
        state: StateBuild,
        day: date,
        *,
        features: Sequence[Feature],
        organisation: Organisation,
        fields: Collection[str] = (),
    ) -> Self:
        """Features and stage come from the events until the moment in question.

        state : of the day, or of the last one before. What it says of value and micro-segment
        stands, for these are of a day; a customer who came since has neither: no value,
        micro-segment 0. features : as many, in the same order, as the state's. fields : of rules.
        Raises RuleError for a feature that the state does not hold.
        """
        ids, at = sql.SQL(IDS), sql.SQL(AT)
        facts = facts_sql(day, features, organisation, until=at, customer_ids=ids)
        fresh = sql.SQL(
            "(SELECT f.customer_id, f.stage, f.features, d.p_alive,"
            " coalesce(d.micro_segment_id, 0) AS micro_segment_id,"
            " coalesce(d.clv_cents, 0) AS clv_cents FROM ({}) f"
            " LEFT JOIN segments_customerstate d"
            " ON d.customer_id = f.customer_id AND d.as_of = {})"
        ).format(facts, state.as_of)
        today = StateBuild(as_of=day, feature_set=state.feature_set)
        connection.ensure_connection()
        query = batch_sql(today, fresh, sql.SQL("TRUE"), fields).as_string(connection.connection)
        text = query.replace("%", "%%").replace(IDS, "%(ids)s").replace(AT, "%(at)s")
        return cls(today, text, tuple(fields))

    def read(self, customer_ids: Sequence[int], at: datetime) -> CustomerBatch:
        """Those of the customers who were there at a moment of the day, in order of id."""
        names = batch_names(self.fields)
        params = {"ids": list(customer_ids), "at": at}
        # Its plan is not kept: one for all customers takes the server half a second to find, in
        # every session anew.
        columns = read_columns(sql.SQL(self.text), names, params)
        return batch_of(self.state, columns, self.fields)
