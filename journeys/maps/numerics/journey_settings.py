"""The settings of every kind of step: which there are, what they may be, which ports follow."""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from segments.rules.numerics.rule import RuleError, parse_rule

ID_PATTERN = re.compile(r"[A-Za-z0-9_-]{1,20}")
PORT_PATTERN = re.compile(r"[a-z0-9_-]{1,12}")
TIME_PATTERN = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]")
# What a passage may also say of a step, so no branch may be called so.
RESERVED_PORTS = frozenset(
    {"arrived", "sent", "withheld", "skipped", "goal", "rule", "end", "blocked", "left"}
)
MAX_MINUTES = 366 * 24 * 60
MAX_WAIT_HOURS = 90 * 24
MAX_DAYS = 366
MAX_NUMBER = 1e15  # up to which every whole number has a float of its own
SHARE_TOLERANCE = 1e-6

Settings = Mapping[str, Any]
Fault = tuple[str, dict[str, Any]]  # a code, and the values that its sentence names
Check = Callable[[Any], Fault | None]


def _not_allowed(value: Any) -> Fault:
    text = str(value)
    return "bad_setting", {"got": text if len(text) <= 40 else f"{text[:39]}…"}


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: Any) -> bool:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and abs(value) < MAX_NUMBER


def _text(longest: int) -> Check:
    def check(value: Any) -> Fault | None:
        if isinstance(value, str) and len(value) <= longest and "\0" not in value:
            return None if value.strip() else ("missing_setting", {})
        return _not_allowed(value)

    return check


def _positive(most: int) -> Check:
    def check(value: Any) -> Fault | None:
        if not _is_whole(value) or value > most:
            return _not_allowed(value)
        return None if value > 0 else ("not_positive", {})

    return check


def _or_null(inner: Check) -> Check:
    return lambda value: None if value is None else inner(value)


def _one_of(*values: Any) -> Check:
    return lambda value: None if value in values and value is not True else _not_allowed(value)


def _time(value: Any) -> Fault | None:
    is_time = isinstance(value, str) and TIME_PATTERN.fullmatch(value)
    return None if is_time else _not_allowed(value)


def _rule(value: Any) -> Fault | None:
    try:
        parse_rule(value)
    except RuleError as error:
        return "bad_rule", {"error": error}
    return None


def _id(value: Any) -> Fault | None:
    return None if _is_whole(value) and value > 0 else _not_allowed(value)


def _days(value: Any) -> Fault | None:
    return None if _is_whole(value) and abs(value) <= MAX_DAYS else _not_allowed(value)


def _yes_or_no(value: Any) -> Fault | None:
    return None if isinstance(value, bool) else _not_allowed(value)


def _date_field(value: Any) -> Fault | None:
    if value in ("birth_date", "registered_on"):
        return None
    name = value.removeprefix("attribute.") if isinstance(value, str) else ""
    is_attribute = 0 < len(name) <= 100 and name != value and "\0" not in name
    return None if is_attribute else _not_allowed(value)


def _scalar(value: Any) -> Fault | None:
    if isinstance(value, str):
        return None if len(value) <= 200 and "\0" not in value else _not_allowed(value)
    return None if isinstance(value, bool) or _is_number(value) else _not_allowed(value)


def _is_port(name: Any) -> bool:
    is_word = isinstance(name, str) and PORT_PATTERN.fullmatch(name) is not None
    return is_word and name not in RESERVED_PORTS


def _shares(value: Any) -> Fault | None:
    if not isinstance(value, dict) or not all(map(_is_port, value)):
        return _not_allowed(value)
    if len(value) < 2:
        return "too_few_branches", {}
    shares = list(value.values())
    if not all(map(_is_number, shares)):
        return _not_allowed(value)
    if min(shares) <= 0:
        return "not_positive", {}
    if abs(sum(shares) - 1) > SHARE_TOLERANCE:
        return "shares_do_not_add_up", {"total": sum(shares)}
    return None


def _branches(value: Any) -> Fault | None:
    if not isinstance(value, list) or not all(map(_is_port, value)):
        return _not_allowed(value)
    if len(value) < 2 or len(set(value)) < len(value):
        return "too_few_branches", {}
    return None


FORKS = {"entry": "by", "wait": "for", "split": "by"}  # which setting says how

# Per kind and fork, what must be set, then what may be.
_EVENT_KIND = _text(40)
REQUIRED: Mapping[tuple[str, str | None], Mapping[str, Check]] = {
    ("entry", "event"): {"event_kind": _EVENT_KIND},
    ("entry", "target_group"): {"target_group": _id},
    ("entry", "date"): {"field": _date_field, "time": _time},
    ("wait", "duration"): {"minutes": _positive(MAX_MINUTES)},
    ("wait", "until"): {"time": _time},
    ("wait", "event"): {"event_kind": _EVENT_KIND, "minutes": _positive(MAX_MINUTES)},
    ("split", "rule"): {"rule": _rule},
    ("split", "event"): {"event_kind": _EVENT_KIND},
    ("split", "random"): {"shares": _shares},
    ("split", "engine"): {"branches": _branches},
    ("send", None): {
        "campaign": _id,
        "when": _one_of("at_once", "daily"),
        "when_blocked": _one_of("wait", "skip", "exit"),
    },
    ("set", None): {"attribute": _text(100), "value": _scalar},
    ("exit", None): {},
}
OPTIONAL: Mapping[tuple[str, str | None], Mapping[str, Check]] = {
    ("entry", "event"): {"rule": _rule},
    ("entry", "date"): {"days": _days, "yearly": _yes_or_no},
    ("wait", "until"): {"weekday": _or_null(_one_of(1, 2, 3, 4, 5, 6, 7))},
    ("split", "event"): {"minutes": _or_null(_positive(MAX_MINUTES))},
    ("send", None): {
        "wait_hours": _or_null(_positive(MAX_WAIT_HOURS)),
        "then": _or_null(_one_of("skip", "exit")),
    },
    ("exit", None): {"reason": lambda value: None if value == "" else _text(100)(value)},
}
LABEL: Check = lambda value: None if value in ("", None) else _text(60)(value)  # noqa: E731
KINDS = ("entry", "wait", "split", "send", "set", "exit")


def fork(kind: str, settings: Settings) -> str | None:
    chosen = settings.get(FORKS[kind]) if kind in FORKS else None
    return chosen if isinstance(chosen, str) else None


def ports_of(kind: str, settings: Settings) -> tuple[str, ...]:
    """Names of the ports, in order; of a step that is not set up yet, those that are sure."""
    match kind, fork(kind, settings):
        case "exit", _:
            return ()
        case "wait", "event":
            return ("happened", "timed_out")
        case "split", "rule" | "event":
            return ("yes", "no")
        case "split", "random":
            shares = settings.get("shares")
            return tuple(filter(_is_port, shares)) if isinstance(shares, dict) else ()
        case "split", "engine":
            branches = settings.get("branches")
            return tuple(filter(_is_port, branches)) if isinstance(branches, list) else ()
        case "split", _:
            return ()
    return ("next",) if kind in KINDS else ()


def setting_problems(kind: str, settings: Settings) -> Iterator[Fault]:
    """What is wrong with the settings of one step: codes with the values of their sentences."""
    if kind not in KINDS:
        yield "unknown_kind", {"kind": kind}
        return
    variant = (kind, fork(kind, settings))
    if variant not in REQUIRED:
        got = settings.get(FORKS[kind])
        name = FORKS[kind]
        if got is None:
            yield "missing_setting", {"setting": name}
        else:
            code, values = _not_allowed(got)
            yield code, {"setting": name, **values}
        return
    required, optional = REQUIRED[variant], OPTIONAL.get(variant, {})
    known = {**required, **optional, "label": LABEL}
    if kind in FORKS:
        known[FORKS[kind]] = lambda _value: None
    for name in required:
        if settings.get(name) is None:
            yield "missing_setting", {"setting": name}
    for name, value in settings.items():
        if name not in known:
            yield "unknown_setting", {"setting": name[:40]}
        elif (value is not None or name in optional) and (fault := known[name](value)):
            code, values = fault
            yield code, {"setting": name, **values}
    if kind == "send" and settings.get("when_blocked") == "wait":
        for name in ("wait_hours", "then"):
            if settings.get(name) is None:
                yield "missing_setting", {"setting": name}
