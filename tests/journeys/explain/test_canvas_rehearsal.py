"""The canvas's test run, as it answers."""

import json
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.urls import reverse

from journeys.models import JourneyMap, MapVersion
from tests.factories import make_customer
from tests.journeys.drawn_maps import ENTRY, draw, wait

pytestmark = [pytest.mark.django_db, pytest.mark.long]

AT = "2026-03-01T09:00"


@pytest.fixture
def journey():
    make_customer(external_id="anna", time_zone="Europe/Lisbon")
    return JourneyMap.objects.create(name="Map", control_share=0)


def ask(client, journey, **body):
    order = {"kind": "wait", "for": "event", "event_kind": "order", "minutes": 60}
    steps = {"s1": ENTRY, "s2": order, "s3": wait(30), "s4": {"kind": "exit"}}
    graph = draw(steps, "s1>s2 s2:happened>s4 s2:timed_out>s3 s3>s4")
    data = {"graph": graph, "customer": "anna", "at": AT, **body}
    url = reverse("admin:journeys_journeymap_rehearse", args=[journey.pk])
    return client.post(url, json.dumps(data), content_type="application/json")


def test_a_rehearsal_lists_steps_with_their_times_and_stores_nothing(admin_client, journey):
    answer = ask(admin_client, journey).json()

    moments = [(moment["step"], moment["at"], moment["words"]) for moment in answer["moments"]]
    assert [(step, at) for step, at, _words in moments] == [
        ("s1", "1 Mar 2026, 09:00"),
        ("s2", "1 Mar 2026, 10:00"),  # no order within the hour
        ("s3", "1 Mar 2026, 10:30"),
        ("s4", "1 Mar 2026, 10:30"),
    ]
    assert answer["moments"][1]["choices"] == [
        ["happened", "happened"],
        ["timed_out", "timed out"],
    ]
    assert "Europe/Lisbon" in answer["text"]
    assert not MapVersion.objects.exists()


def test_what_if_the_event_came(admin_client, journey):
    answer = ask(admin_client, journey, answers={"s2": "happened"}).json()

    assert [moment["step"] for moment in answer["moments"]] == ["s1", "s2", "s4"]


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ({"customer": "nobody"}, "There is no customer with this ID."),
        ({"customer": 7}, "There is no customer with this ID."),
        ({"customer": "an\u0000na"}, "The drawing is not valid."),
        ({"at": "tomorrow"}, "Enter a valid date and time."),
        ({"at": "2026-02-31T09:00"}, "Enter a valid date and time."),
        ({"at": "0001-01-01T00:00"}, "Enter a valid date and time."),
        ({"graph": {"steps": []}}, "The journey has no entry step, so nobody can enter."),
        ({"graph": "x"}, "A journey must be an object with “steps” and “links”."),
    ],
)
def test_what_cannot_be_rehearsed_is_said(admin_client, journey, body, text):
    answer = ask(admin_client, journey, **body)

    assert (answer.status_code, answer.json()["text"]) == (400, text)


RULE = {"field": "country", "op": "eq", "value": "PT"}
SETTINGS = [  # of every kind of step, each as it should be
    ({"kind": "entry", "by": "event"}, {"event_kind": "cart", "rule": RULE}),
    ({"kind": "entry", "by": "target_group"}, {"target_group": 7}),
    (
        {"kind": "entry", "by": "date"},
        {"field": "birth_date", "time": "09:00", "days": -1, "yearly": True},
    ),
    ({"kind": "wait", "for": "duration"}, {"minutes": 60}),
    ({"kind": "wait", "for": "until"}, {"time": "09:00", "weekday": 1}),
    ({"kind": "wait", "for": "event"}, {"event_kind": "order", "minutes": 60}),
    ({"kind": "split", "by": "rule"}, {"rule": RULE}),
    ({"kind": "split", "by": "event"}, {"event_kind": "order", "minutes": 60}),
    ({"kind": "split", "by": "random"}, {"shares": {"a": 0.5, "b": 0.5}}),
    ({"kind": "split", "by": "engine"}, {"branches": ["a", "b"]}),
    (
        {"kind": "send"},
        {
            "campaign": 7,
            "when": "daily",
            "when_blocked": "wait",
            "wait_hours": 2,
            "then": "exit",
        },
    ),
    ({"kind": "set"}, {"attribute": "vip", "value": "yes"}),
    ({"kind": "exit"}, {"reason": "bought"}),
    ({"kind": "moon"}, {"phase": 1}),
]
ODD: list[Any] = [
    None,
    True,
    -1,
    0,
    0.5,
    99999999999,
    10**400,
    1e308,
    "",
    "VIP",
    "x" * 5000,
    [],
    [[]],
    {},
]
ODD += [{"VIP": 0.4, "Rest": 0.6}, {"a": 10**400, "b": -(10**400)}, {"a": {}}, ["VIP"], [10**400]]


@pytest.mark.filterwarnings("ignore:Plural value must be an integer")  # of half a day
@pytest.mark.parametrize("kind", SETTINGS, ids=lambda kind: " ".join(kind[0].values()))
def test_whatever_is_typed_into_a_step_is_answered(admin_client, journey, kind):
    fork, right = kind
    check = reverse("admin:journeys_journeymap_check", args=[journey.pk])
    for name in [*right, "label"]:
        for odd in ODD:
            step = {**fork, **right, name: odd}
            steps = {"e": step} if step["kind"] == "entry" else {"e": ENTRY, "s": step}
            graph = draw({**steps, "w": wait(1)}, "e>s e>w s>w")
            answer = ask(admin_client, journey, graph=graph)
            assert answer.status_code == 200, (name, odd)
            body = json.dumps({"graph": graph})
            answer = admin_client.post(check, body, content_type="application/json")
            assert answer.status_code == 200, (name, odd)


@pytest.mark.parametrize(
    "step",
    [
        {"kind": "split", "by": "random", "shares": {"VIP": 0.4, "Rest": 0.6}},
        {"kind": "split", "by": "engine", "branches": []},
        wait(99999999999),
    ],
)
def test_a_step_that_cannot_be_as_it_is_drawn_ends_the_test_run(admin_client, journey, step):
    graph = draw({"e": ENTRY, "s": step, "w": wait(1)}, "e>s s>w")

    last = ask(admin_client, journey, graph=graph).json()["moments"][-1]

    assert last["step"] == "s"
    assert last["note"] == "This step is not set up yet. The journey ends here."


def test_only_who_may_look_at_customers_may_rehearse(client, journey):
    user = User.objects.create_user("reader", password="x", is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="view_journeymap"))
    client.force_login(user)

    assert ask(client, journey).status_code == 403
    page = client.get(reverse("admin:journeys_journeymap_canvas", args=[journey.pk]))
    assert not page.context["may_rehearse"]
