"""What the canvas asks for each kind of step: fields with choices, and what a new one holds."""

from typing import Any

from django.db import connection
from django.urls import reverse
from django.utils.translation import gettext as _

from campaigns.models import Campaign, Goal
from journeys.maps.describe_graph import KINDS, WEEKDAYS
from segments.models import EventKind, TargetGroup
from segments.rules.rule_fields import RuleFields

Field = dict[str, Any]

N_SAMPLED = 2_000  # newest events that are looked at for their kinds
DAY_MINUTES = 24 * 60


def step_kinds(fields: RuleFields) -> dict[str, Any]:
    """Per kind: label, icon, what it does, settings of a new step, and the fields of its form.

    A field is {name, type, label, help, when, choices, suggestions, blank, default, page}; `when`
    names the settings under which it is there: {"by": "event"}, `page` the address of a choice
    with 0 in place of its number.
    """
    events = event_kinds()
    attributes = [
        (name.removeprefix("attribute."), field.label)
        for name, field in fields.items()
        if name.startswith("attribute.")
    ]
    kinds = {
        "entry": _entry(events, attributes),
        "wait": _wait(events),
        "split": _split(events),
        "send": _send(),
        "set": _set(attributes),
        "exit": _exit(),
    }
    for kind in kinds.values():
        kind["fields"].append(_label())
    return kinds


def event_kinds() -> list[tuple[str, str]]:
    """Kinds that the engine knows, that goals look for, and that arrived lately, with labels."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT kind FROM"
            " (SELECT kind FROM segments_event ORDER BY id DESC LIMIT %s) AS newest",
            [N_SAMPLED],
        )
        seen = {kind for (kind,) in cursor}
    seen.update(Goal.objects.values_list("event_kind", flat=True))
    seen.update(Campaign.objects.exclude(trigger_kind="").values_list("trigger_kind", flat=True))
    known = {str(value): str(label) for value, label in EventKind.choices}
    return [*known.items(), *((kind, kind) for kind in sorted(seen - set(known)))]


def _label() -> Field:
    return {
        "name": "label",
        "type": "text",
        "label": _("Name on the canvas"),
        "help": _("Empty: a description of the step."),
        "default": "",
    }


def _event_field(events: list[tuple[str, str]], **when: str) -> Field:
    return {
        "name": "event_kind",
        "type": "text",
        "label": _("Event kind"),
        "suggestions": events,
        "default": "",
        "when": when,
    }


def _entry(events: list[tuple[str, str]], attributes: list[tuple[str, str]]) -> dict[str, Any]:
    groups = TargetGroup.objects.order_by("name").values_list("pk", "name")
    dates = [("birth_date", _("birth date")), ("registered_on", _("registration date"))]
    dates += [(f"attribute.{name}", label) for name, label in attributes]
    return {
        "label": str(KINDS["entry"]),
        "icon": "login",
        "help": _("Who enters the journey and when. A journey has one entry."),
        "start": {"by": "event", "event_kind": "", "rule": {}},
        "fields": [
            {
                "name": "by",
                "type": "choice",
                "label": _("Customers enter"),
                "choices": [
                    ("event", _("when an event arrives")),
                    ("target_group", _("when they join a target group")),
                    ("date", _("around a date of the customer")),
                ],
                "default": "event",
            },
            _event_field(events, by="event"),
            {
                "name": "rule",
                "type": "rule",
                "label": _("Only customers who match"),
                "default": {},
                "when": {"by": "event"},
            },
            {
                "name": "target_group",
                "type": "choice",
                "page": reverse("admin:segments_targetgroup_change", args=[0]),
                "label": _("Target group"),
                "choices": list(groups),
                "default": None,
                "when": {"by": "target_group"},
            },
            {
                "name": "field",
                "type": "choice",
                "label": _("Date"),
                "choices": dates,
                "default": "birth_date",
                "when": {"by": "date"},
            },
            {
                "name": "days",
                "type": "integer",
                "label": _("Days after the date"),
                "help": _("Negative: before the date. −3 is three days before."),
                "default": 0,
                "when": {"by": "date"},
            },
            {
                "name": "yearly",
                "type": "boolean",
                "label": _("Every year"),
                "default": True,
                "when": {"by": "date"},
            },
            _time("09:00", by="date"),
        ],
    }


def _wait(events: list[tuple[str, str]]) -> dict[str, Any]:
    weekdays = [(number, str(name)) for number, name in enumerate(WEEKDAYS, start=1)]
    return {
        "label": str(KINDS["wait"]),
        "icon": "hourglass_top",
        "help": _("Waits before the next step."),
        "start": {"for": "duration", "minutes": 60},
        "fields": [
            {
                "name": "for",
                "type": "choice",
                "label": str(KINDS["wait"]),
                "choices": [
                    ("duration", _("for a period")),
                    ("until", _("until a time of day")),
                    ("event", _("until an event arrives")),
                ],
                "default": "duration",
            },
            {
                "name": "minutes",
                "type": "duration",
                "label": _("How long"),
                "default": 60,
                "when": {"for": "duration"},
            },
            {
                "name": "weekday",
                "type": "choice",
                "label": _("Weekday"),
                "choices": weekdays,
                "blank": _("any day"),
                "default": None,
                "when": {"for": "until"},
            },
            _time("18:00", **{"for": "until"}),
            _event_field(events, **{"for": "event"}),
            {
                "name": "minutes",
                "type": "duration",
                "label": _("Maximum"),
                "help": _("Counted from arrival at this step."),
                "default": DAY_MINUTES,
                "when": {"for": "event"},
            },
        ],
    }


def _split(events: list[tuple[str, str]]) -> dict[str, Any]:
    return {
        "label": str(KINDS["split"]),
        "icon": "call_split",
        "help": _("Splits customers into branches."),
        "start": {"by": "rule", "rule": {}},
        "fields": [
            {
                "name": "by",
                "type": "choice",
                "label": _("Split by"),
                "choices": [
                    ("rule", _("a customer rule")),
                    ("event", _("whether an event happened")),
                    ("random", _("fixed random shares")),
                    ("engine", _("the engine's choice")),
                ],
                "default": "rule",
            },
            {
                "name": "rule",
                "type": "rule",
                "label": _("“Yes” for customers who match"),
                "default": {},
                "when": {"by": "rule"},
            },
            _event_field(events, by="event"),
            {
                "name": "minutes",
                "type": "duration",
                "label": _("Look-back period"),
                "help": _("Empty: since the customer entered the journey."),
                "blank": _("since entry"),
                "default": None,
                "when": {"by": "event"},
            },
            {
                "name": "shares",
                "type": "shares",
                "label": _("Share of each branch"),
                "help": _("Must add up to 100 %. Use short lower-case names."),
                "default": {"a": 0.5, "b": 0.5},
                "when": {"by": "random"},
            },
            {
                "name": "branches",
                "type": "branches",
                "label": _("Branches"),
                "help": _(
                    "Each branch leads to a send step. The engine chooses the branch "
                    "whose message is worth most for the customer. Use short lower-case "
                    "names."
                ),
                "default": ["a", "b"],
                "when": {"by": "engine"},
            },
        ],
    }


def _send() -> dict[str, Any]:
    campaigns = (
        Campaign.objects.filter(recurrence=Campaign.Recurrence.STEP)
        .exclude(status=Campaign.Status.ENDED)
        .order_by("name")
    )
    return {
        "label": str(KINDS["send"]),
        "icon": "send",
        "help": _("Sends a campaign's message, subject to the same caps, exclusions and consent."),
        "start": {
            "campaign": None,
            "when": "at_once",
            "when_blocked": "wait",
            "wait_hours": 48,
            "then": "skip",
        },
        "fields": [
            {
                "name": "campaign",
                "type": "choice",
                "page": reverse("admin:campaigns_campaign_change", args=[0]),
                "label": _("Campaign"),
                "help": _("Campaigns with the recurrence “as a step of journeys”."),
                "choices": [
                    (c.pk, c.name if c.status == "active" else f"{c} ({c.get_status_display()})")
                    for c in campaigns
                ],
                "default": None,
            },
            {
                "name": "when",
                "type": "choice",
                "label": _("Decided"),
                "choices": [
                    ("at_once", _("at once")),
                    ("daily", _("in the daily run, together with other campaigns")),
                ],
                "help": _(
                    "At once: within a minute of arrival, and again in daily runs until "
                    "it is possible. In the daily run: after priorities and before Auto "
                    "campaigns."
                ),
                "default": "at_once",
            },
            {
                "name": "when_blocked",
                "type": "choice",
                "label": _("If the message is not possible"),
                "choices": [
                    ("wait", _("wait until it is possible")),
                    ("skip", _("continue without it")),
                    ("exit", _("leave the journey")),
                ],
                "help": _(
                    "For example because of a cap, quiet hours or missing consent. Wait: "
                    "checked again every hour, or in each daily run, until it is "
                    "possible."
                ),
                "default": "wait",
            },
            {
                "name": "wait_hours",
                "type": "integer",
                "label": _("Maximum wait in hours"),
                "help": _("Counted from arrival at this step."),
                "default": 48,
                "when": {"when_blocked": "wait"},
            },
            {
                "name": "then",
                "type": "choice",
                "label": _("After that"),
                "choices": [("skip", _("continue without it")), ("exit", _("leave the journey"))],
                "default": "skip",
                "when": {"when_blocked": "wait"},
            },
        ],
    }


def _set(attributes: list[tuple[str, str]]) -> dict[str, Any]:
    return {
        "label": str(KINDS["set"]),
        "icon": "edit_note",
        "help": _("Sets an attribute of the customer that rules can use from then on."),
        "start": {"attribute": "", "value": ""},
        "fields": [
            {
                "name": "attribute",
                "type": "text",
                "label": _("Attribute"),
                "suggestions": attributes,
                "default": "",
            },
            {"name": "value", "type": "text", "label": _("Value"), "default": ""},
        ],
    }


def _exit() -> dict[str, Any]:
    return {
        "label": str(KINDS["exit"]),
        "icon": "logout",
        "help": _("The journey ends here."),
        "start": {"reason": ""},
        "fields": [
            {"name": "reason", "type": "text", "label": _("Reason, for reports"), "default": ""}
        ],
    }


def _time(default: str, **when: str) -> Field:
    return {
        "name": "time",
        "type": "time",
        "label": _("Time of day"),
        "help": _("In the customer's time zone."),
        "default": default,
        "when": when,
    }
