"""What all pages for customers have in common: nothing from elsewhere, nothing kept, no index."""

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import translation
from django.utils.translation import get_language_from_request, get_supported_language_variant
from rest_framework.throttling import SimpleRateThrottle

from segments.customers.customer_links import Reader, read_token
from segments.models import Customer

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; form-action 'self'; "
    "frame-ancestors 'none'; base-uri 'none'",
    "Referrer-Policy": "no-referrer",  # the address is the key to the page
    "X-Robots-Tag": "noindex, nofollow",
    "Cache-Control": "no-store",
}


class PageThrottle(SimpleRateThrottle):
    """Requests of one address, so that nobody tries tokens or settings by the thousand."""

    scope = "pages"

    def get_cache_key(self, request: Any, view: Any) -> str:
        return self.cache_format % {"scope": self.scope, "ident": self.get_ident(request)}


def is_too_often(request: HttpRequest) -> bool:
    return not PageThrottle().allow_request(request, None)  # type: ignore[arg-type]


def find_reader(page: str, token: str) -> tuple[Reader, Customer]:
    """Raises Http404 for a token that is not ours, and where the customer is no longer known."""
    reader = read_token(page, token)
    customer = Customer.objects.filter(pk=reader.customer_id).first() if reader else None
    if reader is None or customer is None or customer.erased_at is not None:
        raise Http404
    return reader, customer


def answer(
    request: HttpRequest,
    template: str,
    context: dict[str, Any],
    *,
    language: str,
    status: int = 200,
) -> HttpResponse:
    """The page in the customer's language, else in the browser's."""
    try:
        code = get_supported_language_variant(language)
    except LookupError:
        code = get_language_from_request(request)
    with translation.override(code):
        context = {**context, "language": code, "brand": context.get("brand", "")}
        response = TemplateResponse(request, template, context, status=status).render()
    return _guarded(response, {"Content-Language": code})


def short_answer(status: int) -> HttpResponse:
    """To who came with a token that is none, or too often: a word, and nothing about anybody."""
    words = {404: "Not found.\n", 429: "Too many requests.\n", 400: "Nothing was asked for.\n"}
    response = HttpResponse(words[status], content_type="text/plain", status=status)
    return _guarded(response, {})


def _guarded(response: HttpResponse, more: dict[str, str]) -> HttpResponse:
    for name, value in (HEADERS | more).items():
        response[name] = value
    return response
