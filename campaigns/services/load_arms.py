"""From rows to arrays: which arm the customers of a batch are in."""

from collections.abc import Mapping

import numpy as np
from django.db import connection
from numpy.typing import NDArray

from campaigns.models import Arm


def load_arms(
    plan_id: int | None, customer_ids: NDArray[np.int64], *, otherwise: str = Arm.HOLDOUT.value
) -> NDArray[np.str_]:
    """(n,) arm of each customer under a plan. customer_ids : (n,) in ascending order.

    otherwise : for customers without one, who came after the arms were given out. They are held
    out: fail closed.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT customer_id, arm FROM campaigns_armmembership "
            "WHERE plan_id = %s AND customer_id BETWEEN %s AND %s",
            [plan_id, int(customer_ids[0]), int(customer_ids[-1])],
        )
        arm_of: Mapping[int, str] = dict(cursor.fetchall())
    return np.array([arm_of.get(int(pk), otherwise) for pk in customer_ids], dtype="<U9")
