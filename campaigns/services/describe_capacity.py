"""Budgets and volumes in words, and which of them cannot hold together."""

from collections.abc import Sequence
from datetime import date

import numpy as np
from django.utils.translation import gettext as _

from campaigns.models import CapacityLimit
from campaigns.numerics.capacity import contradiction, period_of, unit_of, use_of
from campaigns.numerics.rulebook_entries import CapacityEntry
from campaigns.services.load_rulebook import load_rulebook
from optiengine.lib.figures import money, number
from segments.channel_labels import channel_label


def amount(measure: str, value: float | None, currency: str = "") -> str:
    """Cents as money, messages as a number."""
    if measure == CapacityLimit.Measure.MONEY:
        return money(value, currency)
    return number(value)


def scope_in_words(limit: CapacityLimit) -> str:
    match limit.scope:
        case CapacityLimit.Scope.CHANNEL:
            return channel_label(limit.channel)
        case CapacityLimit.Scope.TAG:
            return _("tag “%s”") % limit.tag
        case CapacityLimit.Scope.CAMPAIGN:
            return str(limit.campaign)
        case CapacityLimit.Scope.ACTION:
            return str(limit.action)
    return str(CapacityLimit.Scope.ALL.label)


def contradiction_in_words(
    entries: Sequence[CapacityEntry], contradicting: Sequence[Sequence[object]]
) -> str:
    """A sentence that names the limits; "" for none. contradicting : see `contradiction`."""
    texts = {"minimum": _("the minimum of “%s”"), "maximum": _("the maximum of “%s”")}
    named = [texts[str(kind)] % entries[int(str(index))].name for kind, index in contradicting]
    return _("These limits contradict each other: %s.") % ", ".join(named) if named else ""


def contradiction_on(day: date) -> str:
    """Which active limits cannot hold together for any customers; "" if all can.

    Amounts are compared as an average day's of their period, that of `day`. Limits from beginning
    to end have no such day and are left out.
    """
    if not CapacityLimit.objects.filter(is_active=True, minimum__gt=0).exists():
        return ""  # sending nothing keeps every maximum
    book = load_rulebook(day)
    n_days = []
    for entry in book.capacities:
        start, end = period_of(entry.period, day)
        n_days.append((end - start).days if end else np.nan)
    units = np.array([unit_of(entry) for entry in book.capacities]) / np.array(n_days)
    maximum = np.array([entry.maximum for entry in book.capacities]) * units
    minimum = np.array([entry.minimum for entry in book.capacities]) * units
    contradicting = contradiction(
        use_of(book), np.where(np.isnan(maximum), np.inf, maximum), np.nan_to_num(minimum)
    )
    return contradiction_in_words(book.capacities, contradicting)
