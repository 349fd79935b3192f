"""The result of the demo: counts, true value, and the engine's own report."""

import json
from collections import Counter
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from django.db.models import Count

from campaigns.models import Arm
from journeys.models import DecisionRun, Delivery
from optiengine.example.daily import LivedWorld, read_arms
from optiengine.example.scenario import Scenario
from optiengine.example.true_worth import ARMS, ChoiceWorth
from reports.services.arm_report import arm_report

SPAN_DAYS = 10
COUNTS = (
    "eligible",
    "decided",
    "contacts",
    "controls",
    "none",
    "held",
    "ranked",
    "auto",
    "baseline",
)


def summarise(lived: LivedWorld, n_days: int) -> dict[str, Any]:
    """Figures of the days simulated so far; money in cents, per customer of an arm."""
    start = lived.scenario.population.start
    end = start + timedelta(days=n_days)
    return {
        "customers": lived.scenario.n_customers,
        "days": n_days,
        **counted(start, end),
        "true_worth": true_worth(lived),
        "free_choices": free_choices(lived),
        "report": [row.as_dict() for row in arm_report(as_of=end, since=start).comparisons],
    }


def counted(start: date, end: date) -> dict[str, Any]:
    """Decisions by layer and messages sent by channel, from `start` to the day before `end`."""
    totals: Counter[str] = Counter(dict.fromkeys(COUNTS, 0))
    for counts in (
        DecisionRun.objects.daily()
        .filter(as_of__gte=start, as_of__lt=end)
        .values_list("counts", flat=True)
    ):
        totals.update({name: counts.get(name, 0) for name in COUNTS})
    sent = Delivery.objects.filter(as_of__gte=start, as_of__lt=end, status=Delivery.Status.SENT)
    by_channel = sent.order_by().values_list("channel").annotate(n=Count("pk")).order_by("channel")
    return {**totals, "sent": dict(by_channel)}


def true_worth(lived: LivedWorld) -> dict[str, dict[str, float]]:
    """By arm: margin compared with a world without messages, less the cost of messages."""
    worth, arms = lived.worth, read_arms(lived.scenario)
    worth_by_arm = {}
    for arm in Arm.values:
        members = arms == arm
        if not members.any():
            continue
        net = worth.gained_cents[members] - worth.cost_cents[members]
        worth_by_arm[arm] = {
            "customers": int(members.sum()),
            "messages": round(float(worth.n_messages[members].mean()), 3),
            "net_cents": round(float(net.mean()), 2),
        }
    return worth_by_arm


def free_choices(lived: LivedWorld) -> list[dict[str, Any]]:
    """Quality of the choices, in spans of ten days: true expected value of what each arm chose.

    The best is the most valuable allowed option, no message included, for the same customers on
    the same days; `share` is the value of the choices as a share of it.
    """
    days = lived.worth.choices
    spans = [(first, days[first : first + SPAN_DAYS]) for first in range(0, len(days), SPAN_DAYS)]
    rows = []
    for first, part in [*spans, (0, days)]:
        row: dict[str, Any] = {"first_day": first + 1, "last_day": first + len(part)}
        for arm in ARMS:
            row[arm] = _shown(sum((day[arm] for day in part), start=ChoiceWorth()))
        rows.append(row)
    return rows


def _shown(worth: ChoiceWorth) -> dict[str, float | int | None]:
    def ratio(top: float, bottom: float, digits: int) -> float | None:
        return round(top / bottom, digits) if bottom else None

    return {
        "choices": worth.n,
        "contacts": worth.n_contacts,
        "cents_per_contact": ratio(worth.chosen_cents, worth.n_contacts, 2),
        "cents_per_choice": ratio(worth.chosen_cents, worth.n, 2),
        "best_cents_per_choice": ratio(worth.best_cents, worth.n, 2),
        "share": ratio(worth.chosen_cents, worth.best_cents, 4),
    }


def store(summary: dict[str, Any], folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "summary.json").write_text(json.dumps(summary, indent=1), encoding="utf-8")


def stored(scenario: Scenario, folder: Path, n_days: int) -> dict[str, Any] | None:
    """The stored summary, if it describes the current days of this database; else None."""
    try:
        summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    start = scenario.population.start
    now = {
        "customers": scenario.n_customers,
        "days": n_days,
        **counted(start, start + timedelta(days=n_days)),
    }
    return summary if now.items() <= summary.items() else None


def as_text(summary: dict[str, Any], *, currency: str) -> list[str]:
    """The summary for people, as lines."""
    s = summary
    sent = ", ".join(f"{n:,} by {channel}" for channel, n in s["sent"].items()) or "none"
    lines = [
        f"{s['customers']:,} customers, {s['days']} days: {s['decided']:,} decisions, "
        f"{s['contacts']:,} for a campaign, {s['controls']:,} of them withheld as control",
        f"Decided by rank {s['ranked']:,}, by value {s['auto']:,}, at random in the baseline group "
        f"{s['baseline']:,}, nothing allowed {s['held']:,}",
        f"Sent: {sent}",
        "",
        "True net value per customer (known because the world is simulated):",
    ]
    for arm, row in s["true_worth"].items():
        lines.append(
            f"  {arm:<10} {row['customers']:>7,} customers, {row['messages']:>5.2f} messages, "
            f"{row['net_cents'] / 100:>7.2f} {currency}"
        )
    lines += [
        "",
        "Quality of the choices: true value per message, and share of the best allowed choice:",
    ]
    *spans, whole = s["free_choices"]
    for row in [*spans, whole]:
        name = "all days" if row is whole else f"days {row['first_day']}–{row['last_day']}"
        lines.append(
            f"  {name:<12} optimised {_cents(row['optimised'], currency)}   "
            f"baseline {_cents(row['baseline'], currency)}"
        )
    lines += ["", "The engine's own report, per customer (95 % interval):"]
    for row in s["report"]:
        if row["explanation"]:
            result = row["explanation"]
        else:
            value, low, high = (row[f"value_cents{end}"] / 100 for end in ("", "_low", "_high"))
            result = f"{value:+.2f} {currency} ({low:+.2f} to {high:+.2f})"
        lines.append(f"  {row['arm']} against {row['against']}: {result}")
    return lines


def _cents(row: dict[str, Any], currency: str) -> str:
    if row["cents_per_contact"] is None:
        return f"{'–':>16}"
    share = f"{row['share']:.0%}" if row["share"] is not None else "–"
    return f"{row['cents_per_contact'] / 100:>6.2f} {currency} {share:>4}"
