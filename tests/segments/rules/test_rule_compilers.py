"""The two compilers of rules, to SQL and to a mask, against each other and against hand counts."""

import calendar
import math
import re
from datetime import date, timedelta
from decimal import Decimal

import numpy as np
import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from segments.channels import CHANNELS
from segments.models import FeatureSet, Stage, StateBuild
from segments.rules.count_target_group import count_customers
from segments.rules.numerics.rule import RuleError, parse_rule
from segments.rules.rule_sql import rule_sql
from segments.shapes import YEARLESS
from tests.segments.sample_rules import AS_OF, add_customer, make_state

FEATURES = ["recency_days", "n_orders"]
AWKWARD_TEXTS = ["ß", "SS", "ẞ", "İ", "i", "I", "ı", "Σ", "ς", "σ", "K", "k", "São", "SÃO", "a%_b"]
ATTRIBUTES = ["size", "taste", "a.b %s'"]

numbers = st.one_of(
    st.sampled_from([0.0, -0.0, 1.0, 41.0, 0.1, 0.30000000000000004, 2.0**53, -1.5, 1e22]),
    st.integers(-3, 3).map(float),
    st.floats(allow_nan=False, allow_infinity=False),
)
texts = st.one_of(
    st.sampled_from(
        [*AWKWARD_TEXTS, "shoes", "Shoes", "5", "5.0", "1e5", " 5", "5\n", "\\d.*", "[x]"]
    ),
    st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=4),
)
attribute_values = st.one_of(
    st.none(), st.booleans(), numbers, texts,
    st.integers(-(10**40), 10**40), st.sampled_from([[1], {}]),
)  # fmt: skip
days = st.one_of(
    st.none(),
    st.dates(date(1900, 1, 1), date(2027, 1, 1)),
    st.sampled_from([date(2000, 2, 29), AS_OF, date(1980, 3, 1), date(1980, 2, 28)]),
)  # fmt: skip
customers = st.fixed_dictionaries(
    {
        "features": st.lists(st.one_of(st.just(math.nan), numbers), min_size=2, max_size=2),
        "stage": st.sampled_from(Stage.values),
        "micro_segment_id": st.integers(1, 4),
        "p_alive": st.one_of(st.none(), st.just(math.nan), st.floats(0, 1)),
        "clv_cents": numbers,
        "country": st.sampled_from(["", "DE", "PT", "de"]),
        "language": st.sampled_from(["", "de", "pt-BR", "pt_BR"]),
        "registered_on": days,
        "birth_date": days,
        "consents": st.lists(st.sampled_from(list(CHANNELS)), unique=True, max_size=3),
        "attributes": st.dictionaries(st.sampled_from(ATTRIBUTES), attribute_values),
    }
)


def number_conditions(field):
    value = st.one_of(numbers, st.integers(-(10**20), 10**20), st.integers(0, 366))
    listed = st.lists(value, min_size=1, max_size=4)
    return st.one_of(
        conditions(field, ["eq", "ne", "lt", "le", "gt", "ge"], value),
        conditions(field, ["in", "not_in"], listed),
        conditions(field, ["between"], st.tuples(value, value).map(sorted)),
        conditions(field, ["is_known", "is_unknown"], st.none()),
    )


def text_conditions(field):
    value = texts.filter(bool) | st.sampled_from(["DE", "de", "pt", "R"])
    return st.one_of(
        conditions(field, ["eq", "ne", "contains"], value),
        conditions(field, ["in", "not_in"], st.lists(value, min_size=1, max_size=4)),
        conditions(field, ["is_known", "is_unknown"], st.none()),
    )


def conditions(field, ops, values):
    return st.fixed_dictionaries({"field": field, "op": st.sampled_from(ops), "value": values})


attributes = st.sampled_from([f"attribute.{key}" for key in [*ATTRIBUTES, "nobody has it"]])
any_condition = st.one_of(
    number_conditions(
        st.sampled_from(
            [
                *("feature.recency_days", "feature.n_orders", "clv_cents", "p_alive"),
                *("registered_days", "age_years", "days_to_birthday"),
            ]
        )
    ),
    text_conditions(st.sampled_from(["country", "language"])),
    number_conditions(attributes),
    text_conditions(attributes),
    conditions(st.just("stage"), ["eq", "ne"], st.sampled_from(Stage.values)),
    conditions(st.just("micro_segment"), ["in", "not_in"], st.lists(st.integers(1, 5), min_size=1)),
    conditions(
        st.sampled_from([f"consent.{channel}" for channel in CHANNELS]),
        ["eq", "ne"],
        st.booleans(),
    ),
)
rules = st.recursive(
    any_condition,
    lambda parts: st.one_of(
        st.fixed_dictionaries({"all": st.lists(parts, min_size=1, max_size=3)}),
        st.fixed_dictionaries({"any": st.lists(parts, min_size=1, max_size=3)}),
        st.fixed_dictionaries({"not": parts}),
    ),
    max_leaves=6,
)


def attribute_text(value):
    """What an attribute is compared as: PostgreSQL writes numbers of JSON without an exponent."""
    if value is None or isinstance(value, dict | list) or value == "":
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return format(Decimal(repr(value)) + 0, "f")  # + 0: JSON's -0.0 is 0.0 there
    return str(value)


def years_and_days_to_birthday(born):
    if born is None:
        return math.nan, math.nan

    def birthday(year):
        if (born.month, born.day) == (2, 29) and not calendar.isleap(year):
            return date(year, 3, 1)
        return born.replace(year=year)

    had_it = birthday(AS_OF.year) <= AS_OF
    coming = min(d for d in map(birthday, (AS_OF.year, AS_OF.year + 1)) if d >= AS_OF)
    return AS_OF.year - born.year - (not had_it), (coming - AS_OF).days


def columns_of(people, fields):
    """The columns of Rule.mask straight from what the customers were made of, without SQL."""

    def cell(person, field):
        prefix, _, name = field.partition(".")
        match prefix:
            case "feature":
                return person["features"][FEATURES.index(name)]
            case "consent":
                return name in person["consents"]
            case "attribute":
                return attribute_text(person["attributes"].get(name))
            case "stage" | "country" | "language":
                return person[field] or None
            case "registered_days":
                since = person["registered_on"]
                return (AS_OF - since).days if since else math.nan
            case "age_years":
                return years_and_days_to_birthday(person["birth_date"])[0]
            case "days_to_birthday":
                return years_and_days_to_birthday(person["birth_date"])[1]
            case "micro_segment":
                return person["micro_segment_id"]
            case _:
                return math.nan if person[field] is None else person[field]

    def column(field):
        cells = [cell(person, field) for person in people]
        if field.startswith("consent."):
            return np.array(cells, dtype=bool)
        if field.startswith("attribute.") or field in ("stage", "country", "language"):
            column = np.empty(len(cells), dtype=object)
            column[:] = cells
            return column
        return np.array(cells, dtype=np.float64)

    return {field: column(field) for field in fields}


@pytest.fixture
def state(db):
    return make_state(FEATURES)


def chosen_by_sql(rule, state):
    condition, params = rule_sql(rule, state)
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {condition} FROM segments_customerstate s JOIN segments_customer c"
            " ON c.id = s.customer_id WHERE s.as_of = %s ORDER BY c.id",
            [*params, state.as_of],
        )
        return [holds for (holds,) in cursor]


@pytest.mark.django_db
@settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    people=st.lists(customers, min_size=1, max_size=8),
    some_rules=st.lists(rules, min_size=8, max_size=8),
)
def test_sql_and_mask_choose_the_same_customers(state, people, some_rules):
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM segments_customerstate; DELETE FROM segments_customer")
    for person in people:
        add_customer(state, **person)

    for json in some_rules:
        rule = parse_rule(json)
        mask = rule.mask(columns_of(people, rule.fields()), len(people))

        assert chosen_by_sql(rule, state) == mask.tolist(), json


def matches(json, column):
    rule = parse_rule(json)
    return rule.mask({json["field"]: np.array(column, dtype=object)}, len(column)).tolist()


def test_contains_ignores_case_one_character_for_one():
    def found(part, text):
        return matches({"field": "country", "op": "contains", "value": part}, [text]) == [True]

    assert found("são", "SÃO PAULO")
    assert found("ẞ", "Straße")
    assert found("σ", "ΟΔΟΣ")
    assert not found("ss", "Straße")  # ß has no capital of one letter but ẞ
    assert not found("i", "İ")  # its lower case is two characters
    assert not found("ς", "Σ")
    assert found(".*", "a.*b")
    assert not found(".*", "ab")


def test_text_compares_exactly():
    assert matches({"field": "country", "op": "eq", "value": "DE"}, ["DE", "de", None]) == [
        True, False, False,
    ]  # fmt: skip


@pytest.mark.parametrize("op", ["eq", "ne", "lt", "le", "gt", "ge"])
def test_unknown_is_false_in_every_comparison_and_true_in_its_negation(op, state):
    add_customer(state)  # its features are NaN
    condition = {"field": "feature.n_orders", "op": op, "value": 1}

    assert count_customers(parse_rule(condition), state) == 0
    assert count_customers(parse_rule({"not": condition}), state) == 1


def test_attributes_are_numbers_where_the_rule_names_a_number(state):
    for size in (41, "41", "41.0", 41.5, "forty-one", None, True, "1e999", 10**400):
        add_customer(state, attributes={"size": size})

    def n(op, value=None):
        json = {"field": "attribute.size", "op": op, "value": value}
        return count_customers(parse_rule(json), state)

    assert n("eq", 41) == 3
    assert n("eq", "41") == 2
    assert n("gt", 0) == 4
    assert n("is_unknown") == 1


@pytest.mark.parametrize(
    ("born", "as_of", "age", "to_birthday"),
    [
        (date(1990, 3, 1), date(2026, 3, 1), 36, 0),
        (date(1990, 3, 2), date(2026, 3, 1), 35, 1),
        (date(1990, 2, 28), date(2026, 3, 1), 36, 364),
        (date(2000, 2, 29), date(2026, 2, 28), 25, 1),  # 1 March in years without the 29th
        (date(2000, 2, 29), date(2026, 3, 1), 26, 0),
        (date(2000, 2, 29), date(2024, 2, 29), 24, 0),
        (date(1999, 3, 1), date(2023, 3, 2), 24, 365),  # over 29 February 2024
    ],
)
def test_ages_and_birthdays_by_the_calendar(db, born, as_of, age, to_birthday):
    state = make_state(as_of=as_of)
    add_customer(state, birth_date=born)
    rule = {
        "all": [
            {"field": "age_years", "op": "eq", "value": age},
            {"field": "days_to_birthday", "op": "eq", "value": to_birthday},
        ]
    }

    assert count_customers(parse_rule(rule), state) == 1


def test_a_birthday_without_a_year_comes_round_and_has_no_age(db):
    state = make_state(as_of=date(2026, 2, 27))
    add_customer(state, birth_date=date(YEARLESS, 2, 28))
    birthday = {"field": "days_to_birthday", "op": "eq", "value": 1}
    assert count_customers(parse_rule(birthday), state) == 1
    old = {"field": "age_years", "op": "ge", "value": 0}
    assert count_customers(parse_rule(old), state) == 0


def test_days_since_registration_count_from_the_states_day(state):
    add_customer(state, registered_on=AS_OF - timedelta(days=9))

    rule = parse_rule({"field": "registered_days", "op": "eq", "value": 9})

    assert count_customers(rule, state) == 1


def test_a_feature_of_another_day_is_named_and_not_guessed():
    rule = parse_rule({"field": "feature.new", "op": "gt", "value": 1})
    state = StateBuild(as_of=AS_OF)
    state.feature_set = FeatureSet(names=FEATURES)

    for compiled in (lambda: rule_sql(rule, state), lambda: rule.mask({}, 0)):
        with pytest.raises(
            RuleError, match=re.escape("“feature.new” is not part of that day's customer data.")
        ):
            compiled()


def test_what_a_user_types_is_never_sql(state):
    add_customer(state, attributes={"a'; DROP TABLE x; -- %s": "it's 100 %"})
    rule = {"field": "attribute.a'; DROP TABLE x; -- %s", "op": "contains", "value": "'S 100 %"}

    assert count_customers(parse_rule(rule), state) == 1


@pytest.mark.parametrize("said", ["pt_BR", "pt-BR"])
def test_a_language_is_the_same_with_either_mark(state, said):
    for language in ("pt-BR", "pt_BR", "pt"):
        add_customer(state, language=language)
    rule = parse_rule({"field": "language", "op": "in", "value": [said]})
    assert count_customers(rule, state) == 2
