"""/docs/: the documentation of this release. It holds nothing of the installation: no log-in."""

from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.templatetags.static import static
from django.urls import path, reverse
from django.utils.translation import get_language
from django.views.decorators.http import require_safe

from optiengine.docs.site import IMAGES, Site

POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; font-src 'self'; "
    "frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)


@require_safe
def index(request: HttpRequest) -> HttpResponse:
    """To the first page, in the reader's language."""
    return redirect("documentation_page", Site().address("index", get_language() or "en"))


@require_safe
def page(request: HttpRequest, address: str) -> HttpResponseBase:
    """A page or an image. Only files that were found in the folder can be requested."""
    site = Site()
    file = site.files.get(address)
    suffix = file.suffix if file else ""
    response: HttpResponseBase
    if file and suffix in IMAGES:
        response = FileResponse(file.open("rb"), content_type=IMAGES[suffix])
    else:
        response = HttpResponse(_html(site, address))
    response["Content-Security-Policy"] = POLICY
    return response


def _html(site: Site, address: str) -> str:
    language, name = site.split(address)
    if not address.endswith(".html") or name not in site.pages:
        raise Http404
    try:
        return site.render(name, language, static=static, home=reverse("admin:index"))
    except KeyError:  # of a page that exists in another language only
        raise Http404 from None


urlpatterns = [
    path("", index, name="documentation"),
    path("<path:address>", page, name="documentation_page"),
]
