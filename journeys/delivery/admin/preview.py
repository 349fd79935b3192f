"""The campaign page's preview: its messages as one customer would read them, and proofs of them."""

import re
from secrets import randbelow
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import Max
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.admin import ModelAdmin
from unfold.decorators import action

from campaigns.models import Action, Campaign
from journeys.delivery.channels import SendResult
from journeys.delivery.preview_message import Preview, previews
from journeys.delivery.send_proof import MOST_ADDRESSES, send_proof
from journeys.errors import ProofRefused
from segments.models import Customer, Organisation
from segments.rules.count_target_group import CountTooSlow
from segments.rules.describe_rule import problem_in_words
from segments.rules.numerics.rule import RuleError
from segments.rules.pick_customer import customer_near

# The frame is sandboxed: no script, no form, no way to the page around it. Its own policy keeps it
# from loading anything but pictures, which an e-mail without would not be seen as it is.
POLICY = "default-src 'none'; img-src https: data:; style-src 'unsafe-inline'"


class Previewing(ModelAdmin):
    """Permission to preview: the page shows a customer and the text of a campaign."""

    def has_preview_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        return request.user.has_perms(["campaigns.view_campaign", "segments.view_customer"])


class PreviewLink(Previewing):
    """Mixed into an action's page; name `preview` among its `actions_detail`."""

    @action(
        description=gettext_lazy("Preview"),
        icon="visibility",
        permissions=["preview"],
        url_path="preview",
    )
    def preview(self, request: HttpRequest, object_id: str) -> HttpResponse:
        action_row = Action.objects.filter(pk=object_id).first() if object_id.isdecimal() else None
        if action_row is None:
            raise Http404
        return redirect(f"{_page(action_row.campaign_id)}#action-{action_row.pk}")


class MessagePreview(Previewing):
    """Mixed into the campaign's page; name `preview` among its `actions_detail`."""

    @action(
        description=gettext_lazy("Preview"),
        icon="visibility",
        permissions=["preview"],
        url_path="preview",
    )
    def preview(self, request: HttpRequest, object_id: str) -> HttpResponse:
        campaign = self._previewed(object_id)
        if request.method == "POST":
            return self._send_proof(request, campaign)
        customer, problem = _chosen(request, campaign)
        shown = previews(campaign, customer) if customer else []
        context = {
            **self.admin_site.each_context(request),
            "title": _("%s: preview") % campaign,
            "opts": self.opts,
            "campaign": campaign,
            "customer": customer,
            "problem": problem,
            "previews": [(each, _framed(each)) for each in shown],
            "proofable": [each.action for each in shown if each.can_be_proofed],
            "may_proof": _may_proof(request),
            "most_addresses": MOST_ADDRESSES,
        }
        return TemplateResponse(request, "journeys/preview.html", context)

    def _previewed(self, object_id: str) -> Campaign:
        campaigns = Campaign.objects.select_related("target_group")
        campaign = campaigns.filter(pk=object_id).first() if object_id.isdecimal() else None
        if campaign is None:
            raise Http404
        return campaign

    def _send_proof(self, request: HttpRequest, campaign: Campaign) -> HttpResponse:
        if not _may_proof(request):
            raise PermissionDenied
        customer = Customer.objects.filter(external_id=request.POST.get("customer", "")).first()
        chosen = request.POST.get("action", "")
        action = campaign.actions.filter(pk=chosen if chosen.isdecimal() else 0).first()
        if customer is None or action is None:
            raise Http404
        now = timezone.now()
        today = Organisation.current().today(now)
        typed = re.split(r"[\n,;]", request.POST.get("addresses", ""))
        try:
            receipts = send_proof(action, customer, typed, as_of=today, now=now)
        except ProofRefused as error:
            self.message_user(request, str(error), messages.ERROR)
        else:
            self._tell(request, campaign, action, customer, receipts)
        return redirect(f"{_page(campaign.pk)}?{urlencode({'customer': customer.external_id})}")

    def _tell(
        self,
        request: HttpRequest,
        campaign: Campaign,
        action: Action,
        customer: Customer,
        receipts: list,
    ) -> None:
        sent = [address for address, receipt in receipts if receipt.result == SendResult.SENT]
        if sent:
            text = _("Test send of “%(action)s” for customer %(customer)s sent to %(addresses)s.")
            words = {"action": action.name, "customer": customer, "addresses": ", ".join(sent)}
            self.log_change(request, campaign, text % words)
            self.message_user(request, text % words, messages.SUCCESS)
        for address, receipt in receipts:
            if receipt.result != SendResult.SENT:
                text = _("%(address)s: not sent. %(reason)s")
                if receipt.result == SendResult.UNKNOWN:
                    text = _("%(address)s: may have been sent. %(reason)s")
                words = {"address": address, "reason": receipt.reason or ""}
                self.message_user(request, text % words, messages.ERROR)


def _page(campaign_id: int) -> str:
    return reverse("admin:campaigns_campaign_preview", args=[campaign_id])


def _may_proof(request: HttpRequest) -> bool:
    return request.user.has_perm("campaigns.proof_campaign")


def _chosen(request: HttpRequest, campaign: Campaign) -> tuple[Customer | None, str]:
    """The requested customer, or one of the target group; and why there is none."""
    external_id, go = request.GET.get("customer", "").strip(), request.GET.get("go", "")
    customer = Customer.objects.filter(external_id=external_id).first() if external_id else None
    if external_id and customer is None:
        return None, _("Customer “%s” does not exist.") % external_id
    if customer is not None and go not in ("next", "previous"):
        return customer, ""
    step = {"next": 1, "previous": -1}.get(go, 0)
    near = customer.pk + step if customer else randbelow(_highest_id() + 1)
    try:
        neighbour = customer_near(campaign.target_group, near, is_backwards=step < 0)
    except RuleError as error:
        return None, problem_in_words(error)
    except CountTooSlow:
        return None, _("Finding a customer takes too long. Enter a customer ID instead.")
    return neighbour, "" if neighbour else _("No customer in the target group can be contacted.")


def _highest_id() -> int:
    return Customer.objects.aggregate(most=Max("pk"))["most"] or 0


def _framed(preview: Preview) -> str:
    """The HTML part as the frame shows it."""
    if preview.words is None or not preview.words.html:
        return ""
    policy = f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
    return f"{policy}{preview.words.html}"
