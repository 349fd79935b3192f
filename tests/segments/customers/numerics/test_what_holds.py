"""The newest statement holds, of two at one time the no; a withdrawal in person outlasts files."""

from datetime import UTC, datetime, timedelta
from itertools import permutations

import pytest

from segments.customers.numerics.what_holds import Holding, Said, Why, brings_back, what_holds

DAY = [datetime(2026, 3, day, tzinfo=UTC) for day in range(1, 10)]


def yes(day, **more):
    return Said(DAY[day], says_yes=True, **more)


def no(day, **more):
    return Said(DAY[day], says_yes=False, **more)


def unclear(day):
    return Said(DAY[day], says_yes=None)


STORIES = [
    ([], False, Why.NOTHING_SAID),
    ([yes(1)], True, Why.NEWEST),
    ([yes(1), no(2)], False, Why.NEWEST),
    ([no(1), yes(2)], True, Why.NEWEST),
    ([yes(1), no(1)], False, Why.NO_AT_THE_SAME_TIME),
    ([yes(1), unclear(1)], None, Why.UNREADABLE),
    ([no(1), unclear(1)], False, Why.NEWEST),
    ([yes(1), unclear(2)], None, Why.UNREADABLE),
    ([unclear(1), yes(2)], True, Why.NEWEST),
    ([unclear(2), yes(1)], None, Why.UNREADABLE),
    ([no(1, by_customer=True), yes(2)], False, Why.WITHDRAWN_BY_CUSTOMER),
    ([no(1, by_customer=True), unclear(2)], False, Why.WITHDRAWN_BY_CUSTOMER),
    ([no(2, by_customer=True), yes(1, brings_back=True)], False, Why.WITHDRAWN_BY_CUSTOMER),
    ([no(2, by_customer=True), yes(2, brings_back=True)], False, Why.WITHDRAWN_BY_CUSTOMER),
    ([no(2, by_customer=True), yes(3, brings_back=True)], True, Why.NEWEST),
    ([no(2, by_customer=True), yes(3, brings_back=True), no(4)], False, Why.NEWEST),
    ([no(2, by_customer=True), yes(3, brings_back=True), no(4), yes(5)], True, Why.NEWEST),
    (
        [no(2, by_customer=True), yes(3, brings_back=True), no(4, by_customer=True), yes(5)],
        False,
        Why.WITHDRAWN_BY_CUSTOMER,
    ),
]


@pytest.mark.parametrize(("statements", "allowed", "why"), STORIES)
def test_what_holds_in_whichever_order_it_comes_in(statements, allowed, why):
    for order in permutations(statements):
        holding = what_holds(order)
        assert (holding.allowed, holding.why) == (allowed, why)


def test_the_statement_that_decides_is_named():
    withdrawal = no(2, by_customer=True)
    assert what_holds([yes(1), withdrawal, yes(3)]).said == withdrawal
    assert what_holds([yes(1), yes(3), no(2)]) == Holding(True, Why.NEWEST, yes(3))


def test_only_the_customer_or_a_proof_with_its_time_brings_back():
    facts = {"says_yes": True, "by_customer": False, "has_own_time": True, "has_proof": True}
    assert brings_back(**facts)
    assert brings_back(**facts | {"by_customer": True, "has_proof": False})
    assert not brings_back(**facts | {"has_proof": False})
    assert not brings_back(**facts | {"has_own_time": False})
    assert not brings_back(**facts | {"by_customer": True, "has_own_time": False})
    assert not brings_back(**facts | {"says_yes": False})


def test_a_million_repeats_change_nothing():
    many = [Said(DAY[1] + timedelta(seconds=n), says_yes=True) for n in range(1000)]
    assert what_holds([*many, no(0)]).allowed is True
