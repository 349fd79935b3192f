"""What a step needs to know of the travellers who are at it, for all of them together.

Each answer is the port to take now, or None: not yet, and `due_at` says when to look again.
"""

import json
from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta

import numpy as np
from django.db import connection

from journeys.draws import keyed_uniform, pick
from journeys.maps.numerics.journey_clock import clock, next_local
from journeys.maps.numerics.journey_graph import Step
from journeys.maps.travellers import TravellerRow
from journeys.models import JourneyMap
from segments.models import FeatureSet, StateBuild
from segments.models.event import MAX_AHEAD
from segments.rules.numerics.rule import parse_rule
from segments.rules.rule_sql import rule_sql
from segments.same_person import SAME_PERSON

Ports = list[str | None]


def first_events(
    kind: str, spans: Sequence[tuple[int, datetime, datetime]]
) -> list[datetime | None]:
    """When the first event of a kind happened in each span: customer, after, until (included)."""
    customers, after, until = (list(column) for column in zip(*spans, strict=True))
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT (SELECT min(e.occurred_at) FROM segments_event e"
            f"  WHERE e.customer_id = ANY({SAME_PERSON.format(customer='s.customer_id')})"
            "  AND e.kind = %s"
            "  AND e.occurred_at > s.after AND e.occurred_at <= s.until)"
            " FROM unnest(%s::bigint[], %s::timestamptz[], %s::timestamptz[])"
            " WITH ORDINALITY AS s(customer_id, after, until, place) ORDER BY place",
            [kind, customers, after, until],
        )
        return [moment for (moment,) in cursor.fetchall()]


def for_whom(rule: object, customer_ids: Iterable[int], *, on: date) -> set[int]:
    """For which of the customers a rule holds: present data, and the newest state up to a day.

    Who has no state yet has no features: conditions on them do not hold. Raises RuleError where
    the rule cannot be read, or names a feature that was not computed.
    """
    parsed, ids = parse_rule(rule), list(customer_ids)
    if rule == {}:
        return set(ids)
    state = state_on(on)
    condition, params = rule_sql(parsed, state)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT c.id FROM segments_customer c LEFT JOIN segments_customerstate s"
            " ON s.customer_id = c.id AND s.as_of = %s"
            f" WHERE c.id = ANY(%s) AND {condition}",
            [state.as_of, ids, *params],
        )
        return {pk for (pk,) in cursor.fetchall()}


def state_on(day: date) -> StateBuild:
    """The newest state up to a day; where there is none yet, one without features."""
    states = StateBuild.objects.select_related("feature_set").filter(as_of__lte=day)
    return states.order_by("-as_of").first() or StateBuild(
        as_of=day, feature_set=FeatureSet(names=[])
    )


def wait_over(step: Step, travellers: Sequence[TravellerRow], *, now: datetime) -> Ports:
    """Of a wait for a duration or until an hour."""
    ports: Ports = []
    for traveller in travellers:
        traveller.due_at = wait_end(step, traveller.step_since, traveller.time_zone)
        ports.append("next" if traveller.due_at <= now else None)
    return ports


def wait_end(step: Step, since: datetime, zone: str) -> datetime:
    """When a wait that began at a moment is over, at the latest where it is for an event."""
    if step.fork == "until":
        return next_local(since, clock(step["time"]), zone, step.get("weekday"))
    return since + timedelta(minutes=step["minutes"])


def event_awaited(step: Step, travellers: Sequence[TravellerRow], *, now: datetime) -> Ports:
    """An event that happened in time counts, even if it was heard of only after the time-out.

    One that was stamped later than `now` leads on at its own moment, so that the steps behind find
    it in their past.
    """
    ends = [wait_end(step, traveller.step_since, traveller.time_zone) for traveller in travellers]
    pairs = zip(travellers, ends, strict=True)
    spans = [(traveller.customer_id, traveller.events_from, end) for traveller, end in pairs]
    happened = first_events(step["event_kind"], spans)
    ports: Ports = []
    for traveller, end, moment in zip(travellers, ends, happened, strict=True):
        traveller.due_at = moment or end
        port = "happened" if moment else "timed_out"
        ports.append(port if traveller.due_at <= now else None)
    return ports


def split_by_event(step: Step, travellers: Sequence[TravellerRow], *, now: datetime) -> Ports:
    """What is known of has happened, whatever the clock that stamped it."""
    minutes = step.get("minutes")
    back, until = timedelta(minutes=minutes) if minutes else None, now + MAX_AHEAD
    spans = [(w.customer_id, now - back if back else w.counts_from, until) for w in travellers]
    return ["yes" if moment else "no" for moment in first_events(step["event_kind"], spans)]


def split_by_rule(step: Step, travellers: Sequence[TravellerRow], *, on: date) -> Ports:
    holds = for_whom(step["rule"], {traveller.customer_id for traveller in travellers}, on=on)
    return ["yes" if traveller.customer_id in holds else "no" for traveller in travellers]


def split_at_random(step: Step, customer_ids: Sequence[int], *, seed: int) -> list[str]:
    """A customer takes the same branch each time: the draw is of the map, the step and them."""
    shares = np.array(list(step["shares"].values()), dtype=float)
    u = keyed_uniform(np.array(customer_ids), seed=seed, purpose=f"split {step.id}")
    branches = pick(np.broadcast_to(shares / shares.sum(), (len(u), len(shares))), u)
    return [step.ports[branch] for branch in branches.tolist()]


def draw_control(journey: JourneyMap, customer_ids: Sequence[int]) -> list[bool]:
    """Who of the customers only seems to travel: all of the map's messages are withheld."""
    u = keyed_uniform(np.array(customer_ids, dtype=np.int64), seed=journey.seed, purpose="control")
    return (u < journey.control_share).tolist()


def set_attribute(step: Step, customer_ids: Iterable[int], *, now: datetime) -> None:
    """Write a value into the customers' attributes, in the order of their ids."""
    with connection.cursor() as cursor:
        cursor.execute(
            "WITH these AS (SELECT id FROM segments_customer WHERE id = ANY(%s) ORDER BY id"
            "  FOR NO KEY UPDATE)"
            " UPDATE segments_customer c SET updated_at = %s, attributes ="
            "  CASE jsonb_typeof(c.attributes) WHEN 'object' THEN c.attributes ELSE '{}' END"
            "  || jsonb_build_object(%s::text, %s::jsonb)"
            " FROM these WHERE these.id = c.id",
            [sorted(set(customer_ids)), now, step["attribute"], json.dumps(step["value"])],
        )
