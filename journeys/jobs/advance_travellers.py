"""Travellers move: all who are due, in batches under the locks of their blocks.

Before every move the journey may end: the customer was erased, reached the goal, or fell under the
exit rule. Whatever goes wrong with one traveller parks that one, with the reason, and no other.
"""

import logging
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from itertools import groupby
from typing import Any

from django.db import OperationalError, connection, transaction
from django.utils.translation import gettext as _

from campaigns.models import Campaign
from journeys.decisions.live_rules import LiveRules
from journeys.jobs.engine_split import rules_for_splits, split_by_engine
from journeys.jobs.send_at_once import send_at_once
from journeys.maps import steps as map_steps
from journeys.maps.due_steps import settle_blocked
from journeys.maps.map_counts import draw_tallies_together
from journeys.maps.numerics.journey_graph import Step
from journeys.maps.steps import Ports
from journeys.maps.travellers import (
    PassageLog,
    TravellerRow,
    graph_of,
    load_travellers,
    lock_customers,
    park,
)
from journeys.models import JourneyMap, Traveller
from segments.models import Organisation
from segments.models.event import MAX_AHEAD
from segments.rules.describe_rule import problem_in_words
from segments.rules.numerics.rule import RuleError

logger = logging.getLogger(__name__)

BATCH = 2_000  # travellers of one transaction
MAX_PASSES = 20  # times that those who are due again at once are looked at
MAX_MOVES = 100  # steps that one traveller may take at once; a checked map needs fewer
RETRY = timedelta(hours=1)  # until a message that should go at once and cannot is tried again
GRACE = timedelta(hours=48)  # a step that does not wait gives up when no run has decided by then

ExitReason, Status = Traveller.ExitReason, JourneyMap.Status
Ids = Sequence[tuple[int, int]]  # of travellers and their customers

# By customer, so that a batch needs few locks. A map that has ended sends everyone home.
DUE = """
    SELECT t.id, t.customer_id FROM journeys_traveller t
    JOIN journeys_journeymap m ON m.id = t.map_id
    WHERE t.status = 'travelling' AND t.due_at <= %(now)s AND m.status = 'active'
    UNION ALL
    SELECT t.id, t.customer_id FROM journeys_traveller t
    WHERE t.status = 'travelling'
      AND t.map_id IN (SELECT id FROM journeys_journeymap WHERE status = 'ended')
    ORDER BY customer_id, id LIMIT %(limit)s
"""
STILL_DUE = """
    t.id = ANY(%s) AND (t.due_at <= %s OR t.map_id IN
        (SELECT id FROM journeys_journeymap WHERE status = 'ended'))
"""


class StepFault(Exception):
    """Why travellers cannot go on from a step, in a sentence."""


def advance_travellers(now: datetime, *, owner: str, limit: int | None = None) -> Counter[str]:
    """Move everyone who is due; any number of workers may at once.

    limit : look at so many travellers at most. owner : names the worker in the log.
    Returns counts: `looked_at`, `passages`, `done`, `parked` and `decided`: for how many customers
    it was decided about a message that should go at once.
    """
    counts: Counter[str] = Counter()
    rules = rules_for_splits(now)
    for _pass in range(MAX_PASSES):
        left = None if limit is None else limit - counts["looked_at"]
        ids = _due(now, left)
        before = counts["looked_at"]
        for start in range(0, len(ids), BATCH):
            to_send: list[int] = []
            counts += _move(ids[start : start + BATCH], now, owner, to_send, rules)
            counts["decided"] += send_at_once(to_send, now=now, owner=owner)
        if counts["looked_at"] == before:  # nobody, or others hold all of them
            break
    draw_tallies_together()
    return counts


def _due(now: datetime, limit: int | None) -> Ids:
    with connection.cursor() as cursor:
        cursor.execute(DUE, {"now": now, "limit": limit})
        return cursor.fetchall()


def _move(
    ids: Ids, now: datetime, owner: str, to_send: list[int], rules: LiveRules | None
) -> Counter[str]:
    """One batch; where it fails, each half by itself, down to the one traveller who is parked.

    to_send : gets the customers whose message should go at once.
    """
    try:
        batch = _move_together(ids, now, rules)
    except OperationalError as error:  # a deadlock, or no database: the next call tries again
        logger.warning("%s: %s participants not moved: %s", owner, len(ids), error)
        if not connection.is_usable():
            raise
        return Counter()
    except Exception as error:
        if len(ids) == 1:
            logger.warning("%s: participant %s is parked", owner, ids[0][0], exc_info=True)
            return _park_one(*ids[0], f"{type(error).__name__}: {error}")
    else:
        to_send += [traveller.customer_id for traveller in batch.to_send]
        return batch.counts()
    middle = len(ids) // 2
    halves = (_move(half, now, owner, to_send, rules) for half in (ids[:middle], ids[middle:]))
    return sum(halves, Counter())


@transaction.atomic
def _move_together(ids: Ids, now: datetime, rules: LiveRules | None) -> "TravellerBatch":
    lock_customers(customer_id for _id, customer_id in ids)
    travellers = load_travellers(STILL_DUE, [[pk for pk, _customer in ids], now])
    batch = TravellerBatch(travellers, now, rules)
    batch.move()
    batch.passage_log.save(batch.travellers)
    return batch


@transaction.atomic
def _park_one(traveller_id: int, customer_id: int, reason: str) -> Counter[str]:
    lock_customers([customer_id])
    travellers = load_travellers("t.id = %s", [traveller_id])
    for traveller in travellers:
        park(traveller, reason)
    PassageLog().save(travellers)
    return Counter(looked_at=len(travellers), parked=len(travellers))


@dataclass
class TravellerBatch:
    """A batch of travellers under their locks, and the moment at which they move."""

    travellers: list[TravellerRow]
    now: datetime
    rules: LiveRules | None = None  # what the engine values messages by, where a map asks for it
    passage_log: PassageLog = field(default_factory=PassageLog)
    to_send: list[TravellerRow] = field(default_factory=list)  # whose message should go at once
    chances: dict[int, float] = field(default_factory=dict)  # of the step's ports, by traveller
    maps: dict[int, JourneyMap] = field(init=False)
    today: date = field(init=False)  # in the organisation's zone: of the states that rules read
    changed: set[int] = field(init=False)  # customers for whom the exit rule is to be looked at

    def __post_init__(self) -> None:
        ids = {traveller.map_id for traveller in self.travellers}
        self.maps = JourneyMap.objects.select_related("goal").in_bulk(list(ids))
        self.today = Organisation.current().today(self.now)
        self.changed = {traveller.customer_id for traveller in self.travellers}

    def counts(self) -> Counter[str]:
        return Counter(
            looked_at=len(self.travellers),
            passages=len(self.passage_log.passages),
            done=sum(traveller.status == "done" for traveller in self.travellers),
            parked=sum(bool(traveller.fault) for traveller in self.travellers),
        )

    def move(self) -> None:
        """Everyone goes as far as they can at this moment."""
        going = [w for w in self.travellers if self.maps[w.map_id].status != Status.PAUSED]
        for _move in range(MAX_MOVES):
            going = [w for w in self._still_travelling(going) if self._has_begun(w)]
            self.changed = set()
            going = [w for group in _by_step(going) for w in self._pass_step(group)]
            if not going:
                return
        for traveller in going:
            park(
                traveller,
                _("The participant passed more than %(n)d steps at once.") % {"n": MAX_MOVES},
            )

    def _still_travelling(self, travellers: list[TravellerRow]) -> list[TravellerRow]:
        """Without those whose journey ends here."""
        staying = []
        for map_id, group in _grouped(travellers, lambda traveller: traveller.map_id):
            try:
                outcomes = self._outcomes(self.maps[map_id], group)
            except RuleError as error:
                for traveller in group:
                    park(traveller, _("Exit rule: %s") % problem_in_words(error))
                continue
            for traveller in group:
                if traveller.id in outcomes:
                    self.passage_log.finish(traveller, outcomes[traveller.id], at=self.now)
                else:
                    staying.append(traveller)
        return staying

    def _has_begun(self, traveller: TravellerRow) -> bool:
        """Whether the message before the present step may have left; else they wait for it."""
        if traveller.step_since > self.now:
            traveller.due_at = traveller.step_since
            return False
        return True

    def _outcomes(self, journey: JourneyMap, travellers: list[TravellerRow]) -> dict[int, str]:
        """Of those whose journey is over; who is gone has left, whatever else holds."""
        exits: dict[int, str] = {}
        looked_at = [traveller for traveller in travellers if traveller.customer_id in self.changed]
        if journey.exit_rule and looked_at:
            ids = {traveller.customer_id for traveller in looked_at}
            holds = map_steps.for_whom(journey.exit_rule, ids, on=self.today)
            exits |= {w.id: ExitReason.RULE for w in looked_at if w.customer_id in holds}
        if journey.goal and looked_at:
            until = self.now + MAX_AHEAD  # a known event has happened, even if a clock is wrong
            spans = [(w.customer_id, w.counts_from, until) for w in looked_at]
            reached = map_steps.first_events(journey.goal.event_kind, spans)
            pairs = zip(looked_at, reached, strict=True)
            exits |= {traveller.id: ExitReason.GOAL for traveller, moment in pairs if moment}
        is_over = journey.status == Status.ENDED
        return exits | {w.id: ExitReason.LEFT for w in travellers if w.has_left or is_over}

    def _pass_step(self, group: list[TravellerRow]) -> list[TravellerRow]:
        """Those of one step who left it; who stays has a later `due_at`, or is done or parked."""
        first = group[0]
        graph = graph_of(first.version_id)
        try:
            step = graph.steps.get(first.step)
            if step is None:
                raise StepFault(_("The journey has no step “%s”.") % first.step)
            ports = self._answer(step, group)
        except (StepFault, RuleError) as error:
            reason = problem_in_words(error) if isinstance(error, RuleError) else str(error)
            for traveller in group:
                park(traveller, reason)
            return []
        for traveller, port in zip(group, ports, strict=True):
            if port is not None:
                chance = self.chances.get(traveller.id)
                self.passage_log.move(traveller, port, graph, at=self.now, probability=chance)
        self.chances.clear()
        return [w for w in group if w.step != step.id and w.status != "done"]

    def _answer(self, step: Step, group: list[TravellerRow]) -> Ports:
        match step.kind, step.fork:
            case "entry", _fork:
                return ["next"] * len(group)
            case "wait", "event":
                return map_steps.event_awaited(step, group, now=self.now)
            case "wait", _fork:
                return map_steps.wait_over(step, group, now=self.now)
            case "split", "rule":
                return map_steps.split_by_rule(step, group, on=self.today)
            case "split", "event":
                return map_steps.split_by_event(step, group, now=self.now)
            case "split", "engine":
                return self._engine_ports(step, group)
            case "split", "random":
                ids = [traveller.customer_id for traveller in group]
                seed = self.maps[group[0].map_id].seed
                return [*map_steps.split_at_random(step, ids, seed=seed)]
            case "send", _fork:
                return self._wait_for_decision(step, group)
            case "set", _fork:
                ids = [traveller.customer_id for traveller in group]
                map_steps.set_attribute(step, ids, now=self.now)
                self.changed |= set(ids)
                return ["next"] * len(group)
            case "exit", _fork:
                for traveller in group:
                    self.passage_log.finish(traveller, ExitReason.END, at=self.now)
                return [None] * len(group)
        raise StepFault(_("Unknown step type “%s”.") % step.kind)

    def _engine_ports(self, step: Step, group: list[TravellerRow]) -> Ports:
        chosen = split_by_engine(
            step,
            graph_of(group[0].version_id),
            [traveller.customer_id for traveller in group],
            rules=self.rules,
            seed=self.maps[group[0].map_id].seed,
            now=self.now,
        )
        pairs = zip(group, chosen, strict=True)
        self.chances = {traveller.id: chance for traveller, (_port, chance) in pairs}
        return [port for port, _chance in chosen]

    def _wait_for_decision(self, step: Step, group: list[TravellerRow]) -> Ports:
        """The campaign is to be decided; who waited as long as the step allows gives up."""
        if not Campaign.objects.filter(pk=step["campaign"]).exists():
            raise StepFault(_("The campaign of this step no longer exists."))
        for traveller in group:
            if traveller.give_up_at is not None and traveller.give_up_at <= self.now:
                settle_blocked(self.passage_log, step, traveller, self.now, gave_up=True)
            else:
                self._ask_for(step, traveller)
        return [None] * len(group)

    def _ask_for(self, step: Step, traveller: TravellerRow) -> None:
        hours = step.get("wait_hours") if step["when_blocked"] == "wait" else None
        patience = timedelta(hours=hours) if hours else GRACE
        traveller.campaign_id = step["campaign"]
        traveller.give_up_at = traveller.give_up_at or traveller.step_since + patience
        traveller.due_at, traveller.at_once = traveller.give_up_at, step["when"] == "at_once"
        if traveller.at_once:
            traveller.due_at = min(self.now + RETRY, traveller.give_up_at)
            self.to_send.append(traveller)


def _by_step(travellers: list[TravellerRow]) -> Iterator[list[TravellerRow]]:
    groups = _grouped(travellers, lambda traveller: (traveller.version_id, traveller.step))
    return (group for _key, group in groups)


def _grouped(
    travellers: list[TravellerRow], key: Callable[[TravellerRow], Any]
) -> Iterator[tuple[Any, list[TravellerRow]]]:
    for value, group in groupby(sorted(travellers, key=key), key=key):
        yield value, list(group)
