"""Learning: outcomes become statistics that add up, statistics a posterior."""

from collections.abc import Sequence
from datetime import date, timedelta

import numpy as np
from django.db import connection, transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _
from numpy.typing import NDArray
from psycopg import sql

from campaigns.models import Action, Campaign
from campaigns.numerics.rulebook_entries import is_enough
from campaigns.services.minimum_evidence import MinimumEvidences
from journeys.errors import StaleState
from journeys.evidence import IS_EVIDENCE
from journeys.learning.numerics.design import FeatureScaling
from journeys.learning.numerics.uplift import UpliftModel, UpliftStatistics, winsor_limit
from journeys.learning.open_windows import open_contacts
from journeys.learning.outcome_changes import LEARNED_ON
from journeys.learning.record_mix import record_evidence
from journeys.models import UpliftDay, UpliftModelVersion, UpliftScaling, UpliftTotal
from optiengine.lib.columns import read_columns
from segments.event_money import IS_PURCHASE
from segments.models import FeatureSet, Organisation, StateBuild
from segments.state.split_segment import leaves_of, splits_changed

SCALING_SAMPLE = 50_000  # customers that the scale of features is learned from
GATE_SAMPLE = 5_000  # customers on whom personal choices must be worth it

Evidence = dict[str, list[float]]  # by action id: test, responders, control, responders

CONTACTS = f"""
SELECT k.action_id, coalesce(s.micro_segment_id, 0) AS segment_id, NOT k.is_control AS treated,
       o.value_cents, o.n_responses > 0 AS responded, k.control_share, o.weight, s.features
FROM {LEARNED_ON} o
JOIN journeys_contact k ON k.id = o.contact_id AND k.as_of = o.as_of
JOIN segments_customerstate s ON s.customer_id = k.customer_id AND s.as_of = k.as_of
JOIN segments_statebuild b ON b.as_of = s.as_of
WHERE b.feature_set_id = {{feature_set}}
  AND k.control_share > 0 AND k.control_share < 1 AND {IS_EVIDENCE.format(as_of="{known_on}")}
ORDER BY k.as_of, k.customer_id, k.action_id, k.id, o.weight
"""


# Days on which something was learned from messages that are no evidence, as was noted since a day.
# A message whose customer's state of the day is no longer kept cannot be told from the others.
DAYS_TO_CORRECT = """
WITH no_evidence AS (
    SELECT DISTINCT k.id, k.as_of
    FROM journeys_evidencecut cut
    JOIN journeys_contact k ON k.customer_id = cut.customer_id
         AND (k.id < cut.below OR k.reserved_at < cut.up_to)
    JOIN segments_customerstate s ON s.customer_id = k.customer_id AND s.as_of = k.as_of
    WHERE cut.noted_on BETWEEN %(since)s AND %(as_of)s
)
SELECT o.measured_on FROM no_evidence k
JOIN journeys_outcome o ON o.contact_id = k.id AND o.as_of = k.as_of
WHERE o.measured_on < %(as_of)s
UNION
SELECT c.changed_on FROM no_evidence k
JOIN journeys_outcomechange c ON c.contact_id = k.id AND c.as_of = k.as_of
WHERE c.changed_on < %(as_of)s
ORDER BY 1
"""


def fit_uplift(as_of: date) -> UpliftModelVersion:
    """Add what was measured on a day to what is known, and fit the posterior for its decisions.

    Contacts whose windows are open count by the share of their outcome that has been seen; evidence
    is counted from closed windows only.

    Contacts whose assignment is not known teach nothing about effects and are left out. So are
    those that are no evidence; where that was noted after they had been learned from, their days
    are learned anew. Learning
    the same day twice replaces that day. Raises StaleState without the day's states.
    """
    state = StateBuild.objects.select_related("feature_set").filter(as_of=as_of).first()
    if state is None:
        raise StaleState(_("There is no customer data for %s yet.") % as_of)
    half_life = Organisation.current().half_life_days
    with transaction.atomic():
        scaling = _scaling_of(state)
        _fade_anew(as_of, scaling, half_life)
        _learn_without_cuts(as_of, scaling, half_life)
        if splits_changed(as_of):
            _lay_out_anew(as_of, scaling, half_life)
        _learn_day(as_of, scaling, half_life)
        limit = scaling.winsor_cents
        record_evidence(as_of, winsor_cents=limit, half_life=half_life, known_on=as_of)
        return _fit(as_of, scaling, half_life)


def _scaling_of(state: StateBuild) -> UpliftScaling:
    """The scale of a feature set, learned from its first day and kept: statistics must add up.

    So is the limit of the money, from the orders that were seen by then.
    """
    if scaling := UpliftScaling.objects.filter(feature_set=state.feature_set).first():
        return scaling
    sample = _sample(state.as_of, state.feature_set, SCALING_SAMPLE)["features"]
    amounts = read_columns(
        sql.SQL(
            "SELECT amount_cents::float8 AS amount FROM segments_event "
            "WHERE {} AND amount_cents IS NOT NULL AND occurred_at < {} LIMIT 1000000"
        ).format(sql.SQL(IS_PURCHASE), sql.Literal(state.as_of)),
        ["amount"],
    )["amount"]
    limit = winsor_limit(amounts)
    return UpliftScaling.objects.create(
        feature_set=state.feature_set,
        fitted=FeatureScaling().fit(sample).get_fitted(),
        winsor_cents=limit if np.isfinite(limit) else None,
    )


def _fade_anew(as_of: date, scaling: UpliftScaling, half_life: int) -> None:
    """Make the totals anew, from their days, that were discounted by another half-life."""
    others = UpliftTotal.objects.filter(scaling=scaling).exclude(half_life_days=half_life)
    for total in others:
        total.statistics = _sum_of_days(total.action_id, scaling, as_of, half_life).to_bytes()
        total.through, total.half_life_days = as_of, half_life
        total.save()


def _lay_out_anew(as_of: date, scaling: UpliftScaling, half_life: int) -> None:
    """Count what was learned before for the micro-segments of the day: after a split or its end.

    So a leaf just split off starts from the contacts that its customers had in what it was part
    of. Days older than two half-lives stay as they are: what they count has faded.
    """
    known = UpliftDay.objects.filter(scaling=scaling, measured_on__lte=as_of)
    recent = known.filter(measured_on__gt=as_of - timedelta(days=2 * half_life))
    actions = _actions_of(known)
    for day in recent.dates("measured_on", "day"):
        _sum_up_day(day, scaling, half_life, known_on=as_of)
    _make_totals(actions, as_of, scaling, half_life)


def _learn_without_cuts(as_of: date, scaling: UpliftScaling, half_life: int) -> None:
    """Learn the days anew that messages were learned from which are no evidence, as it turned out.

    The last learning's own day is looked at again: what was noted on it may have come after it.
    """
    last = UpliftModelVersion.objects.order_by("pk").last()
    if last is None:
        return
    with connection.cursor() as cursor:
        cursor.execute(DAYS_TO_CORRECT, {"since": last.as_of, "as_of": as_of})
        days = [day for (day,) in cursor.fetchall()]
    learned = UpliftDay.objects.filter(measured_on__in=days).select_related("scaling")
    actions = _actions_of(learned.filter(scaling=scaling))
    scaling_of = {day.measured_on: day.scaling for day in learned}
    for day in days:
        of_day = scaling_of.get(day, scaling)
        if of_day == scaling:  # what was learned with other features is in no total
            _sum_up_day(day, scaling, half_life, known_on=as_of)
        limit = of_day.winsor_cents
        record_evidence(day, winsor_cents=limit, half_life=half_life, known_on=as_of)
    _make_totals(actions, as_of, scaling, half_life)


def _actions_of(days: QuerySet[UpliftDay]) -> list[int]:
    return list(days.order_by().values_list("action_id", flat=True).distinct())


def _make_totals(
    action_ids: Sequence[int], as_of: date, scaling: UpliftScaling, half_life: int
) -> None:
    """Make the totals of actions anew, from their days up to a day."""
    for action_id in action_ids:
        UpliftTotal.objects.filter(action_id=action_id).delete()
        total = _sum_of_days(action_id, scaling, as_of, half_life)
        _add_to_total(action_id, total, scaling, as_of, half_life)


def _learn_day(as_of: date, scaling: UpliftScaling, half_life: int) -> None:
    """Sums of the day's outcomes per action, kept by the day and added to the total."""
    replaced = set(UpliftDay.objects.filter(measured_on=as_of).values_list("action_id", flat=True))
    learned = _sum_up_day(as_of, scaling, half_life, known_on=as_of)
    for action_id in replaced:  # a day learned again: its old sums are in the total
        UpliftTotal.objects.filter(action_id=action_id).delete()
        learned[action_id] = _sum_of_days(action_id, scaling, as_of, half_life)
    for action_id, statistics in learned.items():
        _add_to_total(action_id, statistics, scaling, as_of, half_life)


def _sum_up_day(
    as_of: date, scaling: UpliftScaling, half_life: int, *, known_on: date
) -> dict[int, UpliftStatistics]:
    """Sums of the day's outcomes per action, kept by the day, for the micro-segments of another.

    known_on : that other day, by which it is also known what is no evidence.

    Of outcomes that late events changed on the day, the difference is added, as faded by then as
    what it corrects.
    """
    query = sql.SQL(CONTACTS).format(
        day=sql.Literal(as_of),
        half_life=sql.Literal(half_life),
        feature_set=sql.Literal(scaling.feature_set_id),
        known_on=sql.Literal(known_on),
    )
    names = ["action_id", "segment_id", "treated", "value_cents", "responded", "control_share"]
    rows = read_columns(query, [*names, "weight", "features"])
    features = rows["features"].reshape(-1, len(scaling.feature_set.names))
    UpliftDay.objects.filter(measured_on=as_of).delete()
    learned = {}
    if len(features):
        rows["segment_id"] = leaves_of(
            rows["segment_id"],
            dict(zip(scaling.feature_set.names, features.T, strict=True)),
            on=known_on,
        )
        X = FeatureScaling.from_fitted(scaling.fitted).transform(features)
        limit = scaling.winsor_cents or np.inf
        for action_id in np.unique(rows["action_id"]).tolist():
            of_action = rows["action_id"] == action_id
            learned[action_id] = _signed_statistics(X, rows, of_action, limit)
    UpliftDay.objects.bulk_create(
        UpliftDay(
            action_id=action_id,
            measured_on=as_of,
            scaling=scaling,
            n_test=statistics.n[1],
            n_control=statistics.n[0],
            n_test_responders=round(statistics.n_responded[1]),
            n_control_responders=round(statistics.n_responded[0]),
            statistics=statistics.to_bytes(),
        )
        for action_id, statistics in learned.items()
    )
    return learned


def _signed_statistics(
    X: NDArray[np.float64], rows: dict[str, NDArray], chosen: NDArray[np.bool_], limit: float
) -> UpliftStatistics:
    """The sums of rows by their weights, of which those below zero are taken away."""
    total = UpliftStatistics.empty(X.shape[1])
    for weight in np.unique(np.abs(rows["weight"][chosen]))[::-1]:
        gained, lost = (chosen & (rows["weight"] == sign * weight) for sign in (1, -1))
        sums = _statistics(X, rows, gained, limit)
        if lost.any():
            sums -= _statistics(X, rows, lost, limit)
        total = total + sums.scaled(float(weight))
    return total


def _learn_open(as_of: date, scaling: UpliftScaling) -> dict[int, UpliftStatistics]:
    """Sums of what contacts with open windows have shown so far, per action; kept nowhere."""
    statistics: dict[int, UpliftStatistics] = {}
    limit = scaling.winsor_cents or np.inf
    if contacts := open_contacts(as_of, scaling.feature_set_id):
        X = FeatureScaling.from_fitted(scaling.fitted).transform(contacts.rows["features"])
        for action_id in np.unique(contacts.rows["action_id"]).tolist():
            of_action = contacts.rows["action_id"] == action_id
            statistics[action_id] = _statistics(
                X, contacts.rows, of_action, limit, exposure=contacts.exposure
            )
    return statistics


def _statistics(
    X: NDArray[np.float64],
    rows: dict[str, NDArray],
    of_action: NDArray[np.bool_],
    limit: float,
    exposure: NDArray[np.float64] | None = None,
) -> UpliftStatistics:
    share, treated = rows["control_share"][of_action], rows["treated"][of_action]
    return UpliftStatistics.from_contacts(
        X[of_action],
        rows["segment_id"][of_action],
        treated,
        np.clip(rows["value_cents"][of_action], -limit, limit),
        rows["responded"][of_action],
        weights=1 / np.where(treated, 1 - share, share),
        exposure=None if exposure is None else exposure[of_action],
    )


def _fade(days: int, half_life: int) -> float:
    """What a contact still counts after so many days: what works changes."""
    return 0.5 ** (days / half_life)


def _sum_of_days(
    action_id: int, scaling: UpliftScaling, as_of: date, half_life: int
) -> UpliftStatistics:
    """The total made anew from its days."""
    days = UpliftDay.objects.filter(action_id=action_id, scaling=scaling, measured_on__lte=as_of)
    parts = [
        UpliftStatistics.from_bytes(bytes(day.statistics)).scaled(
            _fade((as_of - day.measured_on).days, half_life)
        )
        for day in days.order_by("measured_on").iterator()
    ]
    return sum(parts[1:], start=parts[0]) if parts else _empty(scaling)


def _empty(scaling: UpliftScaling) -> UpliftStatistics:
    return UpliftStatistics.empty(len(scaling.feature_set.names) + 1)


def _add_to_total(
    action_id: int,
    statistics: UpliftStatistics,
    scaling: UpliftScaling,
    as_of: date,
    half_life: int,
) -> None:
    total = UpliftTotal.objects.filter(action_id=action_id, scaling=scaling).first()
    if total:
        faded = UpliftStatistics.from_bytes(bytes(total.statistics)).scaled(
            _fade((as_of - total.through).days, half_life)
        )
        statistics = faded + statistics
    UpliftTotal.objects.update_or_create(
        action_id=action_id,
        defaults={
            "through": as_of,
            "half_life_days": half_life,
            "scaling": scaling,
            "statistics": statistics.to_bytes(),
        },
    )


def _gate(model: UpliftModel, as_of: date, scaling: UpliftScaling, evidence: Evidence) -> None:
    """Tell customers apart only if that beats the best single action of the day's campaigns.

    Checked once all of these have minimum evidence: before, different choices are how one learns.
    """
    minimum = MinimumEvidences()
    actions = Action.objects.filter(campaign__in=Campaign.objects.active_on(as_of))
    for action in actions:
        if not is_enough(evidence[str(action.pk)], minimum.of(action.campaign_id)):
            return
    cost_of = {action.pk: float(action.cost_cents) for action in actions}
    costs = [cost_of.get(key, np.inf) for key in model.action_keys_.tolist()]
    sample = _sample(as_of, scaling.feature_set, GATE_SAMPLE)
    X = FeatureScaling.from_fitted(scaling.fitted).transform(sample["features"])
    model.gate(X, sample["segment_id"], costs)


def _sample(as_of: date, feature_set: FeatureSet, size: int) -> dict[str, NDArray]:
    """So many customers' features, (n, d), and micro-segments, as of a day; always the same."""
    query = sql.SQL(
        "SELECT features, coalesce(micro_segment_id, 0) AS segment_id "
        "FROM segments_customerstate WHERE as_of = {} ORDER BY hashint8(customer_id) LIMIT {}"
    ).format(sql.Literal(as_of), sql.Literal(size))
    rows = read_columns(query, ["features", "segment_id"])
    return {**rows, "features": rows["features"].reshape(-1, len(feature_set.names))}


def _fit(as_of: date, scaling: UpliftScaling, half_life: int) -> UpliftModelVersion:
    """The posterior of all actions; those never tried get what actions have in common."""
    totals = {
        total.action_id: UpliftStatistics.from_bytes(bytes(total.statistics)).scaled(
            _fade((as_of - total.through).days, half_life)
        )
        for total in UpliftTotal.objects.filter(scaling=scaling)
    }
    keys = sorted(Action.objects.values_list("pk", flat=True))
    statistics = [totals.get(key) or _empty(scaling) for key in keys]
    so_far = _learn_open(as_of, scaling)
    known = [
        batch + so_far[key] if key in so_far else batch
        for key, batch in zip(keys, statistics, strict=True)
    ]
    evidence: Evidence = {
        str(key): [*map(float, (s.n[1], s.n_responded[1], s.n[0], s.n_responded[0]))]
        for key, s in zip(keys, statistics, strict=True)
    }
    model = UpliftModel().fit(known, keys) if keys else None
    if model:
        _gate(model, as_of, scaling, evidence)
    return UpliftModelVersion.objects.create(
        as_of=as_of,
        scaling=scaling,
        payload=model.to_bytes() if model else b"",
        is_personal=bool(model and model.is_personal_),
        evidence=evidence,
        n_contacts=round(sum(s.n.sum() for s in statistics)),
    )
