"""The public pages of a sign-up: the form, and the confirmation behind the link.

As with the preference page there are no cookies, so there is nothing for a CSRF token to protect.
The form answers alike for known and unknown addresses. Reading a link changes
nothing.
"""

from typing import cast

from django.http import HttpRequest, HttpResponse
from django.utils import timezone, translation
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods
from rest_framework.request import Request
from rest_framework.throttling import SimpleRateThrottle
from rest_framework.views import APIView

from campaigns.pages.answer import answer, is_too_often, short_answer
from campaigns.services.preferences import masked
from journeys.errors import SignUpRefused
from journeys.models import SignUp, SignUpForm
from journeys.signups.begin_sign_up import begin_sign_up
from journeys.signups.confirm_sign_up import confirm_sign_up
from journeys.signups.send_confirmations import read_confirmation
from segments.channels import CHANNELS
from segments.models import Organisation

HONEYPOT = "website"  # hidden from people, so only programs fill it in


class SignUpThrottle(SimpleRateThrottle):
    """Sign-ups from one IP address."""

    scope = "sign_ups"

    def get_cache_key(self, request: Request, view: object) -> str:
        return self.cache_format % {"scope": self.scope, "ident": self.get_ident(request)}


def ip_of(request: HttpRequest) -> str:
    """The address that the request came from, behind as many proxies as the settings name."""
    return SignUpThrottle().get_ident(cast(Request, request))


@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
def sign_up_page(request: HttpRequest, name: str) -> HttpResponse:
    if is_too_often(request):
        return short_answer(429)
    form = SignUpForm.objects.filter(name=name, is_open=True).first()
    if form is None:
        return short_answer(404)
    context = {
        "brand": Organisation.current().name,
        "form": form,
        "is_email": CHANNELS[form.channel].address_field == "email",
        "topics": list(form.topics.order_by("title")),
        "honeypot": HONEYPOT,
    }
    status = 200
    if request.method == "POST":
        if not SignUpThrottle().allow_request(cast(Request, request), APIView()):
            return short_answer(429)
        ticked = set(request.POST.getlist("topic"))
        address = context["address"] = request.POST.get("address", "")[:254]
        if not request.POST.get("agree"):
            with translation.override(form.language):
                context["problem"] = _("Please tick the box to agree.")
            status = 400
        elif request.POST.get(HONEYPOT):
            context["is_begun"] = True
        else:
            topics = [topic.pk for topic in form.topics.all() if str(topic.pk) in ticked]
            try:
                with translation.override(form.language):
                    begin_sign_up(
                        form,
                        address,
                        topics=topics,
                        source="sign-up page",
                        at=timezone.now(),
                    )
                context["is_begun"] = True
            except SignUpRefused as refused:
                context["problem"], status = str(refused), 400
    page = "journeys/pages/sign_up.html"
    return answer(request, page, context, language=form.language, status=status)


@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
def confirm_page(request: HttpRequest, token: str) -> HttpResponse:
    """GET: a page with a button. POST: the consent is stored, with its proof."""
    if is_too_often(request):
        return short_answer(429)
    sign_up_id = read_confirmation(token)
    sign_up = SignUp.objects.select_related("form").filter(pk=sign_up_id or 0).first()
    if sign_up is None:
        return short_answer(404)
    address, at, is_expired = masked(sign_up.address), timezone.now(), False
    if request.method == "POST":
        if request.POST.get("confirm") != "yes":
            return short_answer(400)
        try:
            sign_up = confirm_sign_up(sign_up.pk, at=at, ip=ip_of(request))
        except SignUpRefused:
            is_expired = True
    context = {
        "brand": Organisation.current().name,
        "form": sign_up.form,
        "wording": sign_up.wording,
        "address": address,
        "is_done": sign_up.confirmed_at is not None,
        "is_expired": is_expired or (sign_up.confirmed_at is None and sign_up.expires_at <= at),
    }
    page = "journeys/pages/confirm.html"
    return answer(request, page, context, language=sign_up.form.language)
