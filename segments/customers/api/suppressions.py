"""Addresses that partner systems ask us never to write to again."""

from typing import Any

from django.utils import timezone
from django.utils.translation import gettext_lazy
from drf_spectacular.utils import (
    OpenApiResponse,
    extend_schema,
    extend_schema_serializer,
)
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from optiengine.lib.parameters import Strict, StrictView
from segments.channel_field import ChannelField
from segments.channel_labels import channel_choices
from segments.channels import address_field
from segments.customers.suppress_addresses import suppress_addresses
from segments.customers.with_address import is_address
from segments.models import Suppression

MOST_ADDRESSES = 1_000


def _channels() -> list[tuple[str, Any]]:
    return [(name, label) for name, label in channel_choices() if address_field(name)]


@extend_schema_serializer(description=gettext_lazy("Up to 1,000 addresses of one channel."))
class SuppressionsWrite(Strict):
    channel = ChannelField(_channels, help_text=gettext_lazy("Channel of the addresses."))
    addresses = serializers.ListField(
        child=serializers.CharField(max_length=254),
        min_length=1,
        max_length=MOST_ADDRESSES,
        help_text=gettext_lazy("E-mail addresses or phone numbers. Only keyed hashes are stored."),
    )
    reason = serializers.ChoiceField(
        choices=[
            Suppression.Reason.REQUEST,
            Suppression.Reason.COMPLAINT,
            Suppression.Reason.BOUNCE,
        ],
        default="request",
        help_text=gettext_lazy("Why nothing may be sent to them."),
    )
    source = serializers.CharField(  # type: ignore[assignment]
        max_length=60, help_text=gettext_lazy("Where the request came from.")
    )


@extend_schema_serializer(description=gettext_lazy("What became of the addresses."))
class SuppressionsAnswer(serializers.Serializer):
    added = serializers.IntegerField(help_text=gettext_lazy("Addresses that are new on the list."))
    known = serializers.IntegerField(help_text=gettext_lazy("Addresses that were on it already."))
    refused = serializers.ListField(
        child=serializers.IntegerField(),
        help_text=gettext_lazy("Positions of what is not an address, starting at 0."),
    )


class SuppressionViewSet(StrictView, GenericViewSet):
    """The list is written here and never read."""

    queryset = Suppression.objects.all()
    serializer_class = SuppressionsWrite

    @extend_schema(
        summary=gettext_lazy("Suppress addresses"),
        description=gettext_lazy(
            "Nothing is sent to these addresses by the channel again, in any spelling, whether a "
            "customer has them by now or comes with them later. Repeating the request changes "
            "nothing."
        ),
        request=SuppressionsWrite,
        responses={
            200: OpenApiResponse(
                SuppressionsAnswer, description=gettext_lazy("What became of the addresses.")
            )
        },
    )
    def create(self, request: Request) -> Response:
        serializer = SuppressionsWrite(data=request.data)
        serializer.is_valid(raise_exception=True)
        said = serializer.validated_data
        column = address_field(said["channel"]) or ""
        sound = [address for address in said["addresses"] if is_address(column, address)]
        refused = [
            index
            for index, address in enumerate(said["addresses"])
            if not is_address(column, address)
        ]
        added = suppress_addresses(
            [(said["channel"], address) for address in sound],
            reason=said["reason"],
            source=f"{said['source']} (API: {request.user.get_username()})",
            at=timezone.now(),
        )
        counts = {"added": len(added), "known": len(sound) - len(added), "refused": refused}
        return Response(counts, status.HTTP_200_OK)
