"""Events handed in by partner systems."""

import json
import re
from collections import Counter
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from drf_spectacular.utils import (
    OpenApiExample,
    OpenApiResponse,
    extend_schema,
    extend_schema_serializer,
)
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from optiengine.lib.fields import MomentField
from optiengine.lib.json_body import BatchJson
from optiengine.lib.parameters import Strict, StrictView
from segments.channels import outbound_channels
from segments.events.feedback import FEEDBACK
from segments.events.store_events import NewEvent, Stored, store_events
from segments.models import Event
from segments.models.event import MAX_AHEAD
from segments.shapes import KIND, MAX_CENTS

MAX_EVENTS = 1_000
MAX_PROPERTIES = 10_000  # characters of one event's
MAX_DEPTH = 8


@extend_schema_serializer(description=gettext_lazy("Something a customer did."))
class EventItem(Strict):
    external_id = serializers.CharField(
        max_length=100,
        trim_whitespace=False,
        help_text=gettext_lazy(
            "ID of the event in your system. Sending the same ID again changes nothing."
        ),
    )
    customer = serializers.CharField(
        max_length=100,
        trim_whitespace=False,
        required=False,
        allow_blank=True,
        default="",
        help_text=gettext_lazy("ID of the customer; may be left out if an address is given."),
    )
    email = serializers.CharField(
        max_length=254,
        required=False,
        help_text=gettext_lazy("E-mail address of the customer, used if the ID is not known."),
    )
    phone = serializers.CharField(
        max_length=40,
        required=False,
        help_text=gettext_lazy("Phone number of the customer, used if the ID is not known."),
    )
    kind = serializers.CharField(
        max_length=40,
        help_text=gettext_lazy(
            "order, return, visit, open, click, … or an event kind of your own."
        ),
    )
    occurred_at = MomentField(
        help_text=gettext_lazy("When it happened; at most one day in the future.")
    )
    amount_cents = serializers.IntegerField(
        min_value=-MAX_CENTS,
        max_value=MAX_CENTS,
        allow_null=True,
        required=False,
        help_text=gettext_lazy("Margin in cents, or revenue for orders whose margin is unknown."),
    )
    properties = serializers.DictField(
        required=False,
        help_text=gettext_lazy(
            "Other properties. For bounces, complaints and unsubscribes: `channel`; for "
            "bounces also `hard` (true or false). These take effect at once."
        ),
    )

    def validate_kind(self, kind: str) -> str:
        if not re.match(KIND, kind):
            raise serializers.ValidationError(
                _("Start with a letter. Use letters, digits, spaces and _ . : / - only.")
            )
        return kind.lower()

    def validate_occurred_at(self, moment: Any) -> Any:
        if moment > self.context["at"] + MAX_AHEAD:
            raise serializers.ValidationError(_("The time is more than one day in the future."))
        return moment

    def validate_properties(self, properties: dict[str, Any]) -> dict[str, Any]:
        if _depth(properties) > MAX_DEPTH:
            raise serializers.ValidationError(_("The properties are nested too deeply."))
        text = json.dumps(properties, ensure_ascii=False)
        if len(text) > MAX_PROPERTIES:
            raise serializers.ValidationError(
                _("The properties are longer than 10,000 characters.")
            )
        if "\\u0000" in text or _has_surrogate(text):  # the database has neither
            raise serializers.ValidationError(_("The properties contain an invalid character."))
        return properties

    def validate(self, event: dict[str, Any]) -> dict[str, Any]:
        if not (event["customer"] or event.get("email") or event.get("phone")):
            text = _("Name the customer by ID, e-mail address or phone number.")
            raise serializers.ValidationError({"customer": [text]})
        if event["kind"] in FEEDBACK:
            properties = event.get("properties", {})
            if properties.get("channel") not in outbound_channels():
                text = _("Specify the channel of the message in `channel`.")
                raise serializers.ValidationError({"properties": [text]})
            if event["kind"] == "bounce" and not isinstance(properties.get("hard"), bool):
                text = _("Specify `hard` (true or false) for a bounce.")
                raise serializers.ValidationError({"properties": [text]})
        return event


@extend_schema_serializer(
    description=gettext_lazy("Up to 1,000 events. Each is stored or refused on its own.")
)
class EventBatch(Strict):
    source = serializers.RegexField(  # type: ignore[assignment]
        r"^[A-Za-z0-9][A-Za-z0-9_.-]*$",
        max_length=40,
        default="api",
        help_text=gettext_lazy("The system the events come from. IDs are unique within it."),
    )
    unknown_customers = serializers.ChoiceField(
        choices=["wait", "create", "refuse"],
        default="wait",
        help_text=gettext_lazy(
            "Events of customers who are not known yet: keep them until the customer is known, "
            "create the customer if an ID is given, or refuse them."
        ),
    )
    events = serializers.ListField(
        child=serializers.DictField(), min_length=1, max_length=MAX_EVENTS
    )


class EventBatchSchema(EventBatch):
    """Up to 1,000 events; each is taken or refused by itself."""

    events = EventItem(many=True)  # type: ignore[assignment]


@extend_schema_serializer(description=gettext_lazy("The result for one event."))
class EventResult(serializers.Serializer):
    index = serializers.IntegerField(
        help_text=gettext_lazy("Position in the batch, starting at 0.")
    )
    status = serializers.ChoiceField(choices=["stored", "repeated", "waiting", "refused"])
    reason = serializers.CharField(
        help_text=gettext_lazy("Why it was refused. Empty if it was stored.")
    )


@extend_schema_serializer(description=gettext_lazy("The results for a batch."))
class EventResults(serializers.Serializer):
    stored = serializers.IntegerField()
    repeated = serializers.IntegerField()
    waiting = serializers.IntegerField(
        help_text=gettext_lazy("Kept until their customers are known.")
    )
    refused = serializers.IntegerField()
    results = EventResult(many=True)


class EventViewSet(StrictView, GenericViewSet):
    """Events arrive by import or here."""

    queryset = Event.objects.all()
    serializer_class = EventBatch
    parser_classes = (BatchJson,)

    @extend_schema(
        summary=gettext_lazy("Send events"),
        description=gettext_lazy(
            "Stores up to 1,000 events and returns a result for each. An event is "
            "identified by `source` and `external_id`: sending it again returns "
            "`repeated` and changes nothing, so a request without an answer can be sent "
            "again. The answer comes after the events are stored. 207: some were refused."
        ),
        request=EventBatchSchema,
        responses={
            200: OpenApiResponse(EventResults, description=gettext_lazy("All events are stored.")),
            207: OpenApiResponse(
                EventResults,
                description=gettext_lazy("Some events were refused; the result says why."),
            ),
        },
        examples=[
            OpenApiExample(
                "A cart",
                {
                    "source": "shop",
                    "events": [
                        {
                            "external_id": "cart-17",
                            "customer": "K-1",
                            "kind": "cart",
                            "occurred_at": "2026-03-01T09:00:00Z",
                            "properties": {"category": "shoes"},
                        }
                    ],
                },
                request_only=True,
                summary=gettext_lazy("A cart event"),
            )
        ],
    )
    def create(self, request: Request) -> Response:
        batch = EventBatch(data=request.data)
        batch.is_valid(raise_exception=True)
        at, rows = timezone.now(), batch.validated_data["events"]
        items = [EventItem(data=row, context={"at": at}) for row in rows]
        sound = {
            index: NewEvent(**i.validated_data) for index, i in enumerate(items) if i.is_valid()
        }
        said = batch.validated_data
        stored = store_events(
            list(sound.values()), source=said["source"], at=at, unknown=said["unknown_customers"]
        )
        stored_at = dict(zip(sound, stored, strict=True))
        results = [
            stored_at.get(index) or Stored("refused", _in_words(item.errors))
            for index, item in enumerate(items)
        ]
        counts = Counter(result.status for result in results)
        answer = {name: counts[name] for name in ("stored", "repeated", "waiting", "refused")} | {
            "results": [
                {"index": index, "status": result.status, "reason": result.reason}
                for index, result in enumerate(results)
            ]
        }
        code = status.HTTP_207_MULTI_STATUS if counts["refused"] else status.HTTP_200_OK
        return Response(answer, code)


def _in_words(errors: Any) -> str:
    """A serializer's errors as one line: "kind: This field is required."."""
    if isinstance(errors, dict):
        return " ".join(f"{name}: {_in_words(inner)}" for name, inner in errors.items())
    if isinstance(errors, list):
        return " ".join(_in_words(inner) for inner in errors)
    return str(errors)


def _depth(value: Any) -> int:
    if isinstance(value, dict):
        return 1 + max(map(_depth, value.values()), default=0)
    if isinstance(value, list):
        return 1 + max(map(_depth, value), default=0)
    return 0


def _has_surrogate(text: str) -> bool:
    return any("\ud800" <= character <= "\udfff" for character in text)
