"""What a request may ask: anything that is not named is refused, so no filter is ever ignored."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from django.http import QueryDict
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request

MAX_PAGE_SIZE = 1_000


class Strict(serializers.Serializer):
    """A serializer that refuses names it does not know."""

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, Mapping):
            unknown = [str(name) for name in data if name not in self.fields]
            if unknown:
                raise ValidationError({name: [self._unknown()] for name in unknown})
        return super().to_internal_value(data)

    def _unknown(self) -> str:
        known = ", ".join(self.fields)
        return _("Unknown parameter. Allowed: %s.") % known if known else _("Unknown field.")


class Parameters(Strict):
    """The query string of an operation, each name at most once."""

    @classmethod
    def read(cls, query: QueryDict) -> dict[str, Any]:
        """The values by name. Raises ValidationError, by name."""
        if repeated := [name for name, values in query.lists() if len(values) > 1]:
            raise ValidationError({name: [_("Specified more than once.")] for name in repeated})
        parameters = cls(data=query.dict())
        parameters.is_valid(raise_exception=True)
        return parameters.validated_data


class PageParameters(Parameters):
    page_size = serializers.IntegerField(
        required=False,
        min_value=1,
        max_value=MAX_PAGE_SIZE,
        help_text=gettext_lazy("Page size (default 100)."),
    )
    cursor = serializers.CharField(
        required=False,
        max_length=100,
        help_text=gettext_lazy("Start of the page. Use the value from `next`."),
    )


class StrictView:
    """A view whose actions name the query parameters they take; the others take none."""

    # What OPTIONS would tell is in the schema.
    http_method_names: Sequence[str] = ["get", "head", "post"]
    parameters: ClassVar[dict[str, type[Parameters]]] = {}
    asked: dict[str, Any]

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)  # type: ignore[misc]
        self.asked = self.parameters_class().read(request.query_params)

    def parameters_class(self) -> type[Parameters]:
        return self.parameters.get(getattr(self, "action", None) or "", Parameters)
