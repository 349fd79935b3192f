"""What real-time decisions rest on: rules, state and model of the moment, pinned as a live run."""

import json
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from django.db import connection, transaction
from django.utils.translation import gettext as _
from psycopg import sql

from campaigns.models import (
    Action,
    ArmPlan,
    Campaign,
    CapacityLimit,
    Exclusion,
    FollowUp,
    FrequencyCap,
    Goal,
    MinimumEvidence,
    MinimumGap,
    QuietHours,
    Tag,
)
from campaigns.services.assign_arms import current_plan
from campaigns.services.load_rulebook import load_rulebook
from journeys.errors import StaleState
from journeys.models import CapacityUse, DecisionRun, UpliftModelVersion
from journeys.services.capacity import open_accounts
from journeys.services.decide import Pinned, pinned
from journeys.services.start_run import TABLES, default_seed
from optiengine.lib.partitions import ensure_partitions
from segments.feature_catalogue import Feature
from segments.models import FeatureDefinition, Organisation, StateBuild, TargetGroup
from segments.services.build_state import Tree
from segments.services.features import active_features
from segments.services.segment import stage_segments
from segments.services.split_segment import splits_of_day

OLDEST = timedelta(days=1)  # of the state: until the night's work is done, yesterday's serves
RULES = (
    *(Action, ArmPlan, Campaign, CapacityLimit, Exclusion, FollowUp, FrequencyCap, Goal),
    *(MinimumEvidence, MinimumGap, QuietHours, FeatureDefinition, Organisation, Tag, TargetGroup),
    *(Campaign.tags.through, Campaign.ignores_durations_of.through),
)
LIVE_TABLES = (*TABLES, "journeys_livedecision")


@dataclass(frozen=True)
class LiveRules:
    """Ready for use; the same for every decision until something of it changes."""

    given: Pinned
    features: tuple[Feature, ...]  # as the state has them
    organisation: Organisation
    tree: Tree  # of micro-segments: for whoever came since the state

    @property
    def day(self) -> date:
        return self.given.run.as_of


_latest: tuple[tuple, LiveRules] | None = None  # of this process


def live_rules(at: datetime) -> LiveRules:
    """The rules in force, read anew only where a row of theirs has changed.

    Raises StaleState where neither today nor yesterday has a state, or nothing has been learned.
    """
    global _latest
    organisation = Organisation.current()
    day = at.astimezone(ZoneInfo(organisation.time_zone)).date()
    state = StateBuild.objects.filter(as_of__lte=day).only("pk", "as_of").first()
    model_id = UpliftModelVersion.objects.filter(as_of__lte=day).order_by("-as_of", "-pk")
    key = (day, state and state.pk, model_id.values_list("pk", flat=True).first(), _digest())
    if _latest is None or _latest[0] != key:
        if state is None or state.as_of < day - OLDEST or key[2] is None:
            raise StaleState(
                _("Features are from %(day)s, not from %(as_of)s: nothing is decided.")
                % {"day": state.as_of if state else "–", "as_of": day}
            )
        _latest = key, _load(day, state.pk, key[2], at, organisation)
    return _latest[1]


def _load(
    day: date, state_id: int, model_id: int, at: datetime, organisation: Organisation
) -> LiveRules:
    run = _pin(day, state_id, model_id, at)
    assert run.state is not None
    known = {feature.name: feature for feature in active_features()}
    names = run.state.feature_set.names
    if missing := [name for name in names if name not in known]:
        raise StaleState(
            _("The day's state has a feature that is no longer defined: %s.") % ", ".join(missing)
        )
    tree = Tree(stage_segments(run.state.segmentation), splits_of_day(day, names))
    return LiveRules(pinned(run.pk), tuple(known[name] for name in names), organisation, tree)


def _pin(day: date, state_id: int, model_id: int, at: datetime) -> DecisionRun:
    """The live run with these rules: the newest one of the day, or a new one where they differ."""
    for table in LIVE_TABLES:
        ensure_partitions(table, day, day)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('journeys.live_rules'))")
        book = load_rulebook(day)
        pins = {
            "rulebook": json.loads(json.dumps(book.to_json())),
            "state_id": state_id,
            "model_id": model_id,
            "plan_id": current_plan(day).pk,
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
    """The prices of the newest daily run: one customer alone says nothing about scarcity."""
    rows = list(CapacityUse.objects.filter(run=run).select_related("account"))
    for row in rows:
        priced = CapacityUse.objects.filter(
            account__limit=row.account.limit_id, run__kind=DecisionRun.Kind.DAILY
        )
        if newest := priced.order_by("-run__as_of").first():
            row.price, row.subsidy = newest.price, newest.subsidy
    CapacityUse.objects.bulk_update(rows, ["price", "subsidy"])


def _digest() -> str:
    """A fingerprint of every row that the rules are made of."""
    parts = [
        sql.SQL("SELECT md5(string_agg(t::text, '|' ORDER BY t.id)) AS part FROM {} t").format(
            sql.Identifier(model._meta.db_table)
        )
        for model in RULES
    ]
    with connection.cursor() as cursor:
        cursor.execute(
            sql.SQL("SELECT string_agg(part, '|') FROM ({}) parts").format(
                sql.SQL(" UNION ALL ").join(parts)
            )
        )
        return cursor.fetchone()[0]
