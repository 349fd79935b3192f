"""What real-time decisions rest on: rules, state and model of the moment, pinned as a live run."""

import json
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache, partial
from typing import NamedTuple

import psycopg
from django.db import connection, transaction
from django.utils.translation import gettext as _
from psycopg import sql

from campaigns.services.assign_arms import current_plan
from campaigns.services.load_rulebook import load_rulebook
from campaigns.services.rule_tables import rulebook_models
from journeys.decision_version import current_version
from journeys.decisions.capacity_accounts import open_accounts
from journeys.decisions.newest_pair import newest_pair_sql
from journeys.decisions.run_inputs import RunInputs, pinned_inputs
from journeys.decisions.start_run import TABLES, default_seed
from journeys.errors import StaleState
from journeys.models import CapacityUse, DecisionRun
from optiengine.lib.partitions import ensure_partitions
from segments.models import Organisation, StateBuild
from segments.state.assign_segments import stage_segments
from segments.state.build_state import Tree
from segments.state.features import FeatureError, features_named
from segments.state.fresh_batch import FreshQuery
from segments.state.split_segment import splits_of_day

OLDEST = timedelta(days=1)  # of the state: until the night's work is done, yesterday's serves
LIVE_TABLES = (*TABLES, "journeys_livedecision")
PART = "SELECT {place} AS place, sum(hashtextextended(t::text, 0)) AS part FROM {table} t"
MOMENT = """
SELECT o.day, p.state_id, p.state_day, p.model_id,
       (SELECT string_agg(coalesce(part::text, ''), '|' ORDER BY place) FROM ({parts}) p)
FROM (SELECT (%(at)s::timestamptz AT TIME ZONE time_zone)::date AS day
      FROM segments_organisation) o
LEFT JOIN LATERAL ({pair}) p ON true
"""


@dataclass(frozen=True)
class LiveRules:
    """Ready for use; the same for every decision until something of it changes."""

    inputs: RunInputs
    customers: FreshQuery  # those who are decided for
    organisation: Organisation
    tree: Tree  # of micro-segments: for customers who came after the state was built

    @property
    def day(self) -> date:
        return self.inputs.run.as_of


_latest: tuple["RulesFingerprint", LiveRules] | None = None  # of this process


class RulesFingerprint(NamedTuple):
    """What there is to decide by at a moment: where it is all the same, the rules are."""

    day: date  # of the organisation
    state_id: int | None  # the newest pair's, see newest_pair
    state_day: date | None
    model_id: int | None
    digest: str  # of every row that the rules are made of


def live_rules(at: datetime) -> LiveRules:
    """The rules in force, read anew only where a row of theirs has changed.

    What is read within a transaction is kept once that is committed: the live run may be undone
    with it. Raises StaleState where neither today nor yesterday has a state that was learned from.
    """
    now = _moment(at)
    if _latest is None or _latest[0] != now:
        stale = now.state_day is None or now.state_day < now.day - OLDEST
        if stale or now.state_id is None or now.model_id is None:
            raise StaleState(
                _(
                    "The latest learned customer data is from %(day)s, not from "
                    "%(as_of)s, so nothing is decided."
                )
                % {"day": now.state_day or "–", "as_of": now.day}
            )
        rules = _load(now.day, now.state_id, now.model_id, at, Organisation.current())
        transaction.on_commit(partial(_keep, now, rules))
        return rules
    return _latest[1]


def _keep(now: RulesFingerprint, rules: LiveRules) -> None:
    global _latest
    _latest = now, rules


@lru_cache(maxsize=1)
def _moment_query() -> sql.Composed:
    """Asks for a Moment, over all tables of rules that decisions read."""
    tables = [sql.Identifier(model._meta.db_table) for model in rulebook_models()]
    parts = [sql.SQL(PART).format(place=i, table=table) for i, table in enumerate(tables)]
    pair = newest_pair_sql(sql.SQL("o.day"))
    return sql.SQL(MOMENT).format(pair=pair, parts=sql.SQL(" UNION ALL ").join(parts))


def _moment(at: datetime) -> RulesFingerprint:
    connection.ensure_connection()
    with connection.wrap_database_errors, psycopg.Cursor(connection.connection) as cursor:
        row = cursor.execute(_moment_query(), {"at": at}, prepare=True).fetchone()
    if row is None:  # the organisation's row is made at the first question
        Organisation.current()
        return _moment(at)
    return RulesFingerprint(*row)


def _load(
    day: date, state_id: int, model_id: int, at: datetime, organisation: Organisation
) -> LiveRules:
    run = _pin(day, state_id, model_id, at)
    assert run.state is not None
    names = run.state.feature_set.names
    try:
        features = features_named(names)
    except FeatureError as error:
        raise StaleState(str(error)) from error
    tree = Tree(stage_segments(run.state.segmentation), splits_of_day(day, names))
    inputs = pinned_inputs(run.pk)
    customers = FreshQuery.of(
        run.state,
        day,
        features=features,
        organisation=organisation,
        fields=sorted(inputs.book.fields()),
    )
    return LiveRules(inputs, customers, organisation, tree)


def _pin(day: date, state_id: int, model_id: int, at: datetime) -> DecisionRun:
    """The live run with these rules: the newest one of the day, or a new one where they differ."""
    for table in LIVE_TABLES:
        ensure_partitions(table, day, day)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('journeys.live_rules'))")
        state = StateBuild.objects.select_related("feature_set").get(pk=state_id)
        book = load_rulebook(day).over(state.feature_set.names)
        pins = {
            "rulebook": json.loads(json.dumps(book.to_json())),
            "state_id": state_id,
            "model_id": model_id,
            "plan_id": current_plan(day).pk,
            "decision_version": current_version(),
        }
        runs = DecisionRun.objects.filter(as_of=day, kind=DecisionRun.Kind.LIVE)
        latest = runs.select_related("state").order_by("number").last()
        if latest and all(getattr(latest, name) == value for name, value in pins.items()):
            return latest
        number = latest.number + 1 if latest else 1
        run = DecisionRun.objects.create(
            as_of=day,
            kind=DecisionRun.Kind.LIVE,
            status=DecisionRun.Status.LIVE,
            number=number,
            decided_at=at,
            seed=default_seed(day) + number,
            **pins,
        )
        if book.capacities:
            open_accounts(run, book)
            _take_prices(run)
    return run


def _take_prices(run: DecisionRun) -> None:
    """The prices of the newest daily run: a single customer says nothing about scarcity."""
    rows = list(CapacityUse.objects.filter(run=run).select_related("account"))
    for row in rows:
        priced = CapacityUse.objects.filter(
            account__limit=row.account.limit_id, run__kind=DecisionRun.Kind.DAILY
        )
        if newest := priced.order_by("-run__as_of").first():
            row.price, row.subsidy = newest.price, newest.subsidy
    CapacityUse.objects.bulk_update(rows, ["price", "subsidy"])
