"""Figures for people: unknown is a dash, money has its currency's two places."""

import math
from typing import Any

from django import template
from django.utils.formats import number_format

register = template.Library()
DASH = "–"


def _number(value: Any, places: int, *, sign: bool = False) -> str:
    if value is None or not math.isfinite(value):
        return DASH
    text = number_format(round(abs(value), places), places, force_grouping=True)
    is_zero = round(value, places) == 0
    if value < 0 and not is_zero:
        return f"−{text}"
    return f"+{text}" if sign and not is_zero else text


@register.filter
def count(value: int) -> str:
    return _number(value, 0)


@register.filter
def decimal(value: float) -> str:
    return _number(value, 2)


@register.filter
def percent(share: float | None) -> str:
    """0.1828 as 18.28 %."""
    text = _number(None if share is None else share * 100, 2)
    return text if text == DASH else f"{text} %"


@register.filter
def whole_percent(share: float) -> str:
    """0.1828 as 18 %."""
    return f"{_number(share * 100, 0)} %"


@register.filter
def money(cents: float | None) -> str:
    """123456.7 cents as 1,234.57."""
    return _number(None if cents is None else cents / 100, 2)


UNITS = {"rate": (100, 2), "money": (0.01, 2), "people": (1, 0)}  # factor, places


@register.filter
def change(value: float | None, unit: str) -> str:
    """A difference with its sign: a rate in percentage points, cents as money, or people."""
    factor, places = UNITS[unit]
    return _number(None if value is None else value * factor, places, sign=True)


@register.filter
def p_value(p: float) -> str:
    if not math.isfinite(p):
        return DASH
    return "< 0.001" if p < 0.001 else _number(p, 3)
