"""What is wrong with a drawn map, by hand: one flaw a drawing, and the one problem it makes."""

import pytest

from journeys.maps.numerics.journey_graph import GraphError, Problem, parse_graph, problems
from tests.journeys.drawn_maps import ENTRY, draw, wait

SEND = {"kind": "send", "campaign": 1, "when": "daily", "when_blocked": "skip"}
SPLIT = {"kind": "split", "by": "event", "event_kind": "order"}


def found(steps, links="") -> list[tuple]:
    return [(p.step_id, p.code) for p in problems(parse_graph(draw(steps, links)))]


def flaw_of(step: dict) -> tuple[str, dict]:
    """Code and values of the one problem that a step has behind an entry."""
    graph = parse_graph(draw({"e": ENTRY, "x": step}, "e>x"))
    (problem,) = problems(graph)
    assert problem.step_id == "x"
    return problem.code, dict(problem.values)


def test_a_whole_map_has_no_problem():
    until = {"kind": "wait", "for": "until", "weekday": None, "time": "18:00"}
    event = {"kind": "wait", "for": "event", "event_kind": "order", "minutes": 60}
    rule = {"kind": "split", "by": "rule", "rule": {"field": "country", "op": "eq", "value": "PT"}}
    chance = {"kind": "split", "by": "random", "shares": {"a": 0.1, "b": 0.2, "c": 0.7}}
    engine = {"kind": "split", "by": "engine", "branches": ["a", "b"]}
    waiting = SEND | {"when_blocked": "wait", "wait_hours": 48, "then": "exit"}
    steps = {
        "e": ENTRY | {"rule": {}}, "u": until, "w": event, "r": rule, "c": chance, "g": engine,
        "m": SEND, "n": waiting, "s": {"kind": "set", "attribute": "vip", "value": "yes"},
        "x": {"kind": "exit", "reason": "bought"},
    }  # fmt: skip
    links = "e>u u>w w:happened>x w:timed_out>r r:yes>c r:no>g c:a>m c:b>n g:a>m g:b>n n>s m>u"
    assert found(steps, links) == []


@pytest.mark.parametrize(
    ("entry", "is_whole"),
    [
        ({"by": "target_group", "target_group": 7}, True),
        ({"by": "date", "field": "birth_date", "days": -3, "yearly": True, "time": "09:00"}, True),
        ({"by": "date", "field": "attribute.renewal", "time": "23:59"}, True),
        ({"by": "date", "field": "email", "time": "09:00"}, False),
        ({"by": "date", "field": "birth_date", "time": "24:00"}, False),
        ({"by": "moon"}, False),
        ({}, False),
    ],
)
def test_entries(entry, is_whole):
    steps = {"e": {"kind": "entry", **entry}, "x": {"kind": "exit"}}
    assert (found(steps, "e>x") == []) == is_whole


def test_entries_are_one_and_lead_somewhere():
    assert found({"x": {"kind": "exit"}}) == [(None, "no_entry")]
    assert found({"e": ENTRY}) == [("e", "entry_leads_nowhere")]
    steps = {"e": ENTRY, "f": ENTRY, "x": {"kind": "exit"}}
    assert found(steps, "e>x f>x") == [("f", "second_entry")]
    assert found({"e": ENTRY, "w": wait(5)}, "e>w w>e") == [("w", "link_into_entry")]


def test_links():
    steps = {"e": ENTRY, "s": SPLIT, "x": {"kind": "exit"}, "y": {"kind": "exit"}}
    assert found(steps, "e>s s:yes>x s:no>y") == []
    assert found(steps, "e>s s:yes>x s:yes>y s:no>y") == [("s", "double_link")]
    assert found(steps, "e>s s:yes>x s:no>y s:perhaps>y") == [("s", "unknown_port")]
    assert found(steps, "e>s s:yes>x s:no>y x>y") == [("x", "unknown_port")]
    assert found(steps, "e>s s:yes>x s:no>z") == [("s", "link_to_nothing"), ("y", "unreachable")]


def test_a_loop_needs_a_wait():
    steps = {"e": ENTRY, "s": SPLIT, "m": SEND, "w": wait(60)}
    assert found(steps, "e>s s:no>m m>w w>s") == []
    graph = parse_graph(draw(steps, "e>w w>s s:no>m m>s"))
    assert problems(graph) == [Problem("s", "loop_without_wait", {"steps": ("s", "m")})]


def test_two_loops_are_two_problems_and_a_diamond_is_none():
    steps = {"e": ENTRY, "a": SPLIT, "b": SPLIT, "c": SEND, "d": SEND}
    assert found(steps, "e>a a:yes>b a:no>c b:yes>d c>d") == []
    assert found(steps, "e>a a:yes>b a:no>c b:yes>a b:no>d d>b") == [
        ("a", "loop_without_wait"),
        ("b", "loop_without_wait"),
    ]
    assert found(steps, "e>a a:yes>b b:yes>c c>d a:no>a") == [("a", "loop_without_wait")]


def test_what_the_engine_chooses_between_leads_to_messages():
    steps = {
        "e": ENTRY, "g": {"kind": "split", "by": "engine", "branches": ["a", "b"]},
        "w": wait(60), "m": SEND, "x": {"kind": "exit"},
    }  # fmt: skip
    assert found(steps, "e>g g:a>w w>m g:b>x") == [("g", "no_send_on_branch")]
    assert parse_graph(draw(steps, "e>g g:a>w w>m g:b>m")).first_send("g", "a").id == "m"


@pytest.mark.parametrize(
    ("step", "flaw"),
    [
        ({"kind": "dance"}, ("unknown_kind", {"kind": "dance"})),
        (wait(0), ("not_positive", {"setting": "minutes"})),
        (wait(-5), ("not_positive", {"setting": "minutes"})),
        (wait(True), ("bad_setting", {"setting": "minutes", "got": "True"})),
        (wait(10**9), ("bad_setting", {"setting": "minutes", "got": "1000000000"})),
        ({"kind": "wait"}, ("missing_setting", {"setting": "for"})),
        ({"kind": "wait", "for": "duration"}, ("missing_setting", {"setting": "minutes"})),
        (
            {"kind": "wait", "for": "until", "time": "18:00", "weekday": 8},
            ("bad_setting", {"setting": "weekday", "got": "8"}),
        ),
        (wait(5) | {"colour": "red"}, ("unknown_setting", {"setting": "colour"})),
        (
            {"kind": "split", "by": "random", "shares": {"a": 0.5, "b": 0.4}},
            ("shares_do_not_add_up", {"setting": "shares", "total": 0.9}),
        ),
        (
            {"kind": "split", "by": "random", "shares": {"a": 1.0, "b": 0}},
            ("not_positive", {"setting": "shares"}),
        ),
        (
            {"kind": "split", "by": "random", "shares": {"a": 1}},
            ("too_few_branches", {"setting": "shares"}),
        ),
        ({"kind": "split", "by": "rule"}, ("missing_setting", {"setting": "rule"})),
        (SEND | {"campaign": None}, ("missing_setting", {"setting": "campaign"})),
        (SEND | {"when": "soon"}, ("bad_setting", {"setting": "when", "got": "soon"})),
        (
            SEND | {"when_blocked": "wait", "then": "skip"},
            ("missing_setting", {"setting": "wait_hours"}),
        ),
        (
            SEND | {"when_blocked": "wait", "wait_hours": 0, "then": "skip"},
            ("not_positive", {"setting": "wait_hours"}),
        ),
        (
            {"kind": "set", "attribute": " ", "value": 1},
            ("missing_setting", {"setting": "attribute"}),
        ),
    ],
)
def test_settings(step, flaw):
    assert flaw_of(step) == flaw


def test_a_rule_that_cannot_be_read_keeps_its_own_sentence():
    code, values = flaw_of({"kind": "split", "by": "rule", "rule": {"field": "moon", "op": "eq"}})

    assert code == "bad_rule"
    assert "moon" in str(values["error"])


@pytest.mark.parametrize(
    "json",
    [
        None, [], "x", {"step": []}, {"steps": {}}, {"steps": [1]}, {"steps": [{"id": "a"}]},
        {"steps": [{"id": "a b", "kind": "exit"}]}, {"steps": [{"id": 1, "kind": "exit"}]},
        {"steps": [{"id": "a", "kind": "exit", "x": "left"}]},
        {"steps": [{"id": "a", "kind": "exit", "x": float("nan")}]},
        {"steps": [{"id": "a", "kind": "exit"}] * 2}, {"links": [{"from": "a", "to": "b"}]},
        {"links": [{"from": "a", "port": "next", "to": 7}]},
        {"steps": [{"id": f"s{i}", "kind": "exit"} for i in range(201)]},
    ],
)  # fmt: skip
def test_what_is_no_drawing_is_refused_in_words(json):
    with pytest.raises(GraphError) as refused:
        parse_graph(json)
    assert len(str(refused.value)) > 15


def test_an_empty_drawing_can_be_read():
    assert parse_graph({}).steps == {}
