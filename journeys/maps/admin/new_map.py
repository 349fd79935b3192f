"""A new journey map: blank, or from a template with drafts of its campaigns."""

from typing import Any

from django import forms
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.admin import ModelAdmin
from unfold.widgets import BASE_INPUT_CLASSES

from journeys.maps.map_templates import make_from_template, template_graphs
from journeys.models import JourneyMap
from segments.models import Organisation

BLANK = "blank"
ICONS = {
    BLANK: "draw",
    "welcome": "waving_hand",
    "abandoned_cart": "shopping_cart",
    "birthday": "cake",
    "win_back": "replay",
}
MAKES = ("campaigns.add_campaign", "campaigns.add_goal", "segments.add_targetgroup")


class NewMapForm(forms.Form):
    template = forms.ChoiceField(
        error_messages={"required": gettext_lazy("Choose a template below.")}
    )
    name = forms.CharField(
        label=gettext_lazy("Name"),
        max_length=100,
        required=False,
        widget=forms.TextInput({"class": " ".join(BASE_INPUT_CLASSES)}),
        help_text=gettext_lazy("Empty: the name of the template."),
    )

    def __init__(self, *args: Any, choices: list[tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["template"].choices = choices  # type: ignore[attr-defined]

    def clean_name(self) -> str:
        name = self.cleaned_data["name"]
        if name and JourneyMap.objects.filter(name=name).exists():
            raise forms.ValidationError(_("There is already a journey with this name."))
        return name

    def clean(self) -> dict[str, Any]:
        data = self.cleaned_data
        if data.get("template") == BLANK and data.get("name") == "":
            self.add_error("name", _("A blank journey needs a name."))
        return data


class NewMapPage(ModelAdmin):
    """For the admin class of journey maps."""

    def add_view(
        self,
        request: HttpRequest,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        if not self.has_add_permission(request):
            raise PermissionDenied
        may_use_templates = request.user.has_perms(MAKES)
        cards = offered(may_use_templates)
        choices = [(card["name"], card["title"]) for card in cards]
        form = NewMapForm(request.POST or None, choices=choices)
        if request.method == "POST" and form.is_valid():
            journey = self._make(request, **form.cleaned_data)
            self.log_addition(request, journey, _("Journey created."))
            return redirect("admin:journeys_journeymap_canvas", journey.pk)
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": _("New journey"),
            "form": form,
            "cards": cards,
            "may_use_templates": may_use_templates,
        }
        return TemplateResponse(request, "journeys/new_map.html", context)

    @transaction.atomic
    def _make(self, request: HttpRequest, template: str, name: str) -> JourneyMap:
        if template == BLANK:
            return JourneyMap.objects.create(name=name)
        now = timezone.now()
        today = Organisation.current().today(now)
        by = request.user.get_username()
        journey = make_from_template(template, by=by, at=now, starts_on=today)
        if name:
            journey.name = name
            journey.save(update_fields=["name"])
        return journey


def offered(may_use_templates: bool) -> list[dict[str, str]]:
    """What one can begin with: name, icon, title, and a sentence about it."""
    blank = (BLANK, _("Blank journey"), _("Start with an empty canvas."))
    templates = [
        (name, str(template.title), str(template.about))
        for name, template in template_graphs().items()
        if may_use_templates
    ]
    return [
        {"name": name, "icon": ICONS.get(name, "route"), "title": title, "about": about}
        for name, title, about in [blank, *templates]
    ]
