"""What a budget or volume limit has used, for its page: by day as bars, by period as a table."""

from typing import Any

from campaigns.models import CapacityLimit
from journeys.decisions.admin.capacity import in_words, unit
from journeys.models import CapacityAccount, CapacityUse
from optiengine.charts import stacked_bars

N_DAYS = 60
N_PERIODS = 6


def use_over_time(limit: CapacityLimit, currency: str) -> dict[str, Any]:
    """Bars of the newest days, in messages or in whole money, and the newest periods."""
    is_money = limit.measure == CapacityLimit.Measure.MONEY
    shown = unit(limit) * (100 if is_money else 1)
    rows = (
        CapacityUse.objects.filter(account__limit=limit)
        .order_by("-run__as_of")
        .values_list("run__as_of", "used", "available")[:N_DAYS]
    )
    bars = stacked_bars(
        [
            (day, [used / shown, (available - used) / shown])
            for day, used, available in reversed(rows)
        ]
    )
    maximum = limit.maximum * unit(limit)
    accounts = CapacityAccount.objects.filter(limit=limit).order_by("-starts_on")[:N_PERIODS]
    periods = [
        {
            "starts_on": None if limit.period == limit.Period.WHOLE else account.starts_on,
            "used": in_words(limit, account.used, currency),
            "left": in_words(limit, maximum - account.used, currency),
            "width": f"{min(100.0, 100 * account.used / maximum):.1f}" if maximum else "0",
        }
        for account in accounts
    ]
    return {"bars": bars, "periods": periods, "currency": currency if is_money else ""}
