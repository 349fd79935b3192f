"""Sign-ups that partner systems begin: for forms of their own."""

from typing import Any

from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import OpenApiResponse, extend_schema, extend_schema_serializer
from rest_framework import serializers, status
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from journeys.errors import SignUpRefused
from journeys.models import SignUp, SignUpForm
from journeys.signups.begin_sign_up import begin_sign_up
from optiengine.lib.fields import ReadOnly
from optiengine.lib.parameters import Strict, StrictView
from segments.customers.api.fields import CustomerField


@extend_schema_serializer(description=_("A person signs up for messages."))
class SignUpWrite(Strict):
    form = serializers.SlugRelatedField(
        slug_field="name",
        queryset=SignUpForm.objects.filter(is_open=True),
        help_text=_("Name of the sign-up form whose wording was shown."),
    )
    address = serializers.CharField(
        max_length=254, help_text=_("E-mail address or phone number, by the form's channel.")
    )
    customer = CustomerField(required=False, help_text=_("ID of the customer, if known."))
    topics = serializers.ListField(
        child=serializers.IntegerField(),
        default=list,
        help_text=_("Tag IDs of the form's topics that the person chose."),
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        offered = set(attrs["form"].topics.values_list("pk", flat=True))
        if unknown := [topic for topic in attrs["topics"] if topic not in offered]:
            text = gettext("The form does not offer these topics: %s.")
            raise ValidationError({"topics": [text % ", ".join(map(str, unknown))]})
        return attrs


@extend_schema_serializer(description=_("The sign-up is waiting for confirmation."))
class SignUpBegun(ReadOnly, serializers.Serializer):
    status = serializers.CharField(
        help_text=_("Always “begun”, whether the address is known or not.")
    )


class SignUpViewSet(StrictView, GenericViewSet):
    http_method_names = ["post"]
    queryset = SignUp.objects.all()
    serializer_class = SignUpWrite

    @extend_schema(
        summary=_("Begin a sign-up"),
        description=_(
            "Sends a message with a link to the address. The consent is stored once the person "
            "confirms it on the linked page. Suppressed addresses get no message, and nobody gets "
            "more than three a day."
        ),
        request=SignUpWrite,
        responses={202: OpenApiResponse(SignUpBegun, description=_("The message will be sent."))},
    )
    def create(self, request: Request) -> Response:
        serializer = SignUpWrite(data=request.data)
        serializer.is_valid(raise_exception=True)
        said: dict[str, Any] = serializer.validated_data
        try:
            begin_sign_up(
                said["form"],
                said["address"],
                topics=said["topics"],
                source=f"API: {request.user.get_username()}",
                at=timezone.now(),
                customer=said.get("customer"),
            )
        except SignUpRefused as refused:
            raise ValidationError({"address": [str(refused)]}) from refused
        return Response({"status": "begun"}, status.HTTP_202_ACCEPTED)
