"""Customers with states, for tests of rules."""

from datetime import date

import numpy as np

from optiengine.lib.partitions import ensure_partitions
from segments.models import (
    Customer,
    CustomerState,
    FeatureSet,
    MicroSegment,
    Segmentation,
    Stage,
    StateBuild,
)

AS_OF = date(2026, 3, 1)


def make_state(names=("recency_days", "n_orders"), *, as_of=AS_OF) -> StateBuild:
    feature_set, _ = FeatureSet.objects.get_or_create(
        names=list(names), defaults={"created_on": as_of}
    )
    segmentation = Segmentation.objects.create(
        fitted_on=as_of, feature_set=feature_set, clusters={}
    )
    ensure_partitions("segments_customerstate", as_of, as_of)
    return StateBuild.objects.create(
        as_of=as_of, feature_set=feature_set, segmentation=segmentation, n_customers=0
    )


def make_segment(name="big baskets", *, stage=Stage.ACTIVE) -> MicroSegment:
    return MicroSegment.objects.create(stage=stage, name=name, created_on=AS_OF)


def add_customer(state: StateBuild, features=(np.nan, np.nan), **facts) -> Customer:
    """A customer with a state; facts are fields of either."""
    of_state = {
        name: facts.pop(name, default)
        for name, default in (
            ("stage", Stage.ACTIVE),
            ("micro_segment_id", 1),
            ("p_alive", None),
            ("clv_cents", 0.0),
        )
    }
    facts.setdefault("external_id", f"c{Customer.objects.count()}")
    customer = Customer.objects.create(**facts)
    CustomerState.objects.create(
        customer=customer, as_of=state.as_of, features=list(features), **of_state
    )
    state.n_customers += 1
    state.save(update_fields=["n_customers"])
    return customer
