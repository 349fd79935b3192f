"""Maps to begin with: welcome, abandoned cart, birthday, win-back, each with its own campaigns.

The texts are in the language in which a template is used; they are there to be rewritten.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from django.db import transaction
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from campaigns.models import Action, Campaign, Goal
from journeys.maps.edit_map import save_graph
from journeys.models import JourneyMap
from segments.channels import EMAIL
from segments.models import TargetGroup

Words = str | Promise

DAY = 24 * 60  # minutes
LEVEL, BRANCH = 150, 300  # from one step down to the next, and across; of the canvas


@dataclass(frozen=True)
class MessageDraft:
    """A campaign of one e-mail."""

    name: Words
    subject: Words
    body: Words
    offer: Words = ""


@dataclass(frozen=True)
class MapTemplate:
    """How a map is drawn, and what it needs. graph : of campaigns by key, and a target group."""

    title: Words
    about: Words
    graph: Callable[[Mapping[str, int | None], int | None], dict[str, Any]]
    messages: Mapping[str, MessageDraft]
    group: tuple[Words, dict[str, Any]] | None = None  # name and rule
    settings: Mapping[str, Any] = field(default_factory=dict)  # of the map


Placed = dict[str, tuple[int, int, dict[str, Any]]]  # column, row and settings, by id


def _drawn(steps: Placed, links: str) -> dict[str, Any]:
    """links : "a>b c:yes>d"."""
    pairs = (link.split(">") for link in links.split())
    parted = ((*source.partition(":")[::2], target) for source, target in pairs)
    return {
        "steps": [
            {"id": pk, "x": 40 + BRANCH * branch, "y": 40 + LEVEL * level, **settings}
            for pk, (level, branch, settings) in steps.items()
        ],
        "links": [
            {"from": source, "port": port or "next", "to": target}
            for source, port, target in parted
        ],
    }


def _send(campaign: int | None, *, when: str = "daily") -> dict[str, Any]:
    return {
        "kind": "send", "campaign": campaign, "when": when, "when_blocked": "wait",
        "wait_hours": 48, "then": "skip",
    }  # fmt: skip


def _wait(minutes: int) -> dict[str, Any]:
    return {"kind": "wait", "for": "duration", "minutes": minutes}


def _exit(reason: Words) -> dict[str, Any]:
    return {"kind": "exit", "reason": str(reason)}


def _welcome(campaign: Mapping[str, int | None], group: int | None) -> dict[str, Any]:
    steps: Placed = {
        "entry": (0, 0, {"kind": "entry", "by": "date", "field": "registered_on", "days": 1,
                         "yearly": False, "time": "10:00"}),
        "hello": (1, 0, _send(campaign["hello"])),
        "wait": (2, 0, {"kind": "wait", "for": "event", "event_kind": "order", "minutes": 4 * DAY}),
        "nudge": (3, 1, _send(campaign["nudge"])),
        "bought": (3, 0, _exit(_("bought"))),
    }  # fmt: skip
    return _drawn(steps, "entry>hello hello>wait wait:happened>bought wait:timed_out>nudge")


def _cart(campaign: Mapping[str, int | None], group: int | None) -> dict[str, Any]:
    steps: Placed = {
        "entry": (0, 0, {"kind": "entry", "by": "event", "event_kind": "cart", "rule": {}}),
        "wait": (1, 0, {"kind": "wait", "for": "event", "event_kind": "order", "minutes": 60}),
        "remind": (2, 1, _send(campaign["remind"], when="at_once")),
        "again": (3, 1, {"kind": "wait", "for": "event", "event_kind": "order", "minutes": DAY}),
        "bought": (4, 0, _exit(_("bought"))),
        "offer": (4, 1, _send(campaign["offer"])),
    }
    links = "entry>wait wait:happened>bought wait:timed_out>remind remind>again"
    return _drawn(steps, f"{links} again:happened>bought again:timed_out>offer")


def _birthday(campaign: Mapping[str, int | None], group: int | None) -> dict[str, Any]:
    steps: Placed = {
        "entry": (0, 0, {"kind": "entry", "by": "date", "field": "birth_date", "days": -3,
                         "yearly": True, "time": "09:00"}),
        "gift": (1, 0, _send(campaign["gift"])),
        "wait": (2, 0, {"kind": "wait", "for": "event", "event_kind": "order", "minutes": 7 * DAY}),
        "used": (3, 0, _exit(_("bought"))),
        "remind": (3, 1, _send(campaign["remind"])),
    }  # fmt: skip
    return _drawn(steps, "entry>gift gift>wait wait:happened>used wait:timed_out>remind")


def _winback(campaign: Mapping[str, int | None], group: int | None) -> dict[str, Any]:
    steps: Placed = {
        "entry": (0, 0, {"kind": "entry", "by": "target_group", "target_group": group}),
        "split": (1, 0, {"kind": "split", "by": "random", "shares": {"news": 0.5, "offer": 0.5}}),
        "news": (2, 0, _send(campaign["news"])),
        "offer": (2, 1, _send(campaign["offer"])),
        "wait": (3, 0, _wait(14 * DAY)),
        "last": (4, 0, _send(campaign["last"])),
    }
    links = "entry>split split:news>news split:offer>offer news>wait offer>wait wait>last"
    return _drawn(steps, links)


GREETING = gettext_lazy("Hello {{ customer.first_name | default: 'there' }},")


def template_graphs() -> dict[str, MapTemplate]:
    """The templates by name, in the order in which they are offered."""
    return {
        "welcome": MapTemplate(
            pgettext_lazy("map", "Welcome"),
            gettext_lazy(
                "A greeting the day after registration, then a reminder for "
                "customers without an order."
            ),
            _welcome,
            {
                "hello": MessageDraft(
                    gettext_lazy("Welcome: greeting"),
                    gettext_lazy("Welcome!"),
                    gettext_lazy("It is good to have you with us. Take a look around."),
                ),
                "nudge": MessageDraft(
                    gettext_lazy("Welcome: first order"),
                    gettext_lazy("A present with your first order"),
                    gettext_lazy("Your first order comes with a small present: {{ offer }}."),
                    gettext_lazy("free delivery"),
                ),
            },
        ),
        "abandoned_cart": MapTemplate(
            pgettext_lazy("map", "Abandoned cart"),
            gettext_lazy("One hour after an abandoned cart, and again a day later."),
            _cart,
            {
                "remind": MessageDraft(
                    gettext_lazy("Cart: reminder"),
                    gettext_lazy("You left something in your cart"),
                    gettext_lazy("Your cart is saved. Would you like to order?"),
                ),
                "offer": MessageDraft(
                    gettext_lazy("Cart: offer"),
                    gettext_lazy("Your cart is still waiting"),
                    gettext_lazy("Order today and get {{ offer }}."),
                    gettext_lazy("free delivery"),
                ),
            },
            settings={"reentry": "after", "reentry_days": 3},
        ),
        "birthday": MapTemplate(
            pgettext_lazy("map", "Birthday"),
            gettext_lazy("A present three days before the birthday and a reminder a week later."),
            _birthday,
            {
                "gift": MessageDraft(
                    gettext_lazy("Birthday: present"),
                    gettext_lazy("Your birthday is coming up"),
                    gettext_lazy("We have a present for you: {{ offer }}."),
                    gettext_lazy("10 % off"),
                ),
                "remind": MessageDraft(
                    gettext_lazy("Birthday: reminder"),
                    gettext_lazy("Your present is still waiting"),
                    gettext_lazy(
                        "Your birthday present, {{ offer }}, is available for a few more days."
                    ),
                    gettext_lazy("10 % off"),
                ),
            },
            settings={"reentry": "always"},
        ),
        "win_back": MapTemplate(
            pgettext_lazy("map", "Win-back"),
            gettext_lazy("For lapsed customers: news or an offer at random, then a final message."),
            _winback,
            {
                "news": MessageDraft(
                    gettext_lazy("Win-back: news"),
                    gettext_lazy("What is new since your last visit"),
                    gettext_lazy("A lot has changed since your last visit. Take a look."),
                ),
                "offer": MessageDraft(
                    gettext_lazy("Win-back: offer"),
                    gettext_lazy("We would love to see you again"),
                    gettext_lazy("Get {{ offer }} with your next order."),
                    gettext_lazy("15 % off"),
                ),
                "last": MessageDraft(
                    gettext_lazy("Win-back: final message"),
                    gettext_lazy("Shall we stay in touch?"),
                    gettext_lazy("We only write now and then. Come back any time."),
                ),
            },
            group=(
                gettext_lazy("Lapsed customers"),
                {"field": "stage", "op": "eq", "value": "lapsed"},
            ),
            settings={"reentry": "after", "reentry_days": 180},
        ),
    }


@transaction.atomic
def make_from_template(name: str, *, by: str, at: datetime, starts_on: date) -> JourneyMap:
    """A draft of a map with draft campaigns of one e-mail each; an order is its goal.

    starts_on : first day of the campaigns. Names that are taken get a number. Raises KeyError for
    a template that there is not.
    """
    template = template_graphs()[name]
    goal = _order_goal()
    campaigns = {
        key: _campaign(draft, goal, starts_on).pk for key, draft in template.messages.items()
    }
    group = None
    if template.group:
        title, rule = template.group
        same = TargetGroup.objects.filter(rule=rule).order_by("pk").first()
        group = same or TargetGroup.objects.create(name=_free(TargetGroup, str(title)), rule=rule)
    journey = JourneyMap.objects.create(
        name=_free(JourneyMap, str(template.title)), goal=goal, **template.settings
    )
    graph = template.graph(campaigns, group.pk if group else None)
    save_graph(journey, graph, by=by, at=at)
    return journey


def _order_goal() -> Goal:
    """An order within a week: the oldest goal of that kind, or a new one."""
    kind = {"event_kind": "order", "window_days": 7, "value_per_event_cents": None}
    same = Goal.objects.filter(**kind).order_by("pk").first()
    return same or Goal.objects.create(name=_free(Goal, _("Orders within a week")), **kind)


def _campaign(draft: MessageDraft, goal: Goal, starts_on: date) -> Campaign:
    campaign = Campaign.objects.create(
        name=_free(Campaign, str(draft.name)),
        goal=goal,
        starts_on=starts_on,
        recurrence=Campaign.Recurrence.STEP,
        control_share=0,  # the map has a control of its own
        repeat_after_days=1,
    )
    Action.objects.create(
        campaign=campaign,
        name=_("E-mail"),
        channel=EMAIL,
        offer=str(draft.offer),
        subject=str(draft.subject),
        body=f"{GREETING}\n\n{draft.body}\n",
    )
    return campaign


def _free(model: Any, name: str) -> str:
    """The name, with a number behind it where it is taken."""
    taken = set(model.objects.filter(name__startswith=name).values_list("name", flat=True))
    number, free = 2, name
    while free in taken:
        number, free = number + 1, f"{name} {number}"
    return free
