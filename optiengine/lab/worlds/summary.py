"""The result of a simulation: figures compared with the oracle's, and a chart of the regret."""

import math
from typing import Any

import numpy as np

from optiengine.lab.worlds.run import Life
from optiengine.lab.worlds.scenario import LabScenario

LAST_DAYS = 10
BAR = 40  # characters

COLUMNS = {
    "scenario, policy, seed": "as given; the same values give the same figures",
    "customers, days": "of the world",
    "campaigns": "number of campaigns, with one action each",
    "control_share": "share of control customers, in every campaign and under every policy",
    "value_per_customer": "true expected incremental margin less cost over all days, in cents,\n"
    + " " * 27
    + "where messages withheld from control customers count as 0",
    "oracle_per_customer": "the same for a policy that knows the truth, under the same rules",
    "share_of_oracle": "value_per_customer / oracle_per_customer",
    "last_value_per_customer": f"value_per_customer of the last {LAST_DAYS} days",
    "last_oracle_per_customer": "the same for the oracle",
    "last_share_of_oracle": "share_of_oracle of these days",
    "realised_per_customer": "what really happened: margin less that of the same customers and\n"
    + " " * 27
    + "random draws without messages, less cost",
    "contacts": "messages decided, including control customers",
    "decisions": "customers with a free slot, summed over all days",
    "coverage": "share of campaigns whose 95 % interval of the uplift per message contains\n"
    + " " * 27
    + "the truth",
    "intervals": "campaigns with an interval",
    "regret_cents": "per day: oracle less policy, per customer, since the first day",
    "value_cents": "per day: value per customer",
    "seconds": "wall time of the simulation",
}


def figures_of(scenario: LabScenario, policy: str, life: Life, oracle: Life) -> dict[str, Any]:
    n, n_days = len(scenario.population), len(life.net_cents)
    last = slice(max(0, n_days - LAST_DAYS), None)
    covered, n_intervals = life.coverage

    def total(of: Life, days: slice = slice(None)) -> float:
        return float(of.net_cents[days].sum()) / n

    return {
        "scenario": scenario.name,
        "policy": policy,
        "seed": scenario.seed,
        "customers": n,
        "days": n_days,
        "campaigns": len(scenario.campaigns),
        "control_share": scenario.control_share,
        "value_per_customer": rounded(total(life)),
        "oracle_per_customer": rounded(total(oracle)),
        "share_of_oracle": share(total(life), total(oracle)),
        "last_value_per_customer": rounded(total(life, last)),
        "last_oracle_per_customer": rounded(total(oracle, last)),
        "last_share_of_oracle": share(total(life, last), total(oracle, last)),
        "realised_per_customer": rounded(life.realised_cents / n),
        "contacts": int(life.n_contacts.sum()),
        "decisions": life.n_decisions,
        "coverage": share(covered, n_intervals),
        "intervals": n_intervals,
        "regret_cents": rounded_list((oracle.net_cents - life.net_cents).cumsum() / n),
        "value_cents": rounded_list(life.net_cents / n),
    }


def share(part: float, whole: float) -> float | None:
    """None where there is nothing to have a share of."""
    return round(part / whole, 4) if whole > 0 else None


def rounded(cents: float) -> float | None:
    return round(cents, 3) if math.isfinite(cents) else None


def rounded_list(cents: np.ndarray) -> list[float]:
    return [round(float(c), 3) for c in cents]


def regret_chart(regret: list[float]) -> str:
    """Bars, a line for every tenth of the days."""
    every = max(1, len(regret) // 10)
    most = max(*regret, 1e-9)
    lines = ["regret: cents per customer that the oracle is ahead, since the first day"]
    for day in range(every - 1, len(regret), every):
        bar = "█" * round(BAR * max(regret[day], 0) / most)
        lines.append(f"day {day + 1:>4}  {regret[day]:>9.1f}  {bar}")
    return "\n".join(lines)
