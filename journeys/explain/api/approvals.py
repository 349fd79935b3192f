"""What waits for a second person, and their word on it, for systems that decide elsewhere."""

from collections.abc import Callable

from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import (
    OpenApiExample,
    OpenApiResponse,
    extend_schema,
    extend_schema_serializer,
    extend_schema_view,
)
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.exceptions import ValidationError
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ReadOnlyModelViewSet

from campaigns.errors import ApprovalRefused
from campaigns.models import Approval
from campaigns.services.approvals import approve, refuse
from optiengine.lib.fields import ReadOnly
from optiengine.lib.parameters import PageParameters, Strict, StrictView


class MayApprove(BasePermission):
    """Reading needs the view permission; deciding, also the one to approve."""

    def has_permission(self, request: Request, view: object) -> bool:
        if request.method == "OPTIONS":
            return request.user.is_authenticated  # answered with “not allowed”, as everywhere
        if not request.user.has_perm("campaigns.view_approval"):
            return False
        may_decide = request.user.has_perm("campaigns.approve_approval")
        return request.method in ("GET", "HEAD") or may_decide


@extend_schema_serializer(description=_("The decision on a request, with a note."))
class Answer(Strict):
    note = serializers.CharField(
        max_length=2000, allow_blank=True, help_text=_("Reason (optional).")
    )


class ApprovalSerializer(ReadOnly, serializers.ModelSerializer):
    requested_by = serializers.CharField(
        source="requested_by.username", default=None, allow_null=True
    )
    decided_by = serializers.CharField(source="decided_by.username", default=None, allow_null=True)

    class Meta:
        model = Approval
        fields = [
            *("id", "kind", "object_id", "name", "changes", "audience", "status", "reason"),
            *("requested_by", "requested_at", "note", "decided_by", "decided_at", "answer"),
            *("dry_run_status", "dry_run"),
        ]


ASKED = OpenApiExample(
    "A cap that waits",
    {
        "id": 4,
        "kind": "rules",
        "object_id": None,
        "name": "One a week",
        "changes": [
            {
                "table": "campaigns.frequencycap",
                "pk": 3,
                "name": "One a week",
                "old": {"limit": 1},
                "new": {"limit": 2},
            }
        ],
        "audience": 20_000,
        "status": "waiting",
        "reason": "",
        "requested_by": "anna",
        "requested_at": "2026-03-01T09:00:00Z",
        "note": "For spring",
        "decided_by": None,
        "decided_at": None,
        "answer": "",
        "dry_run_status": "waiting",
        "dry_run": {},
    },
    response_only=True,
    status_codes=["200"],
    summary=_("A cap waiting for approval"),
)


def _decides(summary: Promise, description: Promise) -> Callable:
    return extend_schema(
        summary=summary,
        description=description,
        request=Answer,
        responses={200: OpenApiResponse(ApprovalSerializer, description=_("The updated row."))},
        examples=[
            OpenApiExample("A word", {"note": "Fine"}, request_only=True, summary=_("A note")),
            ASKED,
        ],
    )


@extend_schema_view(
    list=extend_schema(
        summary=_("Approvals"),
        description=_(
            "Requested launches and rule changes, newest first, each with its expected "
            "effect. Dry runs without a request for approval are included."
        ),
    ),
    retrieve=extend_schema(
        examples=[ASKED],
        summary=_("One approval"),
        description=_("The approval with this ID."),
    ),
)
class ApprovalViewSet(StrictView, ReadOnlyModelViewSet):
    """The same rules as in the admin: nobody decides on their own request or change."""

    queryset = Approval.objects.select_related("requested_by", "decided_by")
    serializer_class = ApprovalSerializer
    permission_classes = [MayApprove]
    parameters = {"list": PageParameters}
    page_key = "-pk"
    lookup_value_regex = r"[0-9]{1,18}"

    @_decides(
        _("Approve"),
        _(
            "Approves the request as a second person: a launch can then happen, a change "
            "takes effect at once. If its subject has changed since the request, it is "
            "withdrawn instead, with status 400."
        ),
    )
    @action(detail=True, methods=["post"], pagination_class=None)
    def approve(self, request: Request, pk: str | None = None) -> Response:
        return self._decide(request, approve)

    @_decides(_("Refuse"), _("Refuses the request. Nothing changes."))
    @action(detail=True, methods=["post"], pagination_class=None)
    def refuse(self, request: Request, pk: str | None = None) -> Response:
        return self._decide(request, refuse)

    def _decide(self, request: Request, verb: Callable[..., Approval]) -> Response:
        said = Answer(data=request.data)
        said.is_valid(raise_exception=True)
        try:
            approval = verb(
                self.get_object(), by=request.user, at=timezone.now(), **said.validated_data
            )
        except ApprovalRefused as refused:
            raise ValidationError({"detail": [str(refused)]}) from refused
        return Response(self.get_serializer(approval).data)
