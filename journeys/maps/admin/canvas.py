"""The canvas of a journey map: its page, and what the page asks for while it is open."""

import json
from collections.abc import Callable
from functools import partial
from typing import Any

from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST
from unfold.admin import ModelAdmin
from unfold.widgets import BASE_INPUT_CLASSES, INPUT_CLASSES, SELECT_CLASSES

from journeys.errors import MapNotReady
from journeys.maps.admin.canvas_words import (
    acts_of,
    canvas_texts,
    map_figures,
    map_settings,
    saved_words,
    version_rows,
)
from journeys.maps.admin.step_forms import step_kinds
from journeys.maps.check_map import check_drawing
from journeys.maps.describe_graph import describe_graph, describe_graph_error
from journeys.maps.edit_map import end_map, launch_map, pause_map
from journeys.maps.map_counts import step_counts
from journeys.maps.numerics.journey_graph import GraphError, parse_graph
from journeys.maps.save_drawing import (
    MapChanged,
    drawing_token,
    expect_unchanged,
    save_drawing,
)
from journeys.models import JourneyMap, MapVersion
from optiengine.lib.figures import number
from segments.rules.admin.rule_editor import RuleWidget
from segments.rules.rule_fields import newest_state, rule_fields

Status = JourneyMap.Status
SCRIPTS = [
    "optiengine/vendor/x6-3.1.8/x6.min.js",
    "segments/rule_tree.js",
    "segments/rule_editor.js",
    *(
        f"journeys/canvas/{name}.js"
        for name in (
            "dom",
            "values",
            "graph",
            "layout",
            "route",
            "view",
            "diagram",
            "fields",
            "step_form",
            "rule_dialog",
            "server",
            "side",
            "canvas",
        )
    ),
]
BLANK: dict[str, Any] = {"steps": [], "links": []}


class Unreadable(Exception):
    """The request's body is not what the canvas sends."""


class CanvasPages(ModelAdmin):
    """For the admin class of journey maps."""

    def get_urls(self) -> list[URLPattern]:
        def url(name: str, view: Callable, method: Callable) -> URLPattern:
            answer = self.admin_site.admin_view(method(view))
            return path(f"<int:pk>/canvas/{name}", answer, name=f"journeys_journeymap_{name[:-1]}")

        page = self.admin_site.admin_view(require_GET(self.canvas_view))
        return [
            path("<int:pk>/canvas/", page, name="journeys_journeymap_canvas"),
            url("check/", self.check_view, require_POST),
            url("save/", self.save_view, require_POST),
            url("counts/", self.counts_view, require_GET),
            url("launch/", self.launch_view, require_POST),
            url("pause/", self.pause_view, require_POST),
            url("end/", self.end_view, require_POST),
            *super().get_urls(),
        ]

    def canvas_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        journey = self.journey(request, pk)
        versions = _versions(journey)
        newest = versions[0] if versions else None
        shown = self._shown(request, versions)
        may_change = self.has_change_permission(request, journey)
        is_newest = shown == newest
        is_editable = may_change and is_newest and journey.status != Status.ENDED
        may_move = is_newest and self._may_launch(request)
        counted = _counted_version(journey, shown)
        canvas = {
            "drawn": {**BLANK, **shown.graph} if shown else BLANK,
            "base": drawing_token(newest),
            "versions": version_rows(journey, versions),
            "shown": shown.number if shown else None,
            "isEditable": is_editable,
            "savedWords": saved_words(shown),
            "kinds": step_kinds(rule_fields(newest_state())),
            "classes": {"input": " ".join(BASE_INPUT_CLASSES), "select": " ".join(SELECT_CLASSES)},
            "urls": self._urls(journey, counted),
            "texts": canvas_texts(),
        }
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": journey.name,
            "map": journey,
            "canvas": canvas,
            "is_editable": is_editable,
            "acts": acts_of(journey, newest) if may_move else [],
            "may_rehearse": self.may_rehearse(request),
            "settings": map_settings(journey),
            "settings_url": reverse("admin:journeys_journeymap_change", args=[pk]),
            "settings_label": _("Change settings") if may_change else _("All settings"),
            "rule_editor": RuleWidget().render("rule", "{}", {"rows": 10}),
            "scripts_of_canvas": SCRIPTS,
            "select_class": " ".join(SELECT_CLASSES),
            "input_class": " ".join(INPUT_CLASSES),
        }
        return TemplateResponse(request, "journeys/canvas.html", context)

    def check_view(self, request: HttpRequest, pk: int) -> JsonResponse:
        """What a drawing that is not saved yet does, in words, and what is wrong with it."""
        self.journey(request, pk)
        try:
            return JsonResponse(in_words(read_body(request).get("graph")))
        except Unreadable as error:
            return refused(str(error))

    def save_view(self, request: HttpRequest, pk: int) -> JsonResponse:
        journey = self.journey(request, pk)
        if not self.has_change_permission(request, journey):
            raise PermissionDenied
        by, at = request.user.get_username(), timezone.now()
        try:
            body = read_body(request)
            graph = body.get("graph")
            version = save_drawing(journey, graph, base=str(body.get("base")), by=by, at=at)
        except MapChanged as error:
            return _changed(error)
        except (MapNotReady, Unreadable) as error:
            return refused(str(error))
        self.log_change(request, journey, _("Saved version %(n)s.") % {"n": version.number})
        words = in_words(graph)
        n = len(words["problems"])
        return JsonResponse(
            {
                **words,
                "base": drawing_token(version),
                "saved": saved_words(version),
                "versions": version_rows(journey, _versions(journey)),
                "text": _("Saved. Ready to launch.")
                if not n
                else _("Saved. Problems to fix before the launch: %(n)s.") % {"n": n},
            }
        )

    def counts_view(self, request: HttpRequest, pk: int) -> JsonResponse:
        """Travellers at each step and past it, of the requested version, else of the live one."""
        journey = self.journey(request, pk)
        wanted = request.GET.get("version", "")
        version = None
        if wanted.isdecimal():
            version = journey.versions.filter(number=int(wanted)).first()
        counts = step_counts(version) if version else {}
        steps = {
            step: {
                "here": number(count.here),
                "passed": number(count.arrived - count.here),
                "busy": count.here > 0,
            }
            for step, count in counts.items()
        }
        return JsonResponse({"steps": steps, "figures": map_figures(version, counts)})

    def launch_view(self, request: HttpRequest, pk: int) -> JsonResponse:
        return self._answer_move(request, pk, partial(self.launch, request), _("Launched."))

    def launch(self, request: HttpRequest, journey: JourneyMap) -> JourneyMap:
        """Draft campaigns of its steps start with the map, if the user may launch campaigns."""
        return launch_map(
            journey,
            by=request.user.get_username(),
            at=timezone.now(),
            may_launch_campaigns=request.user.has_perm("campaigns.launch_campaign"),
        )

    def pause_view(self, request: HttpRequest, pk: int) -> JsonResponse:
        return self._answer_move(request, pk, pause_map, _("Paused."))

    def end_view(self, request: HttpRequest, pk: int) -> JsonResponse:
        return self._answer_move(request, pk, end_map, _("Ended."))

    def _answer_move(
        self, request: HttpRequest, pk: int, move: Callable[[JourneyMap], JourneyMap], said: str
    ) -> JsonResponse:
        journey = self.journey(request, pk)
        if not self._may_launch(request):
            raise PermissionDenied
        try:
            with transaction.atomic():
                expect_unchanged(journey, str(read_body(request).get("base")))
                move(journey)
        except MapChanged as error:
            return _changed(error)
        except (MapNotReady, Unreadable) as error:
            return refused(str(error))
        self.log_change(request, journey, said)
        self.message_user(request, said)
        return JsonResponse({"text": said})

    def _urls(self, journey: JourneyMap, counted: MapVersion | None) -> dict[str, str]:
        names = ("check", "save", "launch", "pause", "end", "rehearse")
        page = "admin:journeys_journeymap_"
        urls = {name: reverse(page + name, args=[journey.pk]) for name in names}
        if counted:
            url = reverse(f"{page}counts", args=[journey.pk])
            urls["counts"] = f"{url}?version={counted.number}"
        return urls

    def journey(self, request: HttpRequest, pk: int) -> JourneyMap:
        if not self.has_view_permission(request):
            raise PermissionDenied
        rows = JourneyMap.objects.select_related("active_version", "goal")
        if (journey := rows.filter(pk=pk).first()) is None:
            raise Http404(_("This journey does not exist."))
        return journey

    def may_rehearse(self, request: HttpRequest) -> bool:
        """A test run tells of the customer what only those may know who may look at customers."""
        return request.user.has_perm("segments.view_customer")

    def _may_launch(self, request: HttpRequest) -> bool:
        return request.user.has_perm("journeys.launch_journeymap")

    def _shown(self, request: HttpRequest, versions: list[MapVersion]) -> MapVersion | None:
        wanted = request.GET.get("version")
        if not wanted:
            return versions[0] if versions else None
        matching = [version for version in versions if str(version.number) == wanted]
        if not matching:
            raise Http404(_("This version does not exist."))
        return matching[0]


def in_words(graph: object) -> dict[str, Any]:
    """{"steps": {"s1": {"words", "problems"}}, "problems": [{"step", "text"}]} of a drawing.

    A sentence of a step begins with the step's own words, which its card shows already.
    """
    try:
        drawing = parse_graph(graph)
    except GraphError as error:
        raise Unreadable(describe_graph_error(error)) from error
    words = describe_graph(drawing)
    problems = check_drawing(drawing, words)
    steps: dict[str, Any] = {step: {"words": text, "problems": []} for step, text in words.items()}
    for problem in problems:
        if problem["step"] in steps:
            step = steps[problem["step"]]
            step["problems"].append(str(problem["text"]).removeprefix(f"“{step['words']}”: "))
    listed = [{"step": problem["step"], "text": problem["text"]} for problem in problems]
    return {"steps": steps, "problems": listed}


def _versions(journey: JourneyMap) -> list[MapVersion]:
    """The newest first, each drawing loaded only where it is looked at."""
    return list(journey.versions.defer("graph").order_by("-number"))


def _counted_version(journey: JourneyMap, shown: MapVersion | None) -> MapVersion | None:
    """Whose travellers are counted: a draft has none, so it shows those of the live version."""
    if shown is not None and shown.launched_at is not None:
        return shown
    return journey.active_version


def read_body(request: HttpRequest) -> dict[str, Any]:
    """The JSON of a request, without what a database cannot hold. Raises Unreadable."""

    def refuse(constant: str) -> None:
        raise ValueError(constant)

    try:
        body = json.loads(request.body, parse_constant=refuse)
        text = json.dumps(body, ensure_ascii=False, allow_nan=False)
        text.encode("utf-8")  # half a character of two cannot be stored
    except (ValueError, RecursionError) as error:
        raise Unreadable(_("The drawing is not valid.")) from error
    if not isinstance(body, dict) or "\\u0000" in text:
        raise Unreadable(_("The drawing is not valid."))
    return body


def refused(text: str) -> JsonResponse:
    return JsonResponse({"text": text}, status=400)


def _changed(error: MapChanged) -> JsonResponse:
    return JsonResponse({"text": str(error), "base": drawing_token(error.version)}, status=409)
