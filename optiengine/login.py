"""How a partner system gets its token."""

from django.utils.translation import gettext_lazy
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import (
    OpenApiExample,
    OpenApiResponse,
    extend_schema,
    extend_schema_serializer,
)
from rest_framework import serializers
from rest_framework.authtoken.models import Token
from rest_framework.authtoken.serializers import AuthTokenSerializer
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from optiengine.lib.parameters import Strict, StrictView
from optiengine.lib.schema import refusal


@extend_schema_serializer(description=gettext_lazy("User name and password, to get a token."))
class LoginSerializer(Strict, AuthTokenSerializer):
    username = serializers.CharField(max_length=150, write_only=True)
    password = serializers.CharField(
        max_length=4096,
        trim_whitespace=False,
        write_only=True,
        style={"input_type": "password"},
    )
    token = serializers.CharField(
        read_only=True, help_text=_("Send it as `Authorization: Token …`.")
    )


TOO_MANY = refusal(gettext_lazy("Too many attempts from this address."), "Request was throttled.")


class LoginViewSet(StrictView, GenericViewSet):
    """Takes no session and needs no permission: the password is enough to get the token."""

    serializer_class = LoginSerializer
    authentication_classes = ()
    permission_classes = (AllowAny,)
    throttle_scope = "login"

    @extend_schema(
        operation_id="login",
        summary=gettext_lazy("Log in"),
        description=gettext_lazy(
            "Returns the user's token, to be sent with every other request as "
            "`Authorization: Token …`. It stays the same until it is deleted in the "
            "admin."
        ),
        responses={
            200: OpenApiResponse(LoginSerializer, description=gettext_lazy("The token.")),
            429: TOO_MANY,
        },
        examples=[
            OpenApiExample(
                "A user",
                {"username": "partner", "password": "…"},
                request_only=True,
                summary=gettext_lazy("A user"),
            ),
            OpenApiExample(
                "A token",
                {"token": "9944b09199c62bcf9418ad846dd0e4bbdfc6ee4b"},
                response_only=True,
                status_codes=["200"],
                summary=gettext_lazy("A token"),
            ),
        ],
    )
    def create(self, request: Request) -> Response:
        serializer = self.get_serializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        token, _made = Token.objects.get_or_create(user=serializer.validated_data["user"])
        return Response({"token": token.key})
