from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db.models import OuterRef, Prefetch, QuerySet, Subquery
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from drf_spectacular.utils import (
    OpenApiExample,
    OpenApiResponse,
    extend_schema,
    extend_schema_view,
)
from rest_framework import status
from rest_framework.decorators import action
from rest_framework.exceptions import PermissionDenied, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ReadOnlyModelViewSet

from optiengine.lib.parameters import StrictView
from segments.channels import EMAIL, SMS
from segments.customers.api.customer_writes import ConsentsWrite, CustomerWrite
from segments.customers.api.serializers import (
    ConsentRecordSerializer,
    ConsentsAnswer,
    CustomerParameters,
    CustomerSerializer,
)
from segments.customers.erase_customer import erase_customer
from segments.customers.find_customer import find_customer
from segments.customers.read_statements import holdings_of, statements_of
from segments.customers.with_address import filter_by_address
from segments.customers.write_customer import say_consents, write_customer
from segments.errors import CustomerRefused
from segments.models import Customer, CustomerMerge, CustomerState, StateBuild


@contextmanager
def refusals_as_validation_errors() -> Iterator[None]:
    try:
        yield
    except CustomerRefused as refused:
        raise ValidationError({"external_id": [str(refused)]}) from refused


@extend_schema_view(
    list=extend_schema(
        summary=gettext_lazy("Customers"),
        description=gettext_lazy(
            "All customers, or those that match the filters, each with consents and latest data."
        ),
    ),
    retrieve=extend_schema(
        summary=gettext_lazy("One customer"),
        description=gettext_lazy(
            "The customer with this ID of your own systems. For an ID with a slash, use "
            "the list with `?external_id=`."
        ),
    ),
)
class CustomerViewSet(StrictView, ReadOnlyModelViewSet):
    """Customers arrive by import or one by one; callers read them."""

    http_method_names = ["get", "head", "put", "patch", "delete"]
    queryset = Customer.objects.all()
    serializer_class = CustomerSerializer
    parameters = {"list": CustomerParameters}
    page_key = "pk"
    lookup_field = "external_id"
    lookup_value_regex = r"[^/\x00]{1,100}"

    def get_object(self) -> Customer:
        """Also by an id that came out of a spreadsheet."""
        if known := find_customer(self.kwargs["external_id"]):
            self.kwargs["external_id"] = known.external_id
        return super().get_object()

    def filter_queryset(self, queryset: QuerySet) -> QuerySet:
        filters = self.asked
        if "external_id" in filters:
            queryset = queryset.filter(external_id=filters["external_id"])
        if "email" in filters:
            queryset = filter_by_address(queryset, "email", filters["email"])
        if "phone" in filters:
            queryset = filter_by_address(queryset, "phone", filters["phone"])
        if "updated_since" in filters:
            queryset = queryset.filter(updated_at__gte=filters["updated_since"])
        states = CustomerState.objects.select_related("micro_segment")
        states = states.filter(as_of=self.build.as_of) if self.build else states.none()
        merges = CustomerMerge.objects.filter(alias=OuterRef("pk"), undone_mark=None)
        queryset = queryset.annotate(merged_into=Subquery(merges.values("kept__external_id")))
        return queryset.prefetch_related(Prefetch("states", states, to_attr="latest_states"))

    def initial(self, request: Any, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        self.build = StateBuild.objects.select_related("feature_set").first()

    @extend_schema(
        summary=gettext_lazy("Create or update a customer"),
        description=gettext_lazy(
            "Creates the customer, or updates the fields in the request; other fields do "
            "not change. Consents need a proof, so they have an operation of their own: "
            "`/consents/`. Repeating the request changes nothing."
        ),
        request=CustomerWrite,
        responses={
            200: OpenApiResponse(
                CustomerSerializer, description=gettext_lazy("The updated customer.")
            ),
            201: OpenApiResponse(
                CustomerSerializer, description=gettext_lazy("The customer was created.")
            ),
        },
    )
    def update(self, request: Request, external_id: str) -> Response:
        at = timezone.now()
        serializer = CustomerWrite(data=request.data, context={"today": at.date()})
        serializer.is_valid(raise_exception=True)
        fields = serializer.validated_data
        may_create = request.user.has_perm("segments.add_customer")
        with refusals_as_validation_errors():
            customer, is_new = write_customer(external_id, fields, at=at, may_create=may_create)
        if customer is None:
            raise PermissionDenied(_("You can update customers but not create them."))
        code = status.HTTP_201_CREATED if is_new else status.HTTP_200_OK
        return self._answer(customer.external_id, code)

    @extend_schema(
        summary=gettext_lazy("Change consents"),
        description=gettext_lazy(
            "Stores a statement for each channel; the newest by the time it was given holds. "
            "What a customer withdrew in person comes back only with `at` later than the "
            "withdrawal and either `by_customer` or a `proof`; otherwise the answer lists the "
            "channel in `kept_withdrawn`. A withdrawal also stops messages that have not been "
            "sent yet."
        ),
        request=ConsentsWrite,
        responses={
            200: OpenApiResponse(ConsentsAnswer, description=gettext_lazy("The updated row."))
        },
        examples=[
            OpenApiExample(
                "A form",
                {
                    "consents": {EMAIL: True, SMS: False},
                    "source": "account page",
                    "at": "2026-03-01T09:00:00Z",
                    "by_customer": True,
                    "proof": {"wording": "Yes, send me offers (4)", "ip": "192.0.2.7"},
                },
                request_only=True,
                summary=gettext_lazy("A form"),
            )
        ],
    )
    @action(detail=True, methods=["patch"])
    def consents(self, request: Request, external_id: str) -> Response:
        at = timezone.now()
        serializer = ConsentsWrite(data=request.data, context={"at": at})
        serializer.is_valid(raise_exception=True)
        said, by = serializer.validated_data, request.user.get_username()
        source = f"{said['source']} (API: {by})"[:100]
        with refusals_as_validation_errors():
            customer = self.get_object()
            recorded = say_consents(
                customer,
                said["consents"],
                source=source,
                at=at,
                said_at=said.get("at"),
                by_customer=said["by_customer"],
                proof=said.get("proof"),
            )
        customer = self.filter_queryset(self.get_queryset()).get(pk=customer.pk)
        context = self.get_serializer_context() | {"kept_withdrawn": recorded.kept_withdrawn}
        return Response(ConsentsAnswer(customer, context=context).data)

    @extend_schema(
        summary=gettext_lazy("Statements about consent"),
        description=gettext_lazy(
            "All statements about the customer's consents, newest first, with source and "
            "proof, and the current consents with the reason."
        ),
        responses={200: ConsentRecordSerializer},
    )
    @consents.mapping.get
    def read_consents(self, request: Request, external_id: str) -> Response:
        statements = statements_of(self.get_object())
        holds = [
            {
                "channel": channel or None,
                "topic": topic,
                "allowed": holding.allowed,
                "why": holding.why.value,
                "said_at": holding.said and holding.said.said_at,
            }
            for (channel, topic), holding in holdings_of(statements).items()
        ]
        record = {"holds": holds, "statements": statements}
        return Response(ConsentRecordSerializer(record).data)

    @extend_schema(
        summary=gettext_lazy("Erase a customer"),
        description=gettext_lazy(
            "Deletes personal data and suppresses the addresses permanently. Decisions "
            "and counts are kept without personal data. This cannot be undone; repeating "
            "it changes nothing."
        ),
        responses={204: OpenApiResponse(description=gettext_lazy("The customer is erased."))},
    )
    def destroy(self, request: Request, external_id: str) -> Response:
        source = f"erasure (API: {request.user.get_username()})"
        erase_customer(self.get_object(), source=source, at=timezone.now())
        return Response(status=status.HTTP_204_NO_CONTENT)

    def _answer(self, external_id: str, code: int) -> Response:
        customer = self.filter_queryset(self.get_queryset()).get(external_id=external_id)
        return Response(self.get_serializer(customer).data, code)

    def get_serializer_context(self) -> dict[str, Any]:
        build = getattr(self, "build", None)  # none while the schema is drawn
        names = build.feature_set.names if build else []
        return {**super().get_serializer_context(), "feature_names": names}
