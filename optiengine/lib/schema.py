"""What the API's description says of every operation: its parameters and how it refuses."""

from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import (
    Direction,
    OpenApiExample,
    OpenApiResponse,
    extend_schema_serializer,
)
from rest_framework import serializers
from rest_framework.permissions import AllowAny

from optiengine.lib.parameters import StrictView


@extend_schema_serializer(description=gettext_lazy("Why the request was refused."))
class Refusal(serializers.Serializer):
    detail = serializers.CharField()


BY_FIELD = {
    "type": "object",
    "additionalProperties": {"type": "array", "items": {"type": "string"}},
}
PROBLEMS = OpenApiResponse(
    {"oneOf": [BY_FIELD, {"$ref": "#/components/schemas/Refusal"}]},
    description=gettext_lazy("The errors, by name of the parameter or field."),
    examples=[
        OpenApiExample(
            "A day", {"as_of": ["Enter the day as YYYY-MM-DD."]}, summary=gettext_lazy("A day")
        ),
        OpenApiExample(
            "A name",
            {"asof": ["Unknown parameter. Allowed: as_of, since."]},
            summary=gettext_lazy("A name"),
        ),
    ],
)


def refusal(description: str | Promise, sentence: str) -> OpenApiResponse:
    example = OpenApiExample("A sentence", {"detail": sentence}, summary=gettext_lazy("A sentence"))
    return OpenApiResponse(Refusal, description=description, examples=[example])


ANONYMOUS = refusal(
    gettext_lazy("There is no valid token. `WWW-Authenticate` says what is missing."),
    "Authentication credentials were not provided.",
)
FORBIDDEN = refusal(
    gettext_lazy("The user does not have the permission."),
    "You do not have permission to perform this action.",
)
MISSING = refusal(gettext_lazy("There is no row with this ID."), "Not found.")


class ApiSchema(AutoSchema):
    """Adds the view's strict parameters and the refusals that every operation shares."""

    def get_override_parameters(self) -> list[Any]:
        if not isinstance(self.view, StrictView):
            return []
        parameters = self.view.parameters_class()()
        return [parameters] if parameters.fields else []

    def get_tags(self) -> list[str]:
        return [self._tokenize_path()[0].replace("_", " ")]

    def _get_response_bodies(self, direction: Direction = "response") -> dict[str, Any]:
        responses = {
            code: self._get_response_for_code(shared, code)
            for code, shared in self._refusals().items()
        }
        return dict(sorted((responses | super()._get_response_bodies(direction)).items()))

    def _refusals(self) -> dict[str, OpenApiResponse]:
        shared = {"400": PROBLEMS}
        if not any(isinstance(rule, AllowAny) for rule in self.view.get_permissions()):
            shared |= {"401": ANONYMOUS, "403": FORBIDDEN}
        if "{" in self.path:
            shared["404"] = MISSING
        return shared
