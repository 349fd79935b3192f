"""What to say to a customer who is here now: on a page, or on the telephone."""

from typing import Any

from django.db import DatabaseError
from django.http import Http404
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers, status
from rest_framework.generics import get_object_or_404
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from journeys.decisions.answer_customer import answer_customer
from journeys.errors import SendingStopped, StaleState
from journeys.models import LiveDecision
from optiengine.lib.fields import ReadOnly
from optiengine.lib.parameters import Strict, StrictView
from segments.channel_field import ChannelField
from segments.channel_labels import inbound_choices
from segments.models import Customer

RETRY_SECONDS = 60


class NextBestRequest(Strict):
    """Everything may be left out."""

    channels = serializers.ListField(
        child=ChannelField(among=inbound_choices),
        required=False,
        allow_empty=False,
        help_text=_("Channels that can show the answer (default: all inbound channels)."),
    )
    request_id = serializers.CharField(
        required=False,
        max_length=60,
        help_text=_(
            "Your own key for this request. The same key on the same day returns the "
            "same answer and takes no second slot."
        ),
    )


class MessageSerializer(ReadOnly, serializers.Serializer):
    """The words, filled in for the customer."""

    subject = serializers.CharField()
    text = serializers.CharField()
    html = serializers.CharField(help_text=_("Empty if the action has none."))


class NextBestSerializer(ReadOnly, serializers.Serializer):
    """What to say now, or nothing. It is logged, counted and measured as if it was said."""

    decision = serializers.IntegerField(
        help_text=_("ID of the decision, to request its explanation.")
    )
    as_of = serializers.DateField()
    campaign = serializers.IntegerField(
        allow_null=True, help_text=_("Null: no message for this customer now.")
    )
    campaign_name = serializers.CharField(allow_null=True)
    action = serializers.IntegerField(allow_null=True)
    action_name = serializers.CharField(allow_null=True)
    offer = serializers.CharField(allow_null=True)
    message = MessageSerializer(allow_null=True)


SAID = OpenApiExample(
    "Something to say",
    {
        "decision": 8_214_553,
        "as_of": "2026-03-01",
        "campaign": 7,
        "campaign_name": "Loyalty upgrade",
        "action": 12,
        "action_name": "Banner",
        "offer": "Free delivery",
        "message": {"subject": "", "text": "Welcome back, Anna!", "html": ""},
    },
    response_only=True,
)


class NextBestViewSet(StrictView, GenericViewSet):
    """Decided at once, from what is known of the customer at this moment."""

    queryset = LiveDecision.objects.none()
    serializer_class = NextBestSerializer
    pagination_class = None

    @extend_schema(
        operation_id="customers_next_best_campaign",
        summary="The next best campaign",
        description="Decides for one customer now, under the same limits and locks as the daily "
        "run, and logs it like any decision. An answer is one message: campaigns sent alongside "
        "the day's campaign, and transactional ones, take no part. The message counts as "
        "handed over with the answer; a control member gets none.",
        request=NextBestRequest,
        responses={
            200: OpenApiResponse(NextBestSerializer, description="What to say, or nothing."),
            404: OpenApiResponse(
                OpenApiTypes.OBJECT, description="There is no such customer, or not yet."
            ),
            503: OpenApiResponse(
                OpenApiTypes.OBJECT,
                description="Nothing is decided now: features are too old, sending is stopped, or "
                "the database is not there. `Retry-After` says when to ask again.",
            ),
        },
        parameters=[
            OpenApiParameter("customer", OpenApiTypes.STR, "path", description="The customer's id.")
        ],
        examples=[OpenApiExample("On a page", {"request_id": "visit-81"}, request_only=True), SAID],
    )
    def create(self, request: Request, customer: str) -> Response:
        wanted = NextBestRequest(data=request.data)
        wanted.is_valid(raise_exception=True)
        customer_row = get_object_or_404(Customer, external_id=customer, erased_at=None)
        try:
            answer = answer_customer(customer_row, at=timezone.now(), **wanted.validated_data)
        except (StaleState, SendingStopped) as closed:
            return _later(str(closed))
        except DatabaseError:
            return _later(str(_("The database cannot decide at the moment. Try again.")))
        if answer is None:
            raise Http404
        return Response(self.get_serializer(answer).data)


def _later(sentence: str) -> Response:
    body: dict[str, Any] = {"detail": sentence}
    headers = {"Retry-After": str(RETRY_SECONDS)}
    return Response(body, status.HTTP_503_SERVICE_UNAVAILABLE, headers=headers)
