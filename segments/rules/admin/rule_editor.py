"""A form field for a rule: an editor in the browser, the same checks on the server."""

import json
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.urls import reverse_lazy
from django.utils.translation import gettext as _
from unfold.widgets import INPUT_CLASSES, SELECT_CLASSES

from segments.rules.describe_rule import OP_LABELS, problem_in_words
from segments.rules.numerics.rule import OPS, Kind, Op, RuleError, ops_of
from segments.rules.numerics.rule_tree import gettext_noop
from segments.rules.rule_fields import newest_state, parse_known_rule, rule_fields

MAX_CHARACTERS = 200_000  # of a rule's JSON; more is not read at all


def rule_json(text: str) -> Any:
    """The JSON of a rule; blank is the rule for everyone. Raises RuleError where it is none."""
    if not text.strip():
        return {}
    try:
        if len(text) <= MAX_CHARACTERS:
            return json.loads(text)
    except (ValueError, RecursionError):
        pass
    raise RuleError((), gettext_noop("This is not a valid rule."))


class RuleWidget(forms.Textarea):
    """The JSON in a text area, over which the browser lays the editor."""

    template_name = "segments/widgets/rule_editor.html"
    count_url = reverse_lazy("admin:segments_targetgroup_count_rule")

    class Media:
        js = ["segments/rule_tree.js", "segments/rule_editor.js"]
        css = {"all": ["segments/rule_editor.css"]}

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        context = super().get_context(name, value, attrs)
        context["widget"]["attrs"]["class"] = " ".join([*INPUT_CLASSES, "font-mono"])
        context["editor"] = self.settings()
        return context

    def settings(self) -> dict[str, Any]:
        """What the editor offers, and its texts in the reader's language."""
        fields = rule_fields(newest_state()).values()
        return {
            "countUrl": str(self.count_url),
            "fields": [
                {
                    "name": field.name,
                    "label": field.label,
                    "type": field.type,
                    "group": field.group,
                    "choices": field.choices,
                    "suggestions": field.suggestions,
                }
                for field in fields
            ],
            "ops": {
                **{kind.value: _labelled(OPS[kind]) for kind in Kind},
                "choice": _labelled(ops_of("stage")),
            },
            "classes": {"input": " ".join(INPUT_CLASSES), "select": " ".join(SELECT_CLASSES)},
            "texts": _texts(),
        }


class RuleFormField(forms.JSONField):
    """A rule, checked against the fields and choices of the newest day."""

    widget = RuleWidget

    def prepare_value(self, value: Any) -> Any:
        """A new target group begins as the rule for everyone, which the editor can lay out."""
        return super().prepare_value({} if value is None else value)

    def to_python(self, value: Any) -> Any:
        if self.disabled:
            return value
        try:
            json = rule_json(value) if isinstance(value, str) else value
            if json is None:
                json = {}
            parse_known_rule(json, rule_fields(newest_state()))
        except RuleError as error:
            raise ValidationError(problem_in_words(error), code="rule") from error
        return json

    def validate(self, value: Any) -> None:
        """Everyone, {}, is a rule too, so that an empty value is none that is missing."""


def _labelled(ops: tuple[Op, ...]) -> list[tuple[str, str]]:
    return [(op.value, str(OP_LABELS[op])) for op in ops]


def _texts() -> dict[str, str]:
    return {
        "all": _("All of these conditions"),
        "any": _("At least one of these conditions"),
        "not_all": _("Not all of these conditions"),
        "not_any": _("None of these conditions"),
        "group": _("Group of conditions"),
        "everyone": _("No conditions: all customers."),
        "condition": _("Condition"),
        "addCondition": _("Add condition"),
        "addGroup": _("Add group"),
        "removeCondition": _("Remove condition"),
        "removeGroup": _("Remove group"),
        "field": _("Field"),
        "chooseField": _("Choose a field …"),
        "otherAttribute": _("Another attribute …"),
        "attributeName": _("Attribute name"),
        "op": _("Comparison"),
        "value": _("Value"),
        "from": _("From"),
        "to": _("To"),
        "and": _("to"),
        "onePerLine": _("One value per line"),
        "yes": _("yes"),
        "no": _("no"),
        "counting": _("Counting …"),
        "unreachable": _("The server cannot be reached, so the count is unknown."),
    }
