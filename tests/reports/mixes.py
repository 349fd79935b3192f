"""A mix of actions by the hundred, for stories about its state."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time
from uuid import uuid4

import numpy as np

from campaigns.models import Action, Arm
from journeys.learning.record_mix import record_evidence, record_mix
from journeys.models import Contact, Outcome, UpliftModelVersion, UpliftScaling
from optiengine.lib.partitions import ensure_partitions
from segments.models import Customer, FeatureSet, MicroSegment
from tests.factories import DAY


def make_segment(name: str = "loyal") -> MicroSegment:
    return MicroSegment.objects.create(stage="active", name=name, created_on=DAY)


def draw_contacts(
    shares: Mapping[Action, float],
    counts: Mapping[Action, tuple[int, int, int, int]],
    *,
    segment: MicroSegment,
    as_of: date = DAY,
    value_cents: float = 1_000.0,
    arm: str = Arm.OPTIMISED,
) -> None:
    """Contacts of new customers, measured on their day; then the ledger of the day's mix.

    counts : of each action test contacts, responders among them, control, responders among them.
    """
    for table in ("journeys_contact", "journeys_outcome"):
        ensure_partitions(table, as_of, as_of)
    ids = sorted(action.pk for action in shares)
    by_id = {action.pk: share for action, share in shares.items()}
    rows = [
        (action, is_control, i < n_responders)
        for action, (n, responders, n_control, control_responders) in counts.items()
        for is_control, size, n_responders in (
            (False, n, responders),
            (True, n_control, control_responders),
        )
        for i in range(size)
    ]
    customers = Customer.objects.bulk_create(Customer(external_id=uuid4().hex) for _ in rows)
    contacts = Contact.objects.bulk_create(
        Contact(
            customer=customer,
            campaign=action.campaign,
            action=action,
            as_of=as_of,
            reserved_at=datetime.combine(as_of, time(9), UTC),
            channel=action.channel,
            arm=arm,
            is_control=is_control,
            assignment_prob=shares[action],
            control_share=0.3,
            micro_segment=segment,
            mix_action_ids=ids if len(ids) > 1 else None,
            mix_shares=[by_id[pk] for pk in ids] if len(ids) > 1 else None,
            key=uuid4(),
        )
        for customer, (action, is_control, _responded) in zip(customers, rows, strict=True)
    )
    Outcome.objects.bulk_create(
        Outcome(
            contact=contact,
            as_of=as_of,
            measured_on=as_of,
            n_responses=int(responded),
            margin_cents=0,
            clv_change_cents=0,
            value_cents=value_cents * responded,
        )
        for contact, (_action, _control, responded) in zip(contacts, rows, strict=True)
    )
    record_mix(as_of)
    record_evidence(as_of, winsor_cents=None, half_life=180, known_on=as_of)


def know(evidence: Mapping[Action, Sequence[float]], *, as_of: date = DAY) -> UpliftModelVersion:
    """A model that was fitted on so much: test, responders, control, responders per action."""
    features, _made = FeatureSet.objects.get_or_create(
        names=["recency"], defaults={"created_on": as_of}
    )
    scaling, _made = UpliftScaling.objects.get_or_create(
        feature_set=features, defaults={"fitted": {"clip": 3.0, "mean": [0.0], "scale": [1.0]}}
    )
    return UpliftModelVersion.objects.create(
        as_of=as_of,
        scaling=scaling,
        payload=b"",
        evidence={str(action.pk): list(map(float, counts)) for action, counts in evidence.items()},
        n_contacts=int(np.sum([counts[0] + counts[2] for counts in evidence.values()])),
    )
