"""Features: which there are, and each one as an SQL aggregate over a customer's events."""

from collections.abc import Iterable, Sequence
from datetime import date, timedelta

from django.utils.translation import gettext as _
from psycopg import sql

from optiengine.lib.days import day_start
from segments.event_money import IS_CREDIT_NOTE, IS_MONEY, SIGNED_CENTS
from segments.feature_catalogue import BUILT_IN, BUILT_IN_NAMES, Feature
from segments.models import CustomerState, FeatureDefinition, FeatureSet, StateBuild
from segments.rules.numerics.rule_tree import NUMBER_PATTERN

# An aggregate over nothing: a count is zero, a mean or a date is not known.
OVER_NOTHING = {"count": 0.0, "sum": 0.0, "margin": 0.0}
# What a credit note, an order below zero, must not count in.
OF_PURCHASES = ("count", "mean", "days_since")
OLDEST = 120  # years; a birth date before that was made up, as 1 January 1900 often is

AGE = """
CASE WHEN c.birth_date <= {as_of}::date THEN
    nullif(least(date_part('year', age({as_of}::timestamp, c.birth_date::timestamp)), {too_old}),
           {too_old})
END"""
# Text as rules read it: a number where the whole of it is one, so no value can fail the day.
ATTRIBUTE = """
CASE WHEN jsonb_typeof(c.attributes -> {name}) IN ('string', 'number', 'boolean') THEN
    CASE WHEN c.attributes ->> {name} ~ {number} THEN (c.attributes ->> {name})::float8
         WHEN lower(c.attributes ->> {name}) = 'true' THEN 1
         WHEN lower(c.attributes ->> {name}) = 'false' THEN 0 END
END"""
ATTRIBUTE_IS = """
CASE WHEN jsonb_typeof(c.attributes -> {name}) IN ('string', 'number', 'boolean')
     THEN (nullif(c.attributes ->> {name}, '') = {value})::int::float8 END"""


class FeatureError(ValueError):
    """A feature that cannot be computed, and why."""


def active_features() -> tuple[Feature, ...]:
    """The built-in features, then the users' own by name: the order of a state's array.

    Raises FeatureError where a user's feature has the name of a built-in one.
    """
    defined = [as_feature(row) for row in FeatureDefinition.objects.filter(is_active=True)]
    # Not by the database's collation, which may change.
    defined.sort(key=lambda feature: feature.name)
    for feature in defined:
        if feature.name in BUILT_IN_NAMES:
            raise FeatureError(
                _("The feature “%(name)s” has the same name as a built-in feature.")
                % {"name": feature.name}
            )
    return BUILT_IN + tuple(defined)


def features_named(names: Iterable[str]) -> tuple[Feature, ...]:
    """Those that a state's array holds, in its order: also such as the next one will leave out.

    Raises FeatureError where one is no longer defined at all.
    """
    known = {row.name: as_feature(row) for row in FeatureDefinition.objects.all()}
    known |= {feature.name: feature for feature in BUILT_IN}
    names = list(names)
    if missing := [name for name in names if name not in known]:
        raise FeatureError(
            _("The day's customer data uses a feature that is no longer defined: %s.")
            % ", ".join(missing)
        )
    return tuple(known[name] for name in names)


def as_feature(definition: FeatureDefinition) -> Feature:
    return Feature(
        name=definition.name,
        label=definition.label,
        aggregate=definition.aggregate,
        kinds=(definition.event_kind,) if definition.event_kind else (),
        window_days=definition.window_days,
        property_name=definition.property_name,
        property_value=definition.property_value,
    )


def feature_set_of(features: Iterable[Feature], as_of: date) -> FeatureSet:
    """The row that says what a state's array holds; the same names in the same order share one."""
    names = [feature.name for feature in features]
    return FeatureSet.objects.get_or_create(names=names, defaults={"created_on": as_of})[0]


def aggregate_sql(feature: Feature, as_of: date, zone: str) -> sql.Composable:
    """The aggregate of one feature over rows e of events before the day, as double precision.

    NULL over no rows. Days are calendar days in `zone`. Tenure needs the customer's row c too.
    """
    since = sql.SQL("({as_of}::date - (max(e.occurred_at){rows} AT TIME ZONE {zone})::date)")
    aggregate = {
        "count": sql.SQL("count(*){rows}"),
        "sum": sql.SQL(f"sum({SIGNED_CENTS}::float8){{rows}}"),
        "margin": sql.SQL(f"sum({SIGNED_CENTS}::float8){{rows}}"),
        "mean": sql.SQL(f"avg({SIGNED_CENTS}::float8){{rows}}"),
        "days_since": since,
        "tenure": sql.SQL("({as_of}::date - (min(e.occurred_at){rows} AT TIME ZONE {zone})::date)"),
    }[feature.aggregate]
    rows = _filter_sql(feature, as_of, zone)
    composed = aggregate.format(rows=rows, as_of=sql.Literal(as_of), zone=sql.Literal(zone))
    return sql.SQL("{}::float8").format(composed)


def known_sql(feature: Feature, column: sql.Composable, as_of: date) -> sql.Composable:
    """What a customer's array holds, given the aggregate's column, NULL for one without events."""
    if feature.aggregate == "tenure":
        column = sql.SQL("greatest({}, {}::date - c.registered_on)").format(
            column, sql.Literal(as_of)
        )
    otherwise = OVER_NOTHING.get(feature.aggregate, "NaN")
    return sql.SQL("coalesce({}, {}::float8)").format(column, sql.Literal(otherwise))


def fact_sql(feature: Feature, as_of: date) -> sql.Composable:
    """A feature of the customer's own row c, on a day: double precision, NaN where unknown."""
    if feature.aggregate == "age":
        fact = sql.SQL(AGE).format(as_of=sql.Literal(as_of), too_old=sql.Literal(OLDEST + 1))
    else:
        fact = sql.SQL(ATTRIBUTE_IS if feature.property_value else ATTRIBUTE).format(
            name=sql.Literal(feature.property_name),
            value=sql.Literal(feature.property_value),
            number=sql.Literal(NUMBER_PATTERN),
        )
    return sql.SQL("coalesce({}, 'NaN')::float8").format(fact)


def feature_values(state: CustomerState) -> list[tuple[str, float]]:
    """The features of one customer and day for a page: (label, value), NaN where unknown.

    Raises StateBuild.DoesNotExist for a day that was never completed.
    """
    build = StateBuild.objects.select_related("feature_set").get(as_of=state.as_of)
    labels = feature_labels(build.feature_set.names)
    return list(zip(labels, state.features, strict=True))


def feature_labels(names: Sequence[str]) -> list[str]:
    """A label for each name; the name itself for a user's feature that has since been deleted."""
    labels = {feature.name: str(feature.label) for feature in BUILT_IN}
    defined = FeatureDefinition.objects.filter(name__in=names)
    labels |= dict(defined.values_list("name", "label"))
    return [labels.get(name, name) for name in names]


def _filter_sql(feature: Feature, as_of: date, zone: str) -> sql.Composable:
    conditions: list[sql.Composable] = []
    if feature.aggregate == "margin":
        conditions.append(sql.SQL(IS_MONEY))
    elif feature.kinds:
        kinds = sql.SQL(", ").join(map(sql.Literal, feature.kinds))
        conditions.append(sql.SQL("e.kind IN ({})").format(kinds))
        if feature.aggregate in OF_PURCHASES:
            conditions.append(sql.SQL(f"NOT {IS_CREDIT_NOTE}"))
    if feature.window_days is not None:
        start = day_start(as_of - timedelta(days=feature.window_days), zone)
        conditions.append(sql.SQL("e.occurred_at >= {}::timestamptz").format(sql.Literal(start)))
    if feature.property_name:
        name = sql.Literal(feature.property_name)
        if feature.property_value:
            value = sql.Literal(feature.property_value)
            conditions.append(sql.SQL("e.properties ->> {} = {}").format(name, value))
        else:
            conditions.append(sql.SQL("e.properties ? {}").format(name))
    if not conditions:
        return sql.SQL("")
    return sql.SQL(" FILTER (WHERE {})").format(sql.SQL(" AND ").join(conditions))
