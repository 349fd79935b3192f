"""The crossing from rows to arrays: what is known of a block of customers on a day."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import numpy as np
import psycopg
from django.db import connection
from numpy.typing import NDArray
from psycopg import sql

from optiengine.lib.columns import read_columns
from segments.channels import CHANNELS, address_field, address_fields
from segments.models import StateBuild
from segments.models.customer import KEY_COLUMNS
from segments.rules.numerics.rule import Kind, kinds_of
from segments.rules.rule_sql import field_sql
from segments.same_person import SUPPRESSED_AS_ANOTHER


@dataclass(frozen=True)
class CustomerBatch:
    """n customers in order of id, on one day, as arrays; d features."""

    as_of: date
    customer_ids: NDArray[np.int64]  # (n,), ascending
    feature_names: tuple[str, ...]  # d of them
    features: NDArray[np.float64]  # (n, d), NaN where unknown
    stages: NDArray[np.object_]  # (n,)
    micro_segment_ids: NDArray[np.int64]  # (n,)
    clv_cents: NDArray[np.float64]  # (n,)
    p_alive: NDArray[np.float64]  # (n,), NaN where unknown
    consents: Mapping[str, NDArray[np.bool_]]  # by channel, (n,)
    addresses: Mapping[str, NDArray[np.bool_]]  # by channel, (n,): there is where to send to
    suppressed: NDArray[np.bool_]  # (n,): suppressed or erased
    time_zones: NDArray[np.object_]  # (n,), '' where unknown
    countries: NDArray[np.object_]  # (n,), ISO 3166, '' where unknown
    # By channel, (n,): the address there is on the list of suppressed ones; others have no list.
    barred: Mapping[str, NDArray[np.bool_]] = field(default_factory=dict)
    # By channel, (n,): what was said of the consent last could not be read; channels with some.
    unclear: Mapping[str, NDArray[np.bool_]] = field(default_factory=dict)
    # By tag, (n,): the customer declined the topic; tags that somebody of these declined.
    declined: Mapping[int, NDArray[np.bool_]] = field(default_factory=dict)
    columns: Mapping[str, NDArray[Any]] = field(default_factory=dict)  # of rules, by field, (n,)

    def __len__(self) -> int:
        return len(self.customer_ids)


def load_batch(
    state: StateBuild, first_id: int, last_id: int, *, fields: Collection[str] = ()
) -> CustomerBatch:
    """The customers with ids first_id to last_id, both included, that have a state on the day.

    fields : of rules; their columns are read by the same SQL as the rules' own counts: numbers as
    float64, NaN where unknown, consents as bool, text and attributes as objects, None where
    unknown. One query, so that every column shows the same moment. Raises RuleError for a feature
    that the day's state does not hold.
    """
    where = sql.SQL("s.as_of = {} AND s.customer_id BETWEEN {} AND {}").format(
        state.as_of, first_id, last_id
    )
    query = batch_sql(state, sql.SQL("segments_customerstate"), where, fields)
    return batch_of(state, read_columns(query, batch_names(fields)), fields)


def batch_sql(
    state: StateBuild, source: sql.Composable, where: sql.Composable, fields: Collection[str]
) -> sql.Composed:
    """The query of a batch. source : of rows s like those of CustomerState; where : a condition."""
    select, params = [f'{column} AS "{name}"' for name, column in _columns().items()], []
    for index, (name, kind) in enumerate((name, _kind(name)) for name in fields):
        column, values = field_sql(name, state)
        if kind is Kind.NUMBER:
            column = f"coalesce({column}, 'NaN')::float8"
        select.append(f'{column} AS "field {index}"')
        params += values
    connection.ensure_connection()
    # The values go in first: a source may hold a % of its own, which a parameter would trip over.
    columns = psycopg.ClientCursor(connection.connection).mogrify(", ".join(select), params)
    return sql.SQL(" ").join(
        [
            sql.SQL("SELECT"),
            sql.SQL(columns),
            sql.SQL("FROM"),
            source,
            sql.SQL("s JOIN segments_customer c ON c.id = s.customer_id WHERE"),
            where,
            sql.SQL("ORDER BY s.customer_id"),
        ]
    )


def has_address_sql(channel: str) -> str:
    """SQL over customers c: there is something that a message could be sent to.

    An address that cannot be settled is none: nobody could say whether it is suppressed.
    """
    field = address_field(channel)
    return (
        f"c.{KEY_COLUMNS[field]} <> ''" if field else "TRUE"
    )  # without addresses the consent is enough


def _columns() -> dict[str, str]:
    """SQL of a batch's columns, by name, without those of rules."""
    return {
        "customer_id": "c.id",
        "features": "s.features",
        "stage": "s.stage",
        "micro_segment_id": "s.micro_segment_id",
        "clv_cents": "s.clv_cents",
        "p_alive": "coalesce(s.p_alive, 'NaN')",
        "suppressed": "(c.suppressed OR c.erased_at IS NOT NULL "
        f"OR c.id IN ({SUPPRESSED_AS_ANOTHER}))",
        "time_zone": "c.time_zone",
        "country": "c.country",
        **{f"consent of {each}": _has_consent_sql(each) for each in CHANNELS},
        **{f"address of {each}": has_address_sql(each) for each in CHANNELS},
        "consents_unclear": "array_to_string(c.consents_unclear, ' ')",
        "topics_declined": "array_to_string(c.topics_declined, ' ')",
        **{f"barred {each}": _is_barred_sql(each) for each in address_fields()},
    }


def _has_consent_sql(channel: str) -> str:
    return "TRUE" if CHANNELS[channel].is_inbound else f"('{channel}' = ANY(c.consents))"


def _is_barred_sql(channel: str) -> str:
    return f"('{channel}' = ANY(c.suppressed_channels))"


def batch_names(fields: Collection[str]) -> list[str]:
    """The columns of the query, in order."""
    return [*_columns(), *(f"field {index}" for index in range(len(fields)))]


def batch_of(
    state: StateBuild, columns: Mapping[str, NDArray[Any]], fields: Collection[str]
) -> CustomerBatch:
    """The batch that the query's columns make."""
    feature_names = tuple(state.feature_set.names)
    return CustomerBatch(
        as_of=state.as_of,
        customer_ids=columns["customer_id"],
        feature_names=feature_names,
        features=columns["features"].reshape(-1, len(feature_names)),
        stages=columns["stage"],
        micro_segment_ids=columns["micro_segment_id"],
        clv_cents=columns["clv_cents"],
        p_alive=columns["p_alive"],
        consents={channel: columns[f"consent of {channel}"] for channel in CHANNELS},
        addresses={channel: columns[f"address of {channel}"] for channel in CHANNELS},
        suppressed=columns["suppressed"],
        time_zones=columns["time_zone"],
        countries=columns["country"],
        unclear=_by_word(columns["consents_unclear"]),
        declined={int(tag): who for tag, who in _by_word(columns["topics_declined"]).items()},
        barred={channel: columns[f"barred {channel}"] for channel in address_fields()},
        columns={name: columns[f"field {index}"] for index, name in enumerate(fields)},
    )


def _by_word(texts: NDArray[np.object_]) -> dict[str, NDArray[np.bool_]]:
    """texts : (n,) words separated by blanks. By word: whose text has it."""
    by_word: dict[str, NDArray[np.bool_]] = {}
    for row in np.flatnonzero(texts != ""):
        for word in texts[row].split():
            by_word.setdefault(word, np.zeros(len(texts), dtype=bool))[row] = True
    return by_word


def _kind(name: str) -> Kind:
    """As what a field's column comes. Attributes come as text, which rules read numbers from."""
    kinds = kinds_of(name)
    if not kinds:
        raise ValueError(f"There is no field “{name}”.")
    return Kind.TEXT if Kind.TEXT in kinds else kinds[0]
