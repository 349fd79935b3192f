"""Figures for people: unknown is a dash, minus is a minus, thousands are grouped."""

import math
from typing import Any

from django.utils.formats import number_format

DASH = "–"


def number(value: float | None, places: int = 0) -> str:
    """1234.5 as 1,234.50 with two places, in the reader's language."""
    if value is None or not math.isfinite(value):
        return DASH
    text = number_format(round(abs(value), places), places, force_grouping=True)
    return f"−{text}" if round(value, places) < 0 else text


def money(cents: Any, currency: str | None = "", places: int = 2) -> str:
    """123456.7 cents as 1,234.57 EUR."""
    text = number(None if cents is None else float(cents) / 100, places)
    return text if text == DASH or not currency else f"{text} {currency}"


def percent(share: float | None, places: int = 1) -> str:
    """0.1828 as 18.3 %."""
    text = number(None if share is None else share * 100, places)
    return text if text == DASH else f"{text} %"
