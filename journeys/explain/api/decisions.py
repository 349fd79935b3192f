from datetime import date
from typing import Any

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import (
    OpenApiExample,
    OpenApiParameter,
    OpenApiResponse,
    extend_schema,
    extend_schema_view,
)
from rest_framework.decorators import action
from rest_framework.mixins import ListModelMixin
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from journeys.decisions.api.serializers import DecisionParameters, DecisionSerializer
from journeys.explain.api.explanation import ExplanationSerializer
from journeys.explain.explain_decision import explain_decision
from journeys.models import Decision, DecisionRun
from optiengine.lib.parameters import StrictView

ONE = r"(?P<as_of>[0-9]{4}-[0-9]{2}-[0-9]{2})/(?P<customer>[^/\x00]{1,100})"
WHERE = [
    OpenApiParameter(
        "as_of", OpenApiTypes.DATE, OpenApiParameter.PATH, description=gettext_lazy("The day.")
    ),
    OpenApiParameter(
        "customer",
        OpenApiTypes.STR,
        OpenApiParameter.PATH,
        description=gettext_lazy("The customer's ID."),
    ),
]

DECISION = OpenApiExample(
    "A control",
    {
        "as_of": "2026-03-01",
        "customer": "C-10042",
        "arm": "optimised",
        "layer": "auto",
        "campaign": 7,
        "campaign_name": "Spring",
        "action": 12,
        "action_name": "10 % off",
        "channel": "email",
        "is_control": True,
        "assignment_prob": 0.82,
        "response_prob": 0.064,
        "value_now_cents": 41.5,
        "value_later_cents": 12.0,
        "slot_cost_cents": 8.3,
        "price_cents": 4.1,
        "cost_cents": 2.5,
    },
    response_only=True,
    status_codes=["200"],
    summary=gettext_lazy("A control customer"),
)


@extend_schema_view(
    list=extend_schema(
        summary=gettext_lazy("Decisions"),
        description=gettext_lazy(
            "One decision for each customer and finished run, including “no message”, in "
            "a fixed order of customers. For one customer without a day: newest first. "
            "`is_control` means control: its message must not be sent."
        ),
    )
)
class DecisionViewSet(StrictView, ListModelMixin, GenericViewSet):
    """Decisions are made by runs; callers read those of finished runs."""

    queryset = Decision.objects.select_related("customer", "campaign", "action")
    serializer_class = DecisionSerializer
    parameters = {"list": DecisionParameters}

    @cached_property
    def run(self) -> DecisionRun | None:
        """The finished run that the list is about."""
        done = DecisionRun.objects.daily().filter(status=DecisionRun.Status.DONE).defer("rulebook")
        if "as_of" in self.asked:
            done = done.filter(as_of=self.asked["as_of"])
        return done.order_by("-as_of").first()

    @property
    def is_history(self) -> bool:
        """Whether one customer's decisions of all days are requested."""
        return "customer" in self.asked and "as_of" not in self.asked

    @property
    def page_key(self) -> str:
        return "-as_of" if self.is_history else "customer_id"

    def filter_queryset(self, queryset: QuerySet) -> QuerySet:
        """By run and day, or by customer: what the partitions and their indexes are made for."""
        if self.is_history:
            queryset = queryset.filter(run__status=DecisionRun.Status.DONE)
        elif self.run is None:
            return queryset.none()
        else:
            queryset = queryset.filter(run_id=self.run.pk, as_of=self.run.as_of)
        if "customer" in self.asked:
            queryset = queryset.filter(customer_id=self.asked["customer"].pk)
        if "campaign" in self.asked:
            queryset = queryset.filter(campaign_id=self.asked["campaign"].pk)
        return queryset

    @extend_schema(
        summary=gettext_lazy("One decision"),
        description=gettext_lazy("What the run of this day chose for this customer."),
        examples=[DECISION],
        parameters=WHERE,
    )
    @action(detail=False, url_path=ONE, url_name="detail")
    def one(self, request: Request, as_of: str, customer: str) -> Response:
        return Response(self.get_serializer(self.find(as_of, customer)).data)

    @extend_schema(
        summary=gettext_lazy("Explanation of a decision"),
        description=gettext_lazy(
            "Why the customer got this message or none: all options with their verdicts, "
            "values and probabilities, and the random draws, recomputed from the inputs "
            "of the run."
        ),
        parameters=WHERE,
        responses={
            200: OpenApiResponse(
                ExplanationSerializer, description=gettext_lazy("The explanation.")
            )
        },
    )
    @action(detail=False, url_path=f"{ONE}/explanation", url_name="explanation")
    def explanation(self, request: Request, as_of: str, customer: str) -> Response:
        explained = explain_decision(self.find(as_of, customer))
        return Response(ExplanationSerializer(explained).data)

    def find(self, as_of: str, customer: str) -> Decision:
        done: dict[str, Any] = {"run__status": DecisionRun.Status.DONE}
        return get_object_or_404(
            self.get_queryset(), as_of=_day(as_of), customer__external_id=customer, **done
        )


def _day(text: str) -> date | None:
    """None, which no decision has, for what looks like a day and is none."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
