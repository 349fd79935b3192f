"""What to say to a customer who is here now: on a page, or on the telephone."""

from typing import Any

from django.db import DatabaseError
from django.http import Http404
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import (
    OpenApiExample,
    OpenApiParameter,
    OpenApiResponse,
    extend_schema,
    extend_schema_serializer,
)
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
from segments.same_person import kept_numbers

RETRY_SECONDS = 60


@extend_schema_serializer(description=_("All fields are optional."))
class NextBestRequest(Strict):
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


@extend_schema_serializer(description=_("The text, filled in for the customer."))
class MessageSerializer(ReadOnly, serializers.Serializer):
    subject = serializers.CharField()
    text = serializers.CharField()
    html = serializers.CharField(help_text=_("Empty if the action has none."))


@extend_schema_serializer(
    description=_("The message to show now, or none. It is logged, counted and measured as shown.")
)
class NextBestSerializer(ReadOnly, serializers.Serializer):
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
    summary=_("A message to show"),
)


class NextBestViewSet(StrictView, GenericViewSet):
    """Decided at once, from what is known of the customer at this moment."""

    queryset = LiveDecision.objects.none()
    serializer_class = NextBestSerializer
    pagination_class = None

    @extend_schema(
        operation_id="customers_next_best_campaign",
        summary=_("Next best campaign"),
        description=_(
            "Decides for one customer now, under the same limits as the daily run, and "
            "logs the decision. The answer is one message: transactional campaigns and "
            "campaigns sent alongside the day's campaign are not considered. The message "
            "counts as sent with the answer; a control customer gets none. For a merged "
            "record, the answer is that of the record it is merged into."
        ),
        request=NextBestRequest,
        responses={
            200: OpenApiResponse(
                NextBestSerializer, description=_("The message to show, or none.")
            ),
            404: OpenApiResponse(
                OpenApiTypes.OBJECT,
                description=_("The customer does not exist, or has no data yet."),
            ),
            503: OpenApiResponse(
                OpenApiTypes.OBJECT,
                description=_(
                    "No decision is possible now: customer data is too old, sending is "
                    "stopped, or the database is unavailable. `Retry-After` says when to "
                    "try again."
                ),
            ),
        },
        parameters=[
            OpenApiParameter(
                "customer", OpenApiTypes.STR, "path", description=_("The customer's ID.")
            )
        ],
        examples=[
            OpenApiExample(
                "On a page",
                {"request_id": "visit-81"},
                request_only=True,
                summary=_("A web page"),
            ),
            SAID,
        ],
    )
    def create(self, request: Request, customer: str) -> Response:
        wanted = NextBestRequest(data=request.data)
        wanted.is_valid(raise_exception=True)
        customer_row = get_object_or_404(Customer, external_id=customer, erased_at=None)
        if kept := kept_numbers([customer_row.pk]):
            customer_row = Customer.objects.get(pk=kept[customer_row.pk])
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
