"""What a text may do with a value after a bar: `{{ offer | upcase }}`.

Each filter is bounded before it works, so that no chain of them fills the memory, and none asks
for the time, a file or the insides of an object.
"""

import math
import re
from collections.abc import Callable, Mapping
from datetime import date
from functools import wraps
from typing import Any

from django.utils.translation import gettext as _
from liquid.builtin.filters import array, misc, string
from liquid.builtin.filters import math as maths
from liquid.exceptions import FilterArgumentError
from liquid.filter import liquid_filter
from markupsafe import Markup

MOST_CHARACTERS = 100_000  # of a value on its way through filters
MOST_ITEMS = 1_000  # of a list on its way through filters
LARGEST_NUMBER = 10**15

_DAY_FORMAT = re.compile(r"(?:[^%]|%-?[dmyY]|%%)*")
_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_DAY_OF_YEAR = re.compile(r"--(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])$")
_ANY_LEAP_YEAR = 2000

Filter = Callable[..., Any]


def _refused(sentence: str) -> FilterArgumentError:
    return FilterArgumentError(sentence, token=None)


@liquid_filter
def day(value: Any, form: str = "%Y-%m-%d") -> str:
    """A day by its numbers; text that is no day stays as it is.

    A day without a year (--03-14) has none to show: nothing is shown where the format asks for it.
    """
    if not _DAY_FORMAT.fullmatch(str(form)):
        raise _refused(_("a date format can only use %d, %m, %y and %Y"))
    if isinstance(value, str) and _DAY.match(value):
        try:
            value = date.fromisoformat(value[:10])
        except ValueError:
            return value
    if isinstance(value, str) and _DAY_OF_YEAR.match(value):
        if re.search("%-?[yY]", str(form)):
            return ""
        value = date(_ANY_LEAP_YEAR, int(value[2:4]), int(value[5:7]))
    return value.strftime(str(form)) if isinstance(value, date) else value or ""


@liquid_filter
def replace(value: Any, old: Any, new: Any = "") -> str:
    text, part = str(value), str(old)
    _hold(len(text) + text.count(part) * len(str(new)), MOST_CHARACTERS)
    return string.replace(value, old, new)


@liquid_filter
def join(value: Any, between: Any = " ") -> str:
    """The items of a list in one text; in HTML, values of customers stay escaped."""
    items = value if isinstance(value, list | tuple | range) else [value]
    _hold(len(items) * len(str(between)) + sum(len(str(item)) for item in items), MOST_CHARACTERS)
    if isinstance(between, Markup):
        return between.join(item if isinstance(item, str) else str(item) for item in items)
    return str(between).join(map(str, items))


FILTERS: Mapping[str, Filter] = {
    "append": string.append,
    "capitalize": string.capitalize,
    "downcase": string.downcase,
    "upcase": string.upcase,
    "prepend": string.prepend,
    "remove": string.remove,
    "replace": replace,
    "strip": string.strip,
    "truncate": string.truncate,
    "truncatewords": string.truncatewords,
    "split": string.split,
    "newline_to_br": string.newline_to_br,
    "url_encode": string.url_encode,
    "escape": string.escape,
    "join": join,
    "first": array.first,
    "last": array.last,
    "size": misc.size,
    "default": misc.default,
    "date": day,
    "abs": maths.abs_,
    "at_least": maths.at_least,
    "at_most": maths.at_most,
    "ceil": maths.ceil,
    "floor": maths.floor,
    "round": maths.round_,
    "plus": maths.plus,
    "minus": maths.minus,
    "times": maths.times,
    "divided_by": maths.divided_by,
    "modulo": maths.modulo,
}


def bounded(function: Filter) -> Filter:
    """A filter that refuses to take or to give more than a message has use for."""

    @wraps(function)  # also copies the marks by which Liquid knows what to hand in
    def within(*values: Any, **named: Any) -> Any:
        for value in values:
            _check(value)
        result = function(*values, **named)
        _check(result)
        return result

    return within


def _check(value: Any) -> None:
    if isinstance(value, str):
        _hold(len(value), MOST_CHARACTERS)
    elif isinstance(value, list | tuple | range):
        _hold(len(value), MOST_ITEMS)
    elif isinstance(value, int | float) and not (
        math.isfinite(value) and abs(value) <= LARGEST_NUMBER
    ):
        raise _refused(_("a number greater than %s") % f"{LARGEST_NUMBER:,}")


def _hold(size: int, most: int) -> None:
    if size > most:
        raise _refused(_("a value has more than %s characters or items") % f"{most:,}")
