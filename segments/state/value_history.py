"""How a customer's predicted value moved from day to day, and what moved it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from itertools import pairwise

from django.db import connection

from optiengine.lib.days import day_of, day_start
from segments.event_money import IS_MONEY, IS_MONEY_BACK
from segments.models import Customer, CustomerState, Organisation, StateBuild
from segments.same_person import SAME_PERSON

DAYS = 365  # looked back at, at most
MOVERS = f"""
SELECT occurred_at, {IS_MONEY_BACK} AS is_back FROM segments_event
WHERE customer_id = ANY({SAME_PERSON.format(customer="%(customer)s::int8")})
  AND occurred_at >= %(start)s AND occurred_at < %(end)s
  AND {IS_MONEY}
"""


class Cause(StrEnum):
    """What may lie between the states of two days."""

    ORDER = "order"
    RETURN = "return"
    REFIT = "refit"  # the models were fitted anew, which moves every customer's value
    QUIET = "quiet"  # nothing but time without an order


@dataclass(frozen=True)
class ValueStep:
    """From the state of one day to that of a later one. P(alive) is None where unknown."""

    since: date
    until: date
    causes: tuple[Cause, ...]
    before_cents: float
    after_cents: float
    p_alive: float | None  # afterwards

    @property
    def change_cents(self) -> float:
        return self.after_cents - self.before_cents

    @property
    def n_days(self) -> int:
        return (self.until - self.since).days


@dataclass(frozen=True)
class ValueHistory:
    points: list[tuple[date, float]]  # the value when the day began, in cents
    steps: list[ValueStep]  # in order of time; days on which nothing happened are one step


def value_history(customer: Customer, as_of: date, *, days: int = DAYS) -> ValueHistory:
    """The states of the `days` days up to as_of, and the steps between them. Three queries."""
    first = as_of - timedelta(days=days)
    states = list(
        CustomerState.objects.filter(customer=customer, as_of__gt=first, as_of__lte=as_of)
        .order_by("as_of")
        .values_list("as_of", "clv_cents", "p_alive")
    )
    builds = StateBuild.objects.filter(as_of__gt=first, as_of__lte=as_of)
    models = dict(builds.values_list("as_of", "clv_model_id"))
    happened = _events(customer, first, as_of)
    steps = [
        ValueStep(
            since=day,
            until=next_day,
            causes=_causes(day, next_day, happened, models),
            before_cents=cents,
            after_cents=next_cents,
            p_alive=p_alive,
        )
        for (day, cents, _p), (next_day, next_cents, p_alive) in pairwise(states)
    ]
    return ValueHistory([(day, cents) for day, cents, _p in states], _joined(steps))


def _events(customer: Customer, first: date, as_of: date) -> list[tuple[date, Cause]]:
    """Days of what moves money, in the organisation's zone, and which of the two it is."""
    zone = Organisation.current().time_zone
    start, end = day_start(first, zone), day_start(as_of, zone)
    with connection.cursor() as cursor:
        cursor.execute(MOVERS, {"customer": customer.pk, "start": start, "end": end})
        return [
            (day_of(moment, zone), Cause.RETURN if is_back else Cause.ORDER)
            for moment, is_back in cursor
        ]


def _causes(
    day: date,
    next_day: date,
    happened: Sequence[tuple[date, Cause]],
    models: Mapping[date, int | None],
) -> tuple[Cause, ...]:
    """A state knows what happened before its day: a day's own events show in the next one."""
    moved = {cause for on, cause in happened if day <= on < next_day}
    causes: list[Cause] = [cause for cause in (Cause.ORDER, Cause.RETURN) if cause in moved]
    if models.get(day) != models.get(next_day):
        causes.append(Cause.REFIT)
    return tuple(causes) or (Cause.QUIET,)


def _joined(steps: Sequence[ValueStep]) -> list[ValueStep]:
    """Neighbouring steps in which nothing happened as one."""
    joined: list[ValueStep] = []
    for step in steps:
        if joined and joined[-1].causes == step.causes == (Cause.QUIET,):
            before = joined.pop()
            step = ValueStep(
                since=before.since,
                until=step.until,
                causes=step.causes,
                before_cents=before.before_cents,
                after_cents=step.after_cents,
                p_alive=step.p_alive,
            )
        joined.append(step)
    return joined
