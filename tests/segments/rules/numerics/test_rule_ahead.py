"""A rule on a day to come holds for whom it will hold for when their columns have moved on."""

import numpy as np
import pytest

from segments.rules.numerics.rule import parse_rule
from segments.rules.numerics.rule_ahead import RuleAhead

COLUMNS = {
    "days_to_birthday": np.array([0.0, 3, 364, np.nan]),
    "registered_days": np.array([10.0, 20, 30, np.nan]),
    "feature.recency_days": np.array([5.0, 29, 31, np.nan]),
    "country": np.array(["PT", "PT", "DE", None], dtype=object),
}


def ahead(rule, days):
    return RuleAhead(parse_rule(rule), COLUMNS, 4, ["feature.recency_days"]).mask(days).tolist()


@pytest.mark.parametrize(
    ("rule", "days", "expected"),
    [
        ({"field": "days_to_birthday", "op": "eq", "value": 0}, 0, [True, False, False, False]),
        ({"field": "days_to_birthday", "op": "eq", "value": 0}, 3, [False, True, False, False]),
        # The day after a birthday the next one is a year off.
        ({"field": "days_to_birthday", "op": "gt", "value": 300}, 1, [True, False, True, False]),
        ({"field": "registered_days", "op": "ge", "value": 25}, 5, [False, True, True, False]),
        ({"field": "feature.recency_days", "op": "gt", "value": 30}, 2, [False, True, True, False]),
        ({"field": "country", "op": "eq", "value": "PT"}, 9, [True, True, False, False]),
        (
            {
                "all": [
                    {"not": {"field": "country", "op": "eq", "value": "DE"}},
                    {"any": [{"field": "registered_days", "op": "is_unknown"},
                             {"field": "registered_days", "op": "lt", "value": 20}]},
                ]
            },
            9,
            [True, False, False, True],
        ),
    ],
)  # fmt: skip
def test_a_rule_on_a_day_to_come(rule, days, expected):
    assert ahead(rule, days) == expected


def test_only_what_the_calendar_moves_is_said_to_move():
    def moves(field, value):
        rule = parse_rule({"field": field, "op": "eq", "value": value})
        return RuleAhead(rule, COLUMNS, 4, ["feature.recency_days"]).moves

    assert moves("feature.recency_days", 3)
    assert moves("days_to_birthday", 3)
    assert not moves("country", "PT")
