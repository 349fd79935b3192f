"""A stored dry run, for its page: cards, bars, flows, examples."""

from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from campaigns.models import Approval
from campaigns.services.describe_capacity import amount
from journeys.explain.admin.flow_chart import flow_chart
from optiengine.lib.figures import number, percent
from segments.models import Organisation

N_BARS = 20  # campaigns shown
N_CONFLICTS = 10
N_FLOWS = 24  # of the chart; smaller ones together change little
NOTES = {
    "step": gettext_lazy(
        "The campaign is only sent as a step of journeys. Launching it sends nothing by itself."
    ),
    "event": gettext_lazy(
        "The campaign is decided when an event arrives, so a daily run does not show its effect."
    ),
    "as_if_today": gettext_lazy(
        "The campaign is not scheduled for today. The result is shown as if it were."
    ),
    "later_steps": gettext_lazy(
        "Only the first message of customers who would enter at once is included. "
        "Steps after waits and splits are not."
    ),
    "unknown_feature": gettext_lazy(
        "A target group uses a feature that the customer data does not have yet. Until "
        "then its campaign reaches nobody."
    ),
    "not_seen": gettext_lazy(
        "The change affects how customers and days are measured. Its effect on other "
        "target groups and on send times is not included."
    ),
    "nobody_at_once": gettext_lazy(
        "No customer gets a message at once: customers enter by events or dates, or "
        "reach a wait or split first."
    ),
}


def in_figures(count: list[float]) -> str:
    """“1,234”, or with its limits where it comes from a sample."""
    n, low, high = count
    return number(n) if low == high else f"{number(n)} ({number(low)} … {number(high)})"


def dry_run_context(approval: Approval) -> dict[str, Any]:
    """What the page shows of a dry run that is done; empty before."""
    report = approval.dry_run
    if not report:
        return {}
    nothing = _("nothing")
    names = {0: nothing, **{int(pk): name for pk, name in report["names"].items()}}
    flows = [(names[c["from"]], names[c["to"]], c["n"][0]) for c in report["changes"][:N_FLOWS]]
    most = max((max(c["before"][0], c["after"][0]) for c in report["campaigns"]), default=0) or 1
    by_change = sorted(report["campaigns"], key=lambda c: -abs(c["after"][0] - c["before"][0]))
    return {
        "cards": [
            (
                _("Lose a message"),
                in_figures(report["losing"]),
                _("customers who get one message less"),
            ),
            (
                _("Gain a message"),
                in_figures(report["gaining"]),
                _("customers who get one message more"),
            ),
            (_("Get a different message"), in_figures(report["swapping"]), _("instead of today's")),
            (_("Customers checked"), number(report["n_looked_at"]), _looked_at(report)),
        ],
        "bars": [
            {
                "pk": row["id"],
                "name": row["name"],
                "before": in_figures(row["before"]),
                "after": in_figures(row["after"]),
                "before_width": f"{100 * row['before'][0] / most:.1f}",
                "after_width": f"{100 * row['after'][0] / most:.1f}",
            }
            for row in by_change[:N_BARS]
        ],
        "flows": flow_chart(flows),
        "flow_rows": [
            (names[c["from"]], names[c["to"]], in_figures(c["n"]))
            for c in report["changes"][:N_FLOWS]
        ],
        "limits": [_limit(row) for row in report["limits"]],
        "examples": [
            {
                **row,
                "before": ", ".join(names[campaign_id] for campaign_id, _other in row["changes"]),
                "after": ", ".join(names[other] for _one, other in row["changes"]),
            }
            for row in report["examples"]
        ],
        "conflicts": report["conflicts"][:N_CONFLICTS],
        "n_more_conflicts": max(0, len(report["conflicts"]) - N_CONFLICTS),
        "notes": [NOTES[note] for note in report["notes"]],
        "dry_run_day": report["as_of"],
        "is_sample": report["n_looked_at"] < report["n_customers"],
    }


def _looked_at(report: dict[str, Any]) -> str:
    n_all = report["n_customers"]
    if report["n_looked_at"] >= n_all:
        return _("all customers")
    share = percent(report["n_looked_at"] / (n_all or 1))
    return _("%(share)s of %(n)s customers, sampled evenly") % {
        "share": share,
        "n": number(n_all),
    }


def _limit(row: dict[str, Any]) -> dict[str, Any]:
    currency = Organisation.current().currency
    said = {"name": row["name"]}
    for side in ("before", "after"):
        part = row.get(side)
        said[side] = amount(row["measure"], part["used"], currency) if part else "–"
        said[f"{side}_of"] = amount(row["measure"], part["available"], currency) if part else "–"
    return said


def progress_of(approval: Approval) -> dict[str, Any]:
    DryRun = Approval.DryRun
    share = approval.n_done / approval.n_steps if approval.n_steps else 0.0
    text = _("%(done)s of %(all)s blocks of customers") % {
        "done": number(approval.n_done),
        "all": number(approval.n_steps),
    }
    if approval.dry_run_status == DryRun.WAITING:
        text = _("Waiting for a worker.")
    elif not approval.n_steps:
        text = _("Reading the rules.")
    finished = approval.dry_run_status in (DryRun.DONE, DryRun.FAILED)
    return {"share": round(share, 4), "text": text, "finished": finished}
