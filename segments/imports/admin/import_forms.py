"""The forms of an import: the file, then how its columns and cells are understood."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from django import forms
from django.utils import timezone
from django.utils.text import capfirst
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminFileFieldWidget,
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanWidget,
)

from segments.channel_labels import channel_choices
from segments.imports.mapping import factors
from segments.imports.preview_file import Preview
from segments.imports.spec import ImportOptions
from segments.models import ImportJob

DATES = [
    ("auto", _("as the column says")),
    ("iso", _("2026-12-31")),
    ("dmy", _("31.12.2026, day first")),
    ("mdy", _("12/31/2026, month first")),
]
DECIMALS = [
    ("auto", _("as the column says")),
    (".", _("point: 12.50")),
    (",", _("comma: 12,50")),
]
UNREADABLE_CELLS = [
    ("False", _("leave out the cell, with a warning")),
    ("True", _("reject the row")),
]
EMPTY_CELLS = [("keep", _("keep the stored value")), ("clear", _("clear the stored value"))]
PREFIX = "map_"  # of the selects that say which column is which field
TIMES = "amount_times"  # the second factor of an amount such as quantity × price
ASKED = (  # of ImportOptions, as they are
    *("dates", "decimal", "empty", "country", "default_kind"),
    *("create_customers", "reject_unknown"),
    *("create_campaigns", "order_states", "line_items", "return_column", "return_prefix"),
)


def in_lines(values: Mapping[str, Iterable[str]]) -> str:
    """As ValuesField reads it."""
    return "\n".join(f"{name} = {', '.join(cells)}" for name, cells in values.items())


class ValuesField(forms.CharField):
    """Lines of NAME = VALUE, VALUE; cleaned to the values by name."""

    def __init__(self, **kwargs: Any) -> None:
        widget = UnfoldAdminTextareaWidget(attrs={"rows": 3})
        super().__init__(required=False, widget=widget, **kwargs)

    def clean(self, value: Any) -> Any:
        values: dict[str, tuple[str, ...]] = {}
        for line in filter(str.strip, super().clean(value).splitlines()):
            name, equals, cells = line.partition("=")
            if not equals or not name.strip():
                raise forms.ValidationError(
                    gettext("“%s” is not valid. Use a line such as status = cancelled.") % line
                )
            said = tuple(cell.strip() for cell in cells.split(","))
            values[name.strip()] = values.get(name.strip(), ()) + said
        return values


class UploadForm(forms.Form):
    kind = forms.ChoiceField(
        label=_("Kind"), choices=ImportJob.Kind, widget=UnfoldAdminSelectWidget
    )
    file = forms.FileField(
        label=_("File"),
        widget=UnfoldAdminFileFieldWidget,
        allow_empty_file=True,  # the format's own sentence says more
        help_text=_("CSV, plain or gzip, or .xlsx. Encoding and delimiter are detected."),
    )
    # When the file was last changed, in milliseconds since 1970: the browser fills it in.
    last_modified = forms.IntegerField(
        required=False, min_value=0, max_value=1 << 43, widget=forms.HiddenInput
    )

    def made_at(self, *, now: datetime) -> datetime:
        """When the file was made; now where the browser does not say, or says the future."""
        milliseconds = self.cleaned_data.get("last_modified")
        if milliseconds is None:
            return now
        return min(datetime.fromtimestamp(milliseconds / 1000, UTC), now)


class MappingForm(forms.Form):
    """Built for one file: a select for each of our fields, and what cannot be read from a file."""

    mode = forms.ChoiceField(
        label=_("Mode"), choices=ImportJob.Mode, widget=UnfoldAdminSelectWidget
    )
    source = forms.CharField(
        label=_("Source"),
        max_length=40,
        widget=UnfoldAdminTextInputWidget,
        help_text=_("Name of the source system. Event IDs are unique within it."),
    )
    dates = forms.ChoiceField(label=_("Date format"), choices=DATES, widget=UnfoldAdminSelectWidget)
    decimal = forms.ChoiceField(
        label=_("Decimal mark"), choices=DECIMALS, widget=UnfoldAdminSelectWidget
    )
    strict = forms.TypedChoiceField(
        label=_("Unreadable cells"),
        choices=UNREADABLE_CELLS,
        coerce=lambda said: said == "True",
        widget=UnfoldAdminSelectWidget,
        help_text=_("Rows whose ID, time or amount cannot be read are always rejected."),
    )
    empty = forms.ChoiceField(
        label=_("Empty cells"), choices=EMPTY_CELLS, widget=UnfoldAdminSelectWidget
    )
    country = forms.CharField(
        label=_("Country of phone numbers"),
        required=False,
        max_length=2,
        widget=UnfoldAdminTextInputWidget,
        help_text=_(
            "ISO 3166 code, for numbers without a country code. Empty: the organisation's."
        ),
    )
    encoding = forms.CharField(
        label=_("Encoding"), required=False, max_length=20, widget=UnfoldAdminTextInputWidget
    )
    sheet = forms.ChoiceField(label=_("Sheet"), required=False, widget=UnfoldAdminSelectWidget)
    header_line = forms.IntegerField(
        label=_("Header line"),
        required=False,
        min_value=1,
        max_value=1000,
        widget=UnfoldAdminIntegerFieldWidget,
    )
    file_made_at = forms.DateTimeField(
        label=_("File made at"),
        widget=UnfoldAdminTextInputWidget(attrs={"type": "datetime-local", "step": "1"}),
        help_text=_(
            "Consents in the file count as given at this time. Later withdrawals stay in force."
        ),
    )
    default_kind = forms.CharField(
        label=_("Event kind"),
        max_length=40,
        widget=UnfoldAdminTextInputWidget,
        help_text=_("Used if no column contains it."),
    )
    create_customers = forms.BooleanField(
        label=_("Create unknown customers"), required=False, widget=UnfoldBooleanWidget
    )
    reject_unknown = forms.BooleanField(
        label=_("Reject rows of unknown customers"),
        required=False,
        widget=UnfoldBooleanWidget,
        help_text=_("Otherwise they wait until the customer is known."),
    )
    create_campaigns = forms.BooleanField(
        label=_("Create unknown campaigns as ended campaigns"),
        required=False,
        widget=UnfoldBooleanWidget,
    )
    leave_out = ValuesField(
        label=_("Leave out rows where"),
        help_text=_(
            "One column per line, such as status = cancelled, failed. Nothing after = means empty."
        ),
    )
    take_only = ValuesField(
        label=_("Import only rows where"), help_text=_("Same format, such as country = PT, ES.")
    )
    kinds = ValuesField(
        label=_("Event kinds in the file"),
        help_text=_("One per line, such as refund = return. Other values are used as they are."),
    )
    order_states = forms.BooleanField(
        label=_("Event kinds are order statuses"),
        required=False,
        widget=UnfoldBooleanWidget,
        help_text=_("Only paid orders count as orders. Rows with an unknown status are rejected."),
    )
    line_items = forms.BooleanField(
        label=_("One row per line item"),
        required=False,
        widget=UnfoldBooleanWidget,
        help_text=_(
            "Further rows of an event ID belong to the same order. Its amount counts once."
        ),
    )
    return_column = forms.ChoiceField(
        label=_("Column that marks returns"), required=False, widget=UnfoldAdminSelectWidget
    )
    return_prefix = forms.CharField(
        label=_("Returns begin with"),
        required=False,
        max_length=40,
        widget=UnfoldAdminTextInputWidget,
        help_text=_("Rows whose cell in that column begins with this are returns."),
    )
    consented = forms.MultipleChoiceField(
        label=_("Everyone in the file has consented to"),
        required=False,
        choices=channel_choices,
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
        help_text=_("Applies to channels without a column of their own."),
    )
    ignore = forms.MultipleChoiceField(
        label=_("Skip these columns"),
        required=False,
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
        help_text=_("Other columns are stored as attributes or properties."),
    )

    ONLY_FOR = {
        "file_made_at": {"customers"},
        "default_kind": {"events"},
        "create_customers": {"events", "contacts"},
        "reject_unknown": {"events", "contacts"},
        "create_campaigns": {"contacts"},
        "country": {"customers", "events", "contacts", "suppressions"},
        "kinds": {"events"},
        "order_states": {"events"},
        "line_items": {"events"},
        "return_column": {"events"},
        "return_prefix": {"events"},
        "consented": {"customers"},
        "ignore": {"customers", "events"},
    }

    def __init__(self, data: Any = None, *, kind: str, preview: Preview, made_at: datetime) -> None:
        super().__init__(data)
        self.preview = preview
        if preview.sheets:
            self.fields["sheet"].choices = [(name, name) for name in preview.sheets]  # type: ignore[attr-defined]
            del self.fields["encoding"]
        else:
            del self.fields["sheet"]
        for name, kinds in self.ONLY_FOR.items():
            if kind not in kinds:
                del self.fields[name]
        is_unclear = any(column.option == "encoding" for column in preview.read)
        options = preview.options
        self.initial = {name: getattr(options, name) for name in ASKED} | {
            "mode": ImportJob.Mode.UPSERT,
            "source": preview.settings.source,
            "strict": str(options.strict),
            "ignore": list(options.ignore),
            "consented": list(options.consented),
            "leave_out": in_lines(options.leave_out),
            "take_only": in_lines(options.take_only),
            "kinds": in_lines({cell: [kind] for cell, kind in options.kinds.items()}),
            "sheet": preview.format.sheet,
            "header_line": preview.format.n_head_lines,
            "encoding": "" if is_unclear else preview.format.encoding,
            "file_made_at": timezone.localtime(made_at).strftime("%Y-%m-%dT%H:%M:%S"),
        }
        columns = [(column, column) for column in preview.columns]
        if "return_column" in self.fields:
            self.fields["return_column"].choices = [("", "–"), *columns]  # type: ignore[attr-defined]
        if "ignore" in self.fields:
            self.fields["ignore"].choices = columns  # type: ignore[attr-defined]
        for name, label, is_required in preview.fields:
            first, *rest = factors(preview.mapping.get(name, ""))
            self._add_select(PREFIX + name, capfirst(label), columns, first, is_required)
            if name == "amount":
                times = _("… multiplied by (such as a quantity)")
                self._add_select(PREFIX + TIMES, times, columns, rest[0] if rest else "", False)

    def _add_select(
        self, name: str, label: Any, columns: list, initial: str, is_required: bool
    ) -> None:
        self.fields[name] = forms.ChoiceField(
            label=label,
            choices=[("", "–"), *columns],
            required=is_required,
            widget=UnfoldAdminSelectWidget,
        )
        self.initial[name] = initial

    def clean_file_made_at(self) -> datetime:
        moment = self.cleaned_data["file_made_at"]
        if moment > timezone.now():
            raise forms.ValidationError(gettext("The time is in the future."))
        return moment

    def other_table(self) -> dict[str, str]:
        """The sheet and header line, where others were chosen than those that are shown.

        Nothing else has to be filled in for that: the columns of another table are others.
        """
        self.full_clean()
        shown, said = self.preview.format, self.cleaned_data
        sheet = said.get("sheet") or shown.sheet
        line = said.get("header_line") or shown.n_head_lines
        if line != shown.n_head_lines:
            return {"sheet": sheet, "header_line": str(line)}
        return {"sheet": sheet} if sheet != shown.sheet else {}

    @property
    def mapping_fields(self) -> list[forms.BoundField]:
        return [field for field in self if field.name.startswith(PREFIX)]

    @property
    def option_fields(self) -> list[forms.BoundField]:
        return [field for field in self if not field.name.startswith(PREFIX)]

    def mapping(self) -> dict[str, str]:
        """Our field → column; an empty column leaves the field out."""
        columns = {
            name.removeprefix(PREFIX): column
            for name, column in self.cleaned_data.items()
            if name.startswith(PREFIX)
        }
        times = columns.pop(TIMES, "")
        if times and columns.get("amount"):
            columns["amount"] = f"{columns['amount']}*{times}"
        return columns

    def options(self) -> ImportOptions:
        """Raises ImportRefused where they contradict each other."""
        said = self.cleaned_data
        names = (*ASKED, "strict", "leave_out", "take_only")
        choices = {name: said[name] for name in names if name in said}
        choices["country"] = said.get("country", "").upper()
        if "kinds" in said:
            choices["kinds"] = {cell: "".join(kinds) for cell, kinds in said["kinds"].items()}
        for name in ("ignore", "consented"):
            choices[name] = tuple(said.get(name, ()))
        return ImportOptions(**choices)


def options_in_words(job: ImportJob) -> list[tuple[Any, Any]]:
    """What was chosen in the form in addition to the columns, under the form's labels."""
    chosen = []
    for name, field in MappingForm.base_fields.items():
        value = job.options.get(name)
        if isinstance(value, dict):
            value = "; ".join(
                f"{column} = {cells if isinstance(cells, str) else ', '.join(cells)}"
                for column, cells in value.items()
            )
        # False is one of two choices here, and what a checkbox says that nobody ticked there.
        is_chosen = bool(value) or (value is False and isinstance(field, forms.TypedChoiceField))
        if not is_chosen or job.kind not in MappingForm.ONLY_FOR.get(name, {job.kind}):
            continue
        if isinstance(value, list):
            value = ", ".join(value)
        elif isinstance(field, forms.ChoiceField):
            words: dict[Any, Any] = dict(field.choices)  # type: ignore[arg-type]
            value = words.get(str(value), value)
        elif value is True:
            value = gettext("yes")
        chosen.append((field.label, value))
    return chosen
