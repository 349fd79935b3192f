"""What the model expects of each action for a micro-segment's average customer."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from django.db import connection
from numpy.typing import NDArray

from campaigns.models import Action
from journeys.evidence import IS_EVIDENCE
from journeys.learning.numerics.design import FeatureScaling
from journeys.learning.numerics.uplift import UpliftModel
from journeys.models import UpliftModelVersion

NEWEST = 20_000  # contacts of a campaign that are looked at
PER_SEGMENT = 50  # of them, by chance, in each micro-segment

SAMPLE = f"""
SELECT k.micro_segment_id, s.features
FROM (
    SELECT customer_id, as_of, micro_segment_id,
           row_number() OVER (PARTITION BY micro_segment_id ORDER BY hashint8(customer_id)) AS place
    FROM (
        SELECT customer_id, as_of, micro_segment_id FROM journeys_contact k
        WHERE campaign_id = %(campaign)s AND as_of <= %(as_of)s AND source = 'decision'
          AND {IS_EVIDENCE.format(as_of="%(as_of)s")}
        ORDER BY as_of DESC LIMIT %(newest)s
    ) newest
) k
JOIN segments_customerstate s ON s.customer_id = k.customer_id AND s.as_of = k.as_of
JOIN segments_statebuild b ON b.as_of = s.as_of AND b.feature_set_id = %(feature_set)s
WHERE k.place <= %(per_segment)s
ORDER BY k.micro_segment_id, s.customer_id, s.as_of
"""


@dataclass(frozen=True)
class AverageValues:
    """Of k actions: uplift less cost, in cents per contact, and its posterior s.d."""

    mean: NDArray[np.float64]  # (k,)
    sd: NDArray[np.float64]  # (k,)


def average_values(
    model: UpliftModelVersion, campaign_id: int, actions: Sequence[Action]
) -> dict[int, AverageValues]:
    """By micro-segment, for the average of a sample of customers whom the campaign reached lately.

    Values now, without what follows in a series. Empty where the model does not know an action.
    """
    keys = [action.pk for action in actions]
    if not keys or not set(map(str, keys)) <= set(model.evidence):
        return {}
    with connection.cursor() as cursor:
        cursor.execute(
            SAMPLE,
            {
                "campaign": campaign_id,
                "as_of": model.as_of,
                "newest": NEWEST,
                "feature_set": model.scaling.feature_set_id,
                "per_segment": PER_SEGMENT,
            },
        )
        rows = cursor.fetchall()
    if not rows:
        return {}
    of = np.array([segment for segment, _features in rows], dtype=np.int64)
    features = np.array([values for _segment, values in rows], dtype=np.float64)
    X = FeatureScaling.from_fitted(model.scaling.fitted).transform(features)
    segments = np.unique(of)
    average = np.stack([X[of == segment].mean(axis=0) for segment in segments])
    fitted = UpliftModel.from_bytes(bytes(model.payload))
    prediction = fitted.predict(average, segments)
    columns = np.searchsorted(fitted.action_keys_, keys)
    cost = np.array([float(action.cost_cents) for action in actions])
    return {
        int(segment): AverageValues(prediction.uplift[i, columns] - cost, prediction.sd[i, columns])
        for i, segment in enumerate(segments)
    }
