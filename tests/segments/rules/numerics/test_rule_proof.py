"""Proofs about rules, by hand, and never against what customers show."""

import numpy as np
import pytest

from segments.rules.numerics.rule import parse_rule
from segments.rules.numerics.rule_proof import both, in_stage, is_contradiction, is_within


def where(field: str, op: str, value=None) -> dict:
    condition = {"field": field, "op": op}
    return condition if value is None else {**condition, "value": value}


@pytest.mark.parametrize(
    "rule",
    [
        {"all": [where("country", "eq", "PT"), where("country", "eq", "DE")]},
        {"all": [where("country", "eq", "PT"), where("country", "in", ["DE", "FR"])]},
        {"all": [where("country", "is_unknown"), where("country", "ne", "PT")]},
        {"all": [where("clv_cents", "gt", 10), where("clv_cents", "lt", 10)]},
        {"all": [where("clv_cents", "ge", 10), where("clv_cents", "lt", 10)]},
        {"all": [where("feature.n_orders", "between", [1, 3]), where("feature.n_orders", "gt", 3)]},
        {"all": [where("consent.sms", "eq", True), where("consent.sms", "ne", True)]},
        {"all": [where("stage", "eq", "new"), {"not": where("stage", "eq", "new")}]},
        {"not": {"any": [where("stage", "eq", "new"), {"not": where("stage", "eq", "new")}]}},
        {
            "all": [
                {"any": [where("stage", "eq", "new"), where("stage", "eq", "lapsed")]},
                where("stage", "not_in", ["new", "lapsed"]),
            ]
        },
        {"all": [where("attribute.vip", "eq", "yes"), where("attribute.vip", "gt", 3)]},
    ],
)
def test_what_contradicts_itself_is_found(rule):
    assert is_contradiction(parse_rule(rule))


@pytest.mark.parametrize(
    "rule",
    [
        {},
        where("country", "eq", "PT"),
        {"all": [where("country", "ne", "PT"), where("country", "ne", "DE")]},
        {"all": [where("clv_cents", "gt", 10), where("clv_cents", "lt", 11)]},
        {"all": [where("clv_cents", "ge", 10), where("clv_cents", "le", 10)]},
        {"not": where("clv_cents", "is_known")},
        {"all": [where("attribute.size", "eq", "12"), where("attribute.size", "gt", 3)]},
        # Texts are not looked into: nothing is proven, though nobody could be meant.
        {"all": [where("country", "contains", "P"), {"not": where("country", "contains", "P")}]},
    ],
)
def test_what_can_hold_is_not_called_a_contradiction(rule):
    assert not is_contradiction(parse_rule(rule))


def test_who_is_within_whom():
    everyone, lapsed = parse_rule({}), parse_rule(where("stage", "eq", "lapsed"))
    away = parse_rule(where("stage", "in", ["lapsed", "at_risk"]))
    late = parse_rule(where("feature.recency_days", "gt", 90))
    later = parse_rule({"all": [where("feature.recency_days", "gt", 120)]})

    assert is_within(lapsed, everyone)
    assert is_within(lapsed, away)
    assert not is_within(away, lapsed)
    assert not is_within(everyone, lapsed)
    assert is_within(later, late)
    assert not is_within(late, later)
    assert is_within(both(away, in_stage("lapsed")), lapsed)
    assert not is_within(late, lapsed)


def test_too_many_combinations_prove_nothing():
    rule = {"all": [where(f"feature.f{i}", "gt", i) for i in range(20)]}

    assert not is_within(parse_rule(rule), parse_rule(rule))


@pytest.mark.parametrize("seed", range(40))
def test_a_proof_never_denies_a_customer(seed):
    """Random rules, random customers: whom a rule means, no proof may say it cannot mean."""
    rng = np.random.default_rng(seed)

    def node(depth: int) -> dict:
        if depth and rng.random() < 0.6:
            kind = str(rng.choice(["all", "any", "not"]))
            if kind == "not":
                return {"not": node(depth - 1)}
            return {kind: [node(depth - 1) for _ in range(2)]}
        if rng.random() < 0.5:
            op = str(rng.choice(["eq", "ne", "lt", "ge"]))
            return where("clv_cents", op, int(rng.integers(0, 4)))
        return where("stage", str(rng.choice(["eq", "ne"])), str(rng.choice(["new", "lapsed"])))

    part, whole = parse_rule(node(3)), parse_rule(node(3))
    n = 300
    columns = {
        "clv_cents": rng.choice([-1.0, 0, 0.5, 1, 1.5, 2, 2.5, 3, 9, np.nan], n),
        "stage": rng.choice(np.array(["new", "lapsed", "active", None], dtype=object), n),
    }
    first, second = part.mask(columns, n), whole.mask(columns, n)

    # On these fields the customers drawn show every case there is, so it goes both ways.
    assert is_contradiction(part) == (not first.any())
    assert is_within(part, whole) == (not (first & ~second).any())
