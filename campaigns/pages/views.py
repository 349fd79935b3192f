"""Unsubscribing by one click (RFC 8058) and the preference page.

Reading never changes anything: mail scanners open every link of a message. Neither page knows
cookies, so there is no session to abuse and nothing for a CSRF token to protect; what a request
may do is what its token names.
"""

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.datastructures import MultiValueDict
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from campaigns.pages.answer import answer, find_reader, is_too_often, short_answer
from campaigns.services.preferences import (
    masked,
    offered_channels,
    save_preferences,
    topic_choices,
)
from segments.channel_labels import channel_label
from segments.channels import address_field
from segments.customers.customer_links import PREFERENCES, UNSUBSCRIBE, Reader, make_token
from segments.customers.withdraw_consent import withdraw_consent
from segments.models import Customer, EventKind, Organisation
from segments.models.consent import ConsentSource

ONE_CLICK = ("List-Unsubscribe", "One-Click")  # RFC 8058, 3.1


@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
def unsubscribe(request: HttpRequest, token: str) -> HttpResponse:
    """GET: a page with a button. POST with List-Unsubscribe=One-Click: the consent is withdrawn."""
    try:
        reader, customer = find_reader(UNSUBSCRIBE, token)
    except Http404:
        return short_answer(429 if is_too_often(request) else 404)
    if request.method != "POST":
        return _unsubscribe_page(request, reader, customer, is_done=False)
    if request.POST.get(ONE_CLICK[0]) != ONE_CLICK[1]:
        return short_answer(400)
    withdraw_consent(
        customer,
        reader.channel,
        kind=EventKind.UNSUBSCRIBE,
        campaign_id=reader.campaign_id,
        by=ConsentSource.UNSUBSCRIBE_PAGE,
        source="unsubscribe link",
        at=timezone.now(),
    )
    return _unsubscribe_page(request, reader, customer, is_done=True)


def _unsubscribe_page(
    request: HttpRequest, reader: Reader, customer: Customer, *, is_done: bool
) -> HttpResponse:
    column = address_field(reader.channel)
    context = {
        "brand": Organisation.current().name,
        "channel": channel_label(reader.channel),
        "address": masked(getattr(customer, column)) if column else "",
        "is_off": is_done or reader.channel not in customer.consents,
        "one_click": ONE_CLICK,
        "preferences": f"/{PREFERENCES}/{make_token(PREFERENCES, reader)}/",
    }
    page = "campaigns/pages/unsubscribe.html"
    return answer(request, page, context, language=customer.language)


@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
def preferences(request: HttpRequest, token: str) -> HttpResponse:
    """By which channels, and about what, a customer wants to hear from us."""
    if is_too_often(request):
        return short_answer(429)
    try:
        reader, customer = find_reader(PREFERENCES, token)
    except Http404:
        return short_answer(404)
    if request.method == "POST":
        sent: MultiValueDict = request.POST
        if sent.get("save") not in ("chosen", "none"):
            return short_answer(400)
        wants_some = sent["save"] == "chosen"
        ticked = set(sent.getlist("topic"))
        topics = {
            topic.pk
            for topic, is_wanted in topic_choices(customer)
            if (str(topic.pk) in ticked if wants_some else is_wanted)
        }
        save_preferences(
            customer,
            channels=sent.getlist("channel") if wants_some else [],
            topics=topics,
            campaign_id=reader.campaign_id,
            at=timezone.now(),
        )
        return redirect(f"{request.path}?saved")  # so that loading again sends nothing twice
    context = {
        "brand": Organisation.current().name,
        "channels": offered_channels(customer),
        "topics": topic_choices(customer),
        "is_saved": "saved" in request.GET,
    }
    page = "campaigns/pages/preferences.html"
    return answer(request, page, context, language=customer.language)
