"""The catalogue of fields that a rule may name: what they are called and which values exist."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from django.db import connection
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from segments.channel_labels import channel_choices
from segments.feature_catalogue import BUILT_IN
from segments.models import FeatureDefinition, MicroSegment, Stage, StateBuild
from segments.rules.numerics.rule import FEATURE, FIELDS, Kind, Rule, parse_rule
from segments.rules.numerics.rule_tree import NUMBER_PATTERN

Choices = tuple[tuple[str | float, str], ...]  # value and label

N_SAMPLED = 2_000  # newest customers that are looked at for attributes and suggestions
N_ATTRIBUTES = 200
N_SUGGESTIONS = 30

_LABELS: Mapping[str, str | Promise] = {
    "stage": gettext_lazy("Stage"),
    "micro_segment": gettext_lazy("Micro-segment"),
    "clv_cents": gettext_lazy("Predicted value in cents"),
    "p_alive": gettext_lazy("Probability of being active"),
    "country": gettext_lazy("Country"),
    "language": gettext_lazy("Language"),
    "registered_days": gettext_lazy("Days since registration"),
    "age_years": gettext_lazy("Age in years"),
    "days_to_birthday": gettext_lazy("Days to birthday"),
}


@dataclass(frozen=True)
class RuleField:
    """A field as the editor offers it."""

    name: str
    label: str
    type: str  # number, text, choice or boolean
    group: str
    choices: Choices = ()  # every value there is, of a choice
    suggestions: tuple[str, ...] = ()  # values that occur, of a text


RuleFields = Mapping[str, RuleField]


def newest_state() -> StateBuild | None:
    """The last day whose states are complete, with its feature set."""
    return StateBuild.objects.select_related("feature_set").order_by("-as_of").first()


def rule_fields(state: StateBuild | None) -> RuleFields:
    """Every field that a rule over this state may name, by name. Five queries of bounded cost."""
    fields = [*_plain_fields(), *feature_fields(state), *_consent_fields(), *_attribute_fields()]
    return {field.name: field for field in fields}


def parse_known_rule(json: object, fields: RuleFields) -> Rule:
    """Like parse_rule, and refuses fields and choices that the catalogue does not have."""
    choices = {f.name: {value for value, _ in f.choices} for f in fields.values() if f.choices}
    return parse_rule(json, fields=fields, choices=choices)


def _plain_fields() -> list[RuleField]:
    choices: Mapping[str, Callable[[], Choices]] = {
        "stage": lambda: tuple((value, str(label)) for value, label in Stage.choices),
        "micro_segment": _micro_segments,
    }
    return [
        RuleField(
            name=name,
            label=str(_LABELS[name]),
            type="choice" if name in choices else kind.value,
            group=_("Customer"),
            choices=choices[name]() if name in choices else (),
            suggestions=_suggestions(name) if kind is Kind.TEXT and name not in choices else (),
        )
        for name, kind in FIELDS.items()
    ]


def _micro_segments() -> Choices:
    return tuple(
        (segment.pk, f"{segment} {_('(retired)')}" if segment.retired_on else str(segment))
        for segment in MicroSegment.objects.all()
    )


def feature_fields(state: StateBuild | None) -> list[RuleField]:
    """Features of the state, and those that the next state will have."""
    defined = FeatureDefinition.objects.order_by("name").values_list("name", "label", "is_active")
    labels = {feature.name: str(feature.label) for feature in BUILT_IN}
    labels |= {name: label for name, label, _is_active in defined}
    computed = state.feature_set.names if state else []
    coming = [
        *(f.name for f in BUILT_IN),
        *(name for name, _label, is_active in defined if is_active),
    ]
    return [
        RuleField(
            name=f"{FEATURE}{name}",
            label=labels.get(name) or name.replace("_", " "),
            type="number",
            group=_("Behaviour"),
        )
        for name in dict.fromkeys([*computed, *coming])
    ]


def _consent_fields() -> list[RuleField]:
    return [
        RuleField(
            name=f"consent.{channel}",
            label=_("Consent to %(channel)s") % {"channel": label},
            type="boolean",
            group=_("Consent"),
        )
        for channel, label in channel_choices()
    ]


def _suggestions(column: str) -> tuple[str, ...]:
    """Values of a column of customers, of the newest ones: a look, not a scan."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT v FROM (SELECT {column} AS v FROM segments_customer ORDER BY id DESC LIMIT %s)"
            " AS newest WHERE v <> '' GROUP BY v ORDER BY count(*) DESC, v LIMIT %s",
            [N_SAMPLED, N_SUGGESTIONS],
        )
        return tuple(value for (value,) in cursor)


def _attribute_fields() -> list[RuleField]:
    """Attributes of the newest customers: numbers where every value reads as one, else text."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT key, bool_and(value ~ %s),"
            " (array_agg(DISTINCT value) FILTER (WHERE length(value) <= 100))[1:%s]"
            " FROM (SELECT attributes FROM segments_customer"
            " WHERE jsonb_typeof(attributes) = 'object' ORDER BY id DESC LIMIT %s) AS newest,"
            " jsonb_each_text(attributes) AS pair(key, value)"
            " WHERE value <> '' AND length(key) <= 100 AND key <> ''"
            " AND jsonb_typeof(attributes -> key) IN ('string', 'number', 'boolean')"
            " GROUP BY key ORDER BY key LIMIT %s",
            [NUMBER_PATTERN, N_SUGGESTIONS, N_SAMPLED, N_ATTRIBUTES],
        )
        return [
            RuleField(
                name=f"attribute.{key}",
                label=key.replace("_", " "),
                type="number" if is_number else "text",
                group=_("Attributes"),
                suggestions=() if is_number else tuple(values or ()),
            )
            for key, is_number, values in cursor
        ]
