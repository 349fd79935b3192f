"""The drawing of a journey map: steps and links, read from JSON, and what is wrong with it.

    {"steps": [{"id": "s1", "kind": "entry", "x": 40, "y": 40, "by": "event", …}, …],
     "links": [{"from": "s1", "port": "next", "to": "s2"}, …]}

A half-drawn map can be read: only what is no drawing at all is refused. `problems` lists what
keeps it from being launched. A port without a link ends the journey, except the entry's own.
"""

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from journeys.maps.numerics.journey_settings import (
    ID_PATTERN,
    fork,
    ports_of,
    setting_problems,
)

MAX_STEPS = 200
MAX_LINKS = 600
PLACE = ("x", "y")  # only for the drawing


class GraphError(ValueError):
    """What is no drawing: a sentence in English with its `%(name)s` filled in later."""

    def __init__(self, template: str, **data: object) -> None:
        self.template = template
        self.data = data
        super().__init__(template % data)


def gettext_noop(text: str) -> str:
    """Marks a sentence for translation, which happens outside: numerics know nothing of Django."""
    return text


@dataclass(frozen=True)
class Step:
    """One box of the drawing. settings : all of its JSON but id, kind and place."""

    id: str
    kind: str
    settings: Mapping[str, Any]

    @property
    def fork(self) -> str | None:
        """Which of its kind: how to enter, what to wait for, what to split by; else None."""
        return fork(self.kind, self.settings)

    @property
    def ports(self) -> tuple[str, ...]:
        return ports_of(self.kind, self.settings)

    def __getitem__(self, setting: str) -> Any:
        return self.settings[setting]

    def get(self, setting: str, default: Any = None) -> Any:
        return self.settings.get(setting, default)


@dataclass(frozen=True)
class Link:
    source: str
    port: str
    target: str


@dataclass(frozen=True)
class Problem:
    """What keeps a map from being launched; step_id None: the map as a whole."""

    step_id: str | None
    code: str
    values: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Graph:
    steps: Mapping[str, Step]  # by id, in the order of the drawing
    links: tuple[Link, ...]

    @cached_property
    def _targets(self) -> Mapping[tuple[str, str], str]:
        return {(link.source, link.port): link.target for link in reversed(self.links)}

    @cached_property
    def entry(self) -> Step | None:
        return next((step for step in self.steps.values() if step.kind == "entry"), None)

    def target(self, step_id: str, port: str) -> str | None:
        """The step that a port leads to; None ends the journey."""
        return self._targets.get((step_id, port))

    def after(self, step_id: str) -> list[str]:
        """The steps that links lead to, each once, in the order of the ports."""
        targets = (self.target(step_id, port) for port in self.steps[step_id].ports)
        return list(dict.fromkeys(t for t in targets if t in self.steps and t is not None))

    def first_send(self, step_id: str, port: str) -> Step | None:
        """The send step that is fewest steps behind a port; of several, the first drawn port's."""
        start = self.target(step_id, port)
        return next((s for s in self._reached([start] if start else []) if s.kind == "send"), None)

    def campaign_ids(self) -> set[int]:
        """Of all send steps that name one."""
        ids = (step.get("campaign") for step in self.steps.values() if step.kind == "send")
        return {pk for pk in ids if isinstance(pk, int) and not isinstance(pk, bool)}

    def event_kinds(self) -> set[str]:
        """Kinds of events that somebody on the way may be waiting for."""
        waits = (s for s in self.steps.values() if s.kind == "wait" and s.fork == "event")
        return {step["event_kind"] for step in waits}

    def _reached(self, starts: list[str]) -> Iterator[Step]:
        """Steps in order of their distance from the starts, these included."""
        seen, queue = set(starts), deque(start for start in starts if start in self.steps)
        while queue:
            step_id = queue.popleft()
            yield self.steps[step_id]
            for following in self.after(step_id):
                if following not in seen:
                    seen.add(following)
                    queue.append(following)


def parse_graph(json: object) -> Graph:
    """The drawing that a JSON value states; {} is an empty one. Raises GraphError."""
    if not isinstance(json, dict) or set(json) - {"steps", "links"}:
        raise GraphError(gettext_noop("A journey must be an object with “steps” and “links”."))
    raw_steps, raw_links = json.get("steps", []), json.get("links", [])
    if not isinstance(raw_steps, list) or not isinstance(raw_links, list):
        raise GraphError(gettext_noop("“steps” and “links” must be lists."))
    if len(raw_steps) > MAX_STEPS or len(raw_links) > MAX_LINKS:
        raise GraphError(
            gettext_noop("A journey can have at most %(steps)s steps and %(links)s links."),
            steps=MAX_STEPS,
            links=MAX_LINKS,
        )
    steps: dict[str, Step] = {}
    for number, raw in enumerate(raw_steps, start=1):
        step = _step(raw, number)
        if step.id in steps:
            raise GraphError(gettext_noop("Two steps have the ID “%(id)s”."), id=step.id)
        steps[step.id] = step
    return Graph(steps, tuple(_link(raw, number) for number, raw in enumerate(raw_links, start=1)))


def _step(raw: object, number: int) -> Step:
    if not isinstance(raw, dict) or not isinstance(raw.get("kind"), str):
        raise GraphError(gettext_noop("Step %(n)s has no type."), n=number)
    step_id = raw.get("id")
    if not isinstance(step_id, str) or not ID_PATTERN.fullmatch(step_id):
        raise GraphError(
            gettext_noop("Step %(n)s needs an ID of up to 20 letters, digits, - and _."), n=number
        )
    for axis in PLACE:
        at = raw.get(axis, 0)
        if isinstance(at, bool) or not isinstance(at, int | float) or not abs(at) < 1e6:
            raise GraphError(gettext_noop("Step %(n)s has no position on the canvas."), n=number)
    settings = {name: value for name, value in raw.items() if name not in ("id", "kind", *PLACE)}
    return Step(step_id, raw["kind"][:40], settings)


def _link(raw: object, number: int) -> Link:
    keys = ("from", "port", "to")
    if not isinstance(raw, dict) or set(raw) != set(keys):
        raise GraphError(gettext_noop("Link %(n)s needs “from”, “port” and “to”."), n=number)
    if not all(isinstance(raw[k], str) and ID_PATTERN.fullmatch(raw[k]) for k in keys):
        raise GraphError(
            gettext_noop("Link %(n)s: “from”, “port” and “to” must be text."), n=number
        )
    return Link(*(raw[key] for key in keys))


def problems(graph: Graph) -> list[Problem]:
    """Everything in the drawing itself that keeps it from being launched, in its order.

    Whether campaigns and target groups exist is checked elsewhere: `services.check_map`.
    """
    faults = _entry_problems(graph)
    for step in graph.steps.values():
        faults += [
            Problem(step.id, code, values)
            for code, values in setting_problems(step.kind, step.settings)
        ]
    faults += _link_problems(graph)
    faults += _unreachable(graph)
    faults += _loops_without_wait(graph)
    for step in graph.steps.values():
        if step.kind == "split" and step.fork == "engine":
            faults += [
                Problem(step.id, "no_send_on_branch", {"port": port})
                for port in step.ports
                if graph.first_send(step.id, port) is None
            ]
    return faults


def _entry_problems(graph: Graph) -> list[Problem]:
    entries = [step for step in graph.steps.values() if step.kind == "entry"]
    if not entries:
        return [Problem(None, "no_entry")]
    faults = [Problem(step.id, "second_entry") for step in entries[1:]]
    if graph.target(entries[0].id, "next") is None:
        faults.append(Problem(entries[0].id, "entry_leads_nowhere"))
    return faults


def _link_problems(graph: Graph) -> list[Problem]:
    faults, seen = [], set()
    for link in graph.links:
        source, target = graph.steps.get(link.source), graph.steps.get(link.target)
        if source is None or target is None:
            missing = link.source if source is None else link.target
            there = target if source is None else source
            values = {"missing": missing}
            faults.append(Problem(there.id if there else None, "link_to_nothing", values))
            continue
        if link.port not in source.ports:
            faults.append(Problem(source.id, "unknown_port", {"port": link.port}))
        elif (source.id, link.port) in seen:
            faults.append(Problem(source.id, "double_link", {"port": link.port}))
        if target.kind == "entry":
            faults.append(Problem(source.id, "link_into_entry", {"port": link.port}))
        seen.add((source.id, link.port))
    return faults


def _unreachable(graph: Graph) -> list[Problem]:
    if graph.entry is None:
        return []
    reached = {step.id for step in graph._reached([graph.entry.id])}
    return [
        Problem(step.id, "unreachable")
        for step in graph.steps.values()
        if step.id not in reached and step.kind != "entry"
    ]


def _loops_without_wait(graph: Graph) -> list[Problem]:
    """One problem for each loop that a depth-first search closes, at the step that closes it."""
    passing = [step.id for step in graph.steps.values() if step.kind != "wait"]
    faults, finished = [], set()
    for start in passing:
        if start in finished:
            continue
        path: dict[str, Iterator[str]] = {start: iter(graph.after(start))}
        while path:
            here = next(reversed(path))
            following = next((s for s in path[here] if s in passing), None)
            if following is None:
                finished.add(here)
                path.popitem()
            elif following in path:
                loop = list(path)[list(path).index(following) :]
                faults.append(Problem(following, "loop_without_wait", {"steps": tuple(loop)}))
            elif following not in finished:
                path[following] = iter(graph.after(following))
    order = list(graph.steps)
    return sorted(faults, key=lambda problem: order.index(problem.step_id or ""))
