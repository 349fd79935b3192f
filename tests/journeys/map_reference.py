"""A slow reading of a journey map, one traveller at a time, in plain Python without a database.

Written only from the words of the map's settings; it shares no code with the engine.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

WAITS, MOVES, DONE = "waits", "moves", "done"
A_DAY = timedelta(days=1)  # by which the clock that stamped an event may be ahead


@dataclass
class Person:
    """One customer in one map. events : (kind, moment)."""

    zone: str
    attributes: dict
    events: list[tuple[str, datetime]]
    entered_at: datetime
    step: str
    branch: dict[str, str]  # the branch that chance gives at each random split
    since: datetime = field(init=False)
    asked_for: int | None = None  # campaign of the send step
    trail: list[tuple[str, str, datetime]] = field(default_factory=list)
    outcome: str = ""

    def __post_init__(self):
        self.since = self.entered_at

    def did(self, kind: str, after: datetime, until: datetime) -> bool:
        return any(k == kind and after < at <= until for k, at in self.events)


def follow(person: Person, graph: dict, now: datetime, *, goal: str | None, exit_if: str | None):
    """Move the person as far as possible at one moment."""
    steps = {step["id"]: step for step in graph["steps"]}
    links = {(link["from"], link["port"]): link["to"] for link in graph["links"]}
    while not person.outcome:
        here = steps[person.step]
        if goal and person.did(goal, person.entered_at, now + A_DAY):
            leave(person, "goal", max(now, person.since), outcome="goal")
            return
        if exit_if and person.attributes.get(exit_if) == "yes":
            leave(person, "rule", max(now, person.since), outcome="rule")
            return
        if now < person.since:  # the message before this step has not left yet
            return
        port = decide(person, here, now)
        if port is None:
            return
        if port == "exit":
            leave(person, "end", now, outcome="end")
            return
        if port == "give up":
            if here["when_blocked"] == "exit" or (
                here["when_blocked"] == "wait" and here["then"] == "exit"
            ):
                leave(person, "blocked", now, outcome="blocked")
                return
            go(person, links, "next", "skipped", now)
            continue
        go(person, links, port, port, now)


def settle(person: Person, graph: dict, result: str, at: datetime):
    """What was decided at a send step. at : when the message leaves, or that it is impossible."""
    step = next(s for s in graph["steps"] if s["id"] == person.step)
    links = {(link["from"], link["port"]): link["to"] for link in graph["links"]}
    if result != "blocked":
        go(person, links, "next", result, at)
    elif step["when_blocked"] == "skip":
        go(person, links, "next", "skipped", at)
    elif step["when_blocked"] == "exit":
        leave(person, "blocked", at, outcome="blocked")


def go(person, links, port, result, now):
    target = links.get((person.step, port))
    leave(person, result, now, outcome="" if target else "end")
    if target:
        person.step, person.since, person.asked_for = target, now, None


def leave(person, result, now, *, outcome):
    person.trail.append((person.step, result, now))
    person.outcome, person.asked_for = outcome, None


def decide(person: Person, step: dict, now: datetime) -> str | None:
    """The port to take now, None to stay."""
    kind = step["kind"]
    if kind == "entry":
        return "next"
    if kind == "exit":
        return "exit"
    if kind == "set":
        person.attributes[step["attribute"]] = step["value"]
        return "next"
    if kind == "send":
        patience = step["wait_hours"] if step["when_blocked"] == "wait" else 48
        if person.asked_for and now >= person.since + timedelta(hours=patience):
            return "give up"
        person.asked_for = step["campaign"]
        return None
    if kind == "wait" and step["for"] == "duration":
        return "next" if now >= person.since + timedelta(minutes=step["minutes"]) else None
    if kind == "wait" and step["for"] == "until":
        return "next" if now >= until(person, step) else None
    if kind == "wait":
        end = person.since + timedelta(minutes=step["minutes"])
        if person.did(step["event_kind"], person.since, min(end, now)):
            return "happened"
        return "timed_out" if now >= end else None
    if step["by"] == "random":
        return person.branch[step["id"]]
    if step["by"] == "rule":
        return "yes" if person.attributes.get("vip") == "yes" else "no"
    minutes = step["minutes"]
    after = now - timedelta(minutes=minutes) if minutes else person.entered_at
    return "yes" if person.did(step["event_kind"], after, now + A_DAY) else "no"


def until(person: Person, step: dict) -> datetime:
    """Half-hour by half-hour, until a clock there shows the hour on the weekday."""
    hour, minute = map(int, step["time"].split(":"))
    zone = ZoneInfo(person.zone)
    moment = person.since.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    while True:
        local = moment.astimezone(zone)
        is_day = step["weekday"] in (None, local.isoweekday())
        if moment > person.since and is_day and local.time() == time(hour, minute):
            return moment
        moment += timedelta(minutes=30)
