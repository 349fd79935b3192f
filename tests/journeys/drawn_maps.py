"""Journey maps for tests: drawn in a few words, launched, entered."""

from collections import Counter
from datetime import datetime
from typing import Any

from campaigns.models import Campaign
from journeys.jobs.advance_travellers import advance_travellers
from journeys.maps.edit_map import launch_map, save_graph
from journeys.maps.enter_maps import Entry, enter_maps, insert
from journeys.models import JourneyMap, Traveller
from optiengine.lib.partitions import ensure_partitions
from segments.models import Customer, Event
from tests.factories import NOW, make_action, make_campaign

ENTRY = {"kind": "entry", "by": "event", "event_kind": "cart"}


def draw(steps: dict[str, dict[str, Any]], links: str = "") -> dict[str, Any]:
    """The JSON of a map. links : "a>b c:yes>d", the port is `next` where none is named."""
    drawn = []
    for link in links.split():
        source, target = link.split(">")
        source, _colon, port = source.partition(":")
        drawn.append({"from": source, "port": port or "next", "to": target})
    return {
        "steps": [
            {"id": step_id, "x": 40 * index, "y": 40, **settings}
            for index, (step_id, settings) in enumerate(steps.items())
        ],
        "links": drawn,
    }


def send(campaign: Campaign, **settings: Any) -> dict[str, Any]:
    defaults = {"kind": "send", "when": "daily", "when_blocked": "skip"}
    return {**defaults, "campaign": campaign.pk, **settings}


def wait(minutes: int) -> dict[str, Any]:
    return {"kind": "wait", "for": "duration", "minutes": minutes}


def make_step_campaign(**fields: Any) -> Campaign:
    """A campaign that a map's step sends, with one action."""
    campaign = make_campaign(recurrence=Campaign.Recurrence.STEP, **fields)
    make_action(campaign)
    return campaign


def launch(graph: dict[str, Any], *, at: datetime = NOW, **fields: Any) -> JourneyMap:
    """A map of its own, drawn and launched; without a control share unless one is named."""
    defaults = {"name": f"Map {JourneyMap.objects.count() + 1}", "control_share": 0}
    journey = JourneyMap.objects.create(**defaults | fields)
    save_graph(journey, graph, by="anna", at=at)
    return launch_map(journey, by="anna", at=at)


def make_event(customer: Customer, kind: str, at: datetime, **fields: Any) -> Event:
    ensure_partitions("segments_event", at.date(), at.date())
    return Event.objects.create(
        customer=customer,
        kind=kind,
        occurred_at=at,
        source="test",
        external_id=f"{customer.pk} {kind} {at.isoformat()}",
        **fields,
    )


def put_in(journey: JourneyMap, *customers: Customer, at: datetime, key: str = "") -> None:
    """Let customers in at a moment, whatever the entry waits for."""
    entries = [Entry(customer.pk, key or f"event:{at.isoformat()}", at) for customer in customers]
    insert(journey, entries, at, parallel=True)


def move(now: datetime) -> Counter[str]:
    """A minute's work: enter, then advance."""
    entered = enter_maps(now)
    return entered + advance_travellers(now, owner="test")


def way(traveller: Traveller) -> str:
    """Where somebody went, with the results, and where they are: "e next w next x"."""
    traveller.refresh_from_db()
    passed = traveller.passages.order_by("pk").values_list("step", "result")
    words = [word for passage in passed for word in passage]
    return " ".join([*words, traveller.outcome or traveller.step])


def only_traveller(journey: JourneyMap) -> Traveller:
    return Traveller.objects.get(map=journey)
