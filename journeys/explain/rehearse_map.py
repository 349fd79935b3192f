"""A test run of a map for one customer: what would happen, and when. Nothing is written."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from django.utils.translation import gettext as _

from campaigns.models import Action, Campaign
from campaigns.numerics.time_zones import zones_of
from journeys.decisions.start_run import DECISION_TIME
from journeys.delivery.render_message import Links, Recipient, render_message
from journeys.explain.map_limits import LimitForecast, limits_of
from journeys.maps.describe_graph import describe_graph
from journeys.maps.numerics.journey_graph import Graph, Step, parse_graph
from journeys.maps.numerics.journey_settings import setting_problems
from journeys.maps.steps import (
    draw_control,
    first_events,
    for_whom,
    split_at_random,
    wait_end,
)
from journeys.models import MapVersion
from optiengine.lib.days import day_of
from optiengine.lib.text_scan import TextError
from segments.models import Customer, Organisation
from segments.rules.describe_rule import problem_in_words
from segments.rules.numerics.rule import RuleError

MOST = 60  # happenings of one test run: a loop comes round again and again


@dataclass(frozen=True)
class Message:
    """What a send step would send by one of its campaign's actions."""

    action: str
    channel: str
    subject: str
    limits: tuple[str, ...]  # what would keep it back, for good or until it leaves
    leaves_at: datetime | None  # None: it is not possible


@dataclass(frozen=True)
class RehearsedStep:
    """One step of the test run."""

    step_id: str
    line: str  # the step in words
    at: datetime  # in the customer's zone
    port: str  # where it leads; empty where the journey ends
    text: str  # what happens, where that is more than passing on
    messages: tuple[Message, ...] = ()


def rehearse_map(
    version: MapVersion,
    customer: Customer,
    *,
    start: datetime,
    answers: Mapping[str, str] | None = None,
) -> list[RehearsedStep]:
    """What the customer would go through in this drawing from `start` on, draft or launched.

    answers : by step the port to take at a wait for an event or a split, and “sent” or “blocked” at
    a send step. Without one: the event does not come in time; rules, chance and limits decide as
    things stand. Exit rule and goal are left out. A drawing that is not whole ends where it breaks.
    """
    graph = parse_graph(version.graph)
    return list(_Rehearsal(version, graph, customer, start, answers or {}).happenings())


@dataclass
class _Rehearsal:
    version: MapVersion
    graph: Graph
    customer: Customer
    start: datetime
    answers: Mapping[str, str]

    def __post_init__(self) -> None:
        zone = Organisation.current().time_zone
        self.zone = zones_of(self.customer.time_zone, self.customer.country, zone)[0]
        self.organisation_zone = ZoneInfo(zone)

    def happenings(self) -> Iterator[RehearsedStep]:
        lines = describe_graph(self.graph)
        step, at = self.graph.entry, self.start
        for _number in range(MOST):
            if step is None:
                return
            port, left_at, text, messages = self._pass(step, at)
            local = left_at.astimezone(ZoneInfo(self.zone))
            target = self.graph.target(step.id, port) if port else None
            if target is None:
                text = " ".join(filter(None, [text, _("The journey ends here.")]))
            yield RehearsedStep(
                step.id, lines[step.id], local, port if target else "", text, messages
            )
            step = self.graph.steps.get(target) if target else None
            at = left_at

    def _pass(self, step: Step, at: datetime) -> tuple[str, datetime, str, tuple[Message, ...]]:
        """The port, when it is taken, what happens, and what would be sent."""
        if any(setting_problems(step.kind, step.settings)):
            return "", at, _("This step is not set up yet."), ()
        try:
            return self._follow(step, at)
        except RuleError as error:
            return "", at, problem_in_words(error), ()

    def _follow(self, step: Step, at: datetime) -> tuple[str, datetime, str, tuple[Message, ...]]:
        """The same of a step whose settings are in order."""
        match step.kind, step.fork:
            case "entry", _fork:
                is_control = draw_control(self.version.map, [self.customer.pk])[0]
                text = (
                    _("In the journey's control group: messages are withheld.")
                    if is_control
                    else ""
                )
                return "next", at, text, ()
            case "wait", "event":
                return (*self._await_event(step, at), ())
            case "wait", _fork:
                return "next", wait_end(step, at, self.zone), "", ()
            case "split", _fork:
                return self._branch(step, at), at, "", ()
            case "send", _fork:
                return self._send(step, at)
            case "set", _fork:
                return "next", at, "", ()
        return "", at, "", ()

    def _await_event(self, step: Step, at: datetime) -> tuple[str, datetime, str]:
        if self.answers.get(step.id) == "happened":
            return "happened", at + timedelta(minutes=1), _("The event arrives a minute later.")
        return "timed_out", wait_end(step, at, self.zone), _("The event does not arrive in time.")

    def _branch(self, step: Step, at: datetime) -> str:
        if (answer := self.answers.get(step.id)) in step.ports:
            return str(answer)
        pk = self.customer.pk
        match step.fork:
            case "rule":
                day = day_of(at, self.organisation_zone)
                return "yes" if for_whom(step["rule"], [pk], on=day) else "no"
            case "event":
                minutes = step.get("minutes")
                after = at - timedelta(minutes=minutes) if minutes else self.start
                return "yes" if first_events(step["event_kind"], [(pk, after, at)])[0] else "no"
            case "random":
                return split_at_random(step, [pk], seed=self.version.map.seed)[0]
        return step.ports[0]  # the engine's choice: whatever is looked at first

    def _send(self, step: Step, at: datetime) -> tuple[str, datetime, str, tuple[Message, ...]]:
        decided_at = at if step["when"] == "at_once" else self._next_run(at)
        campaign = Campaign.objects.filter(pk=step["campaign"]).first()
        plan_from = decided_at if step["when"] == "at_once" else self._locked(decided_at)
        messages = tuple(self._messages(campaign, decided_at, plan_from)) if campaign else ()
        leaves = [message.leaves_at for message in messages if message.leaves_at]
        answer = self.answers.get(step.id)
        if answer == "sent" or (answer != "blocked" and leaves):
            leaves_at = min(leaves, default=plan_from)  # by whichever action is chosen
            return "next", leaves_at, _("The message is decided."), messages
        what, blocked_at, text = step["when_blocked"], decided_at, _("The message is not possible.")
        if what == "wait":
            what, blocked_at = step["then"], at + timedelta(hours=step["wait_hours"])
            text = _("The message does not become possible while the step waits.")
        return "next" if what == "skip" else "", blocked_at, text, messages

    def _next_run(self, at: datetime) -> datetime:
        """When the next day's run would decide."""
        day = day_of(at, self.organisation_zone)
        today = datetime.combine(day, DECISION_TIME, self.organisation_zone)
        tomorrow = datetime.combine(day + timedelta(days=1), DECISION_TIME, self.organisation_zone)
        return today if today >= at else tomorrow

    def _locked(self, decided_at: datetime) -> datetime:
        """From when on a message of a day's run leaves."""
        lock_time = Organisation.current().lock_time or DECISION_TIME
        day = day_of(decided_at, self.organisation_zone)
        return max(decided_at, datetime.combine(day, lock_time, self.organisation_zone))

    def _messages(self, campaign: Campaign, at: datetime, plan_from: datetime) -> Iterator[Message]:
        outlooks = limits_of(campaign, self.customer, at, plan_from=plan_from)
        not_run = LimitForecast([_("The campaign is not scheduled for that day.")], None)
        for action in campaign.actions.filter(is_active=True):
            outlook = outlooks.get(action.pk, not_run)
            yield Message(
                action.name,
                action.get_channel_display(),
                self._subject(action),
                tuple(outlook.texts),
                outlook.leaves_at,
            )

    def _subject(self, action: Action) -> str:
        links = Links(unsubscribe_url="#", preferences_url="#")
        try:
            return render_message(action, Recipient.of(self.customer), links).subject
        except TextError as error:
            return str(error)
