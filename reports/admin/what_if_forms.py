"""The question in fields: what would be changed, from which days it is valued."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminDateWidget, UnfoldAdminIntegerFieldWidget
from unfold.widgets import UnfoldAdminSelectWidget as Select

from campaigns.models import Campaign, Exclusion, FrequencyCap, Goal
from campaigns.services.read_changes import ALL_CHANNELS, MOST
from segments.channel_labels import channel_choices
from segments.models import TargetGroup

Changes = list[tuple[str, str]]
N_ROWS = {"campaigns": 3, "caps": 2, "exclusions": 2}
WINDOWS = [
    ("", _("unchanged")),
    ("h", _("rolling hours")),
    ("d", _("rolling days (24 hours each)")),
    ("day", _("calendar day")),
    ("week", _("calendar week, from Monday")),
    ("month", _("calendar month")),
]


class DayField(forms.DateField):
    def __init__(self, label: Any, help_text: Any = "") -> None:
        widget = UnfoldAdminDateWidget(attrs={"type": "date"}, format="%Y-%m-%d")
        super().__init__(label=capfirst(label), help_text=help_text, required=False, widget=widget)


def whole_number(label: Any, *, least: int = 1, **options: Any) -> forms.IntegerField:
    widget = UnfoldAdminIntegerFieldWidget()
    limits = {"min_value": least, "max_value": MOST, "required": False}
    return forms.IntegerField(label=capfirst(label), widget=widget, **limits | options)


def one_of(model: Any, label: Any, empty: Any = "–") -> forms.ModelChoiceField:
    return forms.ModelChoiceField(
        model.objects.order_by("name"),
        label=capfirst(label),
        required=False,
        empty_label=empty,
        widget=Select(),
    )


class CampaignChange(forms.Form):
    campaign = one_of(Campaign, _("campaign"))
    becomes = forms.ChoiceField(
        label=capfirst(_("changes to")),
        required=False,
        widget=Select(),
        choices=[
            ("rank", _("manual priority")),
            ("auto", _("Auto: the engine decides")),
            ("pause", _("paused")),
            ("target", _("for another target group")),
        ],
    )
    rank = whole_number(_("priority"))
    target_group = one_of(TargetGroup, _("target group"), _("all customers"))

    def clean(self) -> dict[str, Any]:
        said = super().clean() or {}
        if said.get("campaign") and said.get("becomes") == "rank" and not said.get("rank"):
            self.add_error("rank", ValidationError(_("Enter a priority.")))
        return said

    def changes(self) -> Changes:
        said = self.cleaned_data
        if not said.get("campaign"):
            return []
        name, kind = said["campaign"].name, said["becomes"] or "rank"
        value = {"rank": said["rank"], "target": said["target_group"] or ""}
        return [(kind, f"{name}={value[kind]}" if kind in value else name)]


class CapChange(forms.Form):
    cap = forms.ChoiceField(label=capfirst(_("frequency cap")), required=False, widget=Select())
    limit = whole_number(_("limit"), least=0, help_text=_("Empty: removes the cap."))
    window = forms.ChoiceField(
        label=capfirst(_("window")), required=False, choices=WINDOWS, widget=Select()
    )
    length = whole_number(_("length"), help_text=_("For rolling windows."))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        names = FrequencyCap.objects.order_by("name").values_list("name", flat=True).distinct()
        new: list[tuple[str, Any]] = [(ALL_CHANNELS, _("a new cap for all channels"))]
        new += [(value, _("a new cap for %s") % label) for value, label in channel_choices()]
        field: Any = self.fields["cap"]
        field.choices = [("", "–"), *((name, name) for name in names), *new]

    def clean(self) -> dict[str, Any]:
        said = super().clean() or {}
        if said.get("cap") and said.get("window") in ("d", "h") and not said.get("length"):
            self.add_error("length", ValidationError(_("Enter the length of the window.")))
        return said

    def changes(self) -> Changes:
        said = self.cleaned_data
        if not said.get("cap"):
            return []
        if said["limit"] is None:
            return [("drop-cap", said["cap"])]
        window = said["window"]
        text = f"/{said['length']}{window}" if window in ("d", "h") else window and f"/{window}"
        return [("cap", f"{said['cap']}={said['limit']}{text}")]


class ExclusionChange(forms.Form):
    after = one_of(Campaign, _("after campaign"))
    excluded = one_of(Campaign, _("blocks campaign"))
    days = whole_number(_("days"))

    def clean(self) -> dict[str, Any]:
        said = super().clean() or {}
        is_filled = [bool(said.get(name)) for name in ("after", "excluded", "days")]
        if any(is_filled) and not all(is_filled) and not self.errors:
            raise ValidationError(_("Select both campaigns and enter the days."))
        return said

    def changes(self) -> Changes:
        said = self.cleaned_data
        if not said.get("after"):
            return []
        return [("exclude", f"{said['after'].name},{said['excluded'].name},{said['days']}")]


class DroppedExclusion(forms.Form):
    dropped = one_of(Exclusion, _("exclusion to remove"))

    def changes(self) -> Changes:
        dropped = self.cleaned_data["dropped"]
        return [("drop-exclusion", dropped.name)] if dropped else []


class PeriodForm(forms.Form):
    goal = one_of(Goal, _("goal"), _("main goal: margin and change in predicted value"))
    window_days = whole_number(
        _("attribution window in days"),
        initial=14,
        max_value=366,
        help_text=_("For the main goal. Other goals have their own."),
    )
    since = DayField(_("from"), _("Empty: the previous 28 days."))
    until = DayField(_("until"), _("Empty: the latest day with figures."))


class QuestionForms:
    """All of them as one: three rows for campaigns, two each for caps and exclusions."""

    def __init__(self, data: Any = None) -> None:
        self.campaigns = [
            CampaignChange(data, prefix=f"campaign{i}") for i in range(N_ROWS["campaigns"])
        ]
        self.caps = [CapChange(data, prefix=f"cap{i}") for i in range(N_ROWS["caps"])]
        self.exclusions: list[Any] = [
            *(ExclusionChange(data, prefix=f"exclusion{i}") for i in range(N_ROWS["exclusions"])),
            DroppedExclusion(data),
        ]
        self.period = PeriodForm(data)

    def is_valid(self) -> bool:
        """Each is checked, so that all errors are shown at once."""
        return not [form for form in [*self.changing, self.period] if not form.is_valid()]

    def changes(self) -> Changes:
        return [change for form in self.changing for change in form.changes()]

    @property
    def changing(self) -> list[Any]:
        return [*self.campaigns, *self.caps, *self.exclusions]
