"""Pages of the API: by the last key seen, so that page 10,000 costs what page 1 does."""

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any

from django.core.exceptions import ValidationError as FieldError
from django.db.models import DateField, QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from rest_framework.exceptions import ValidationError
from rest_framework.pagination import BasePagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import replace_query_param

from optiengine.lib.fields import FIRST_DAY, LAST_DAY

PAGE_SIZE = 100
MAX_KEY = 2**63 - 1


class CursorPages(BasePagination):
    """Forward by a key that is unique among the rows: the view's `page_key`, a minus for newest
    first. Rows that are written meanwhile are neither repeated nor make others be left out.
    """

    def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> list:
        key: str = view.page_key
        name, is_falling = key.lstrip("-"), key.startswith("-")
        size = view.asked.get("page_size", PAGE_SIZE)
        if cursor := view.asked.get("cursor"):
            after = _key_of(cursor, queryset, name)
            queryset = queryset.filter(**{f"{name}__{'lt' if is_falling else 'gt'}": after})
        rows = list(queryset.order_by(key)[: size + 1])  # one more shows whether a page follows
        self.next = None
        if len(rows) > size:
            rows.pop()
            cursor = urlsafe_b64encode(str(getattr(rows[-1], name)).encode()).decode()
            self.next = replace_query_param(request.build_absolute_uri(), "cursor", cursor)
        return rows

    def get_paginated_response(self, data: Any) -> Response:
        return Response({"next": self.next, "results": data})

    def get_paginated_response_schema(self, schema: dict) -> dict:
        following = {
            "type": ["string", "null"],
            "format": "uri",
            "example": None,
            "description": gettext_lazy("Address of the next page; null on the last page."),
        }
        return {
            "type": "object",
            "required": ["next", "results"],
            "properties": {"next": following, "results": schema},
        }


def _key_of(cursor: str, queryset: QuerySet, name: str) -> Any:
    """The key a cursor stands for, in the type of its column."""
    options = queryset.model._meta
    field = options.pk if name == "pk" else options.get_field(name)
    try:
        key = field.to_python(urlsafe_b64decode(cursor.encode()).decode())
    except (binascii.Error, ValueError, FieldError):
        key = None
    first, last = (FIRST_DAY, LAST_DAY) if isinstance(field, DateField) else (-1, MAX_KEY)
    if key is None or not first <= key <= last:
        raise ValidationError({"cursor": [_("Invalid cursor. Use the one from `next`.")]})
    return key
