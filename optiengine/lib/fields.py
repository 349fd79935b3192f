"""Fields of the API that refuse what has no clear meaning."""

import math
from datetime import UTC, date, datetime
from typing import Any

from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

FIRST_DAY, LAST_DAY = date(1970, 1, 1), date(2100, 12, 31)


class DayField(serializers.DateField):
    """A calendar day, written 2026-03-01, between 1970 and 2100."""

    default_error_messages = {
        "invalid": _("Enter the day as YYYY-MM-DD."),
        "far": _("The day must be between 1970-01-01 and 2100-12-31."),
    }

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(input_formats=["%Y-%m-%d"], **kwargs)

    def to_internal_value(self, value: Any) -> date:
        day = super().to_internal_value(value)
        if not FIRST_DAY <= day <= LAST_DAY:
            self.fail("far")
        return day


class MomentField(serializers.DateTimeField):
    """A moment with its offset from UTC: without one nobody knows when it was."""

    default_error_messages = {
        "invalid": _("Use the format 2026-03-01T09:00:00Z, with Z or an offset (encode + as %2B)."),
        "far": _("The time must be between 1970 and 2100."),
    }

    def to_internal_value(self, value: Any) -> datetime:
        try:
            moment = parse_datetime(value) if isinstance(value, str) else None
            if moment is None or moment.tzinfo is None:
                raise ValueError
            moment = moment.astimezone(UTC)
        except OverflowError:
            self.fail("far")
        except ValueError:
            self.fail("invalid")
        if not FIRST_DAY <= moment.date() <= LAST_DAY:
            self.fail("far")
        return moment


class NumberField(serializers.FloatField):
    """A number to read: null where it is unknown, because JSON has no NaN and no infinity."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(read_only=True, allow_null=True, **kwargs)

    def to_representation(self, value: Any) -> float | None:  # type: ignore[override]
        number = float(value)
        return number if math.isfinite(number) else None


# Mixed into a serializer that only answers, so that the schema promises each of its fields. It
# has no docstring because the schema would give it to serializers without one.
class ReadOnly:
    def get_fields(self) -> dict[str, serializers.Field]:
        fields = super().get_fields()  # type: ignore[misc]
        for field in fields.values():
            field.read_only = True
        return fields
