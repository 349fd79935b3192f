"""From rows to arrays: which arm the customers of a batch are in."""

from datetime import date
from typing import Any

import numpy as np
from django.db import connection
from numpy.typing import NDArray

from campaigns.models import Arm

ARMS = """
SELECT customer_id, arm, NULL::date AS since FROM campaigns_armmembership
WHERE plan_id = %(plan)s AND customer_id BETWEEN %(first)s AND %(last)s
UNION ALL
SELECT customer_id, arm, since FROM campaigns_armchange
WHERE plan_id = %(plan)s AND customer_id BETWEEN %(first)s AND %(last)s AND since <= %(as_of)s
"""


def load_arms(
    plan_id: int | None,
    customer_ids: NDArray[np.int64],
    *,
    as_of: date,
    otherwise: str = Arm.HOLDOUT.value,
) -> NDArray[np.str_]:
    """(n,) arm of each customer under a plan on a day. customer_ids : (n,) in ascending order.

    It is the one that was drawn, or that of the newest change up to the day.

    otherwise : for customers without one, who came after the arms were given out. They are held
    out: fail closed.
    """
    params: dict[str, Any] = {
        "plan": plan_id,
        "first": int(customer_ids[0]),
        "last": int(customer_ids[-1]),
        "as_of": as_of,
    }
    with connection.cursor() as cursor:
        cursor.execute(ARMS, params)
        rows = cursor.fetchall()
    changes = [row for row in rows if row[2] is not None]
    arm_of = {pk: arm for pk, arm, since in rows if since is None}
    arm_of |= {pk: arm for pk, arm, _since in sorted(changes, key=lambda row: row[2])}
    return np.array([arm_of.get(int(pk), otherwise) for pk in customer_ids], dtype="<U9")
