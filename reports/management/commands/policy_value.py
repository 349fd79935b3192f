from argparse import ArgumentParser
from collections.abc import Mapping
from datetime import date
from typing import Any

from django.core.management.base import CommandError

from campaigns.models import Campaign
from optiengine.lib.command import FiguresCommand, iso_date
from reports.errors import ReportError
from reports.numerics.cross_fit import PolicyWorth
from reports.numerics.intervals import Interval
from reports.services.experiment_log import MEASURES, Reward
from reports.services.latest_day import latest_day
from reports.services.policy_value import policy_value
from reports.services.uplift_row import known

GOALS = {
    "visit": ("visit", "any"),
    "order": ("order", "any"),
    "spend": ("order", "amount"),
    "value": ("", "any"),
}


class Command(FiguresCommand):
    help = (
        "Off-policy value of the engine's choice, of each action for all, and of no message, from\n"
        "imported messages with known probabilities. Learned on one half of the customers, valued\n"
        "on the other."
    )
    columns = {
        "n_choices": "pairs of customer and day in the log",
        "sampled": "share of the customers that was used; below 1 if the log is very long",
        "n_actions": "number of actions to choose from, not counting no message",
        "splits": "number of random halvings",
        "unit": "cents or responses, per customer, less costs",
        "policies": "a list, for each policy:",
        "  policy": "engine, engine without exploration, none, or the action that everybody gets",
        "  snips, _low, _high": "self-normalised inverse propensity score and its 95 % limits",
        "  dr, _low, _high": "doubly robust value and its 95 % limits",
        "  engine_gain, …": "the engine's doubly robust value less this one's, 95 % limits",
        "  effective_n": "effective number of messages on the valued half",
        "  contacted": "share of customers who get a message",
        "  refusal": "the reason, if there is no value",
    }

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--goal",
            choices=GOALS,
            default="value",
            help="visit or order: whether there was one; spend: amount of orders; value: outcomes.",
        )
        parser.add_argument("--event-kind", help="Event kind to use instead of that of --goal.")
        parser.add_argument(
            "--measure", choices=MEASURES, help="What to count of the events in the window."
        )
        parser.add_argument(
            "--window-days",
            type=int,
            default=14,
            help="Days after the message that count (default 14).",
        )
        parser.add_argument(
            "--cost-cents", type=float, help="Cost of a message (default: each action's own)."
        )
        parser.add_argument(
            "--campaign",
            action="append",
            default=[],
            help="Name of a campaign. May be repeated (default: all).",
        )
        parser.add_argument(
            "--as-of", type=iso_date, help="The day whose data is used (default: the newest)."
        )
        parser.add_argument("--since", type=iso_date, default=date(1970, 1, 1))
        parser.add_argument(
            "--until", type=iso_date, help="Last day of sending (default: --as-of)."
        )
        parser.add_argument("--splits", type=int, default=20)
        parser.add_argument("--seed", type=int, default=0)

    def compute(self, **options: Any) -> Mapping[str, Any]:
        reward = _reward(options)
        if options["cost_cents"] and not reward.is_money:
            raise CommandError("--cost-cents needs a reward in money: --goal spend or value.")
        if options["splits"] < 1 or options["window_days"] < 1:
            raise CommandError("--splits and --window-days must be at least 1.")
        as_of = options["as_of"] or latest_day()
        if as_of is None:
            raise CommandError("There is no data yet: no customer data and no measured outcomes.")
        try:
            values = policy_value(
                as_of=as_of,
                since=options["since"],
                until=options["until"] or as_of,
                reward=reward,
                campaign_ids=_campaign_ids(options["campaign"]),
                cost_cents=options["cost_cents"],
                n_splits=options["splits"],
                seed=options["seed"],
            )
        except ReportError as error:
            raise CommandError(str(error)) from error
        return {
            "n_choices": values.n_choices,
            "sampled": values.sampled,
            "n_actions": values.n_actions,
            "splits": options["splits"],
            "unit": "cents" if reward.is_money else "responses",
            "policies": [_figures(name, worth) for name, worth in values.policies.items()],
        }

    def show(self, figures: Mapping[str, Any]) -> None:
        self.stdout.write(
            f"{figures['n_choices']:,} choices among {figures['n_actions']} actions and none; "
            f"{figures['unit']} per customer, {figures['splits']} splits\n\n"
        )
        width = max(len(policy["policy"]) for policy in figures["policies"])
        columns = ["self-normalised IPS", "doubly robust", "engine gains over it"]
        heads = "".join(f"{column:>36}" for column in columns)
        self.stdout.write(f"{'policy':<{width}}{heads}{'contacted':>11}{'eff. n':>10}")
        for policy in figures["policies"]:
            line = f"{policy['policy']:<{width}}"
            if policy["refusal"]:
                self.stdout.write(f"{line}  no value: {policy['refusal']}")
                continue
            cells = "".join(f"{_text(policy, name):>36}" for name in ("snips", "dr", "engine_gain"))
            self.stdout.write(
                f"{line}{cells}{policy['contacted']:>11.1%}{policy['effective_n']:>10,.0f}"
            )


def _reward(options: Mapping[str, Any]) -> Reward:
    kind, measure = GOALS[options["goal"]]
    kind = options["event_kind"] or kind
    if options["measure"] and not kind:
        raise CommandError("--measure needs events: name a goal other than value, or --event-kind.")
    return Reward(kind, options["measure"] or measure, options["window_days"])


def _campaign_ids(names: list[str]) -> list[int]:
    ids = dict(Campaign.objects.filter(name__in=names).values_list("name", "pk"))
    if missing := [name for name in names if name not in ids]:
        raise CommandError(f"There is no campaign named {', '.join(missing)}.")
    return list(ids.values())


def _figures(name: str, worth: PolicyWorth) -> dict[str, Any]:
    figures: dict[str, Any] = {"policy": name}
    intervals: dict[str, Interval] = {
        "snips": worth.snips,
        "dr": worth.doubly_robust,
        "engine_gain": worth.engine_gain,
    }
    for key, interval in intervals.items():
        figures |= {
            key: known(interval.estimate),
            f"{key}_low": known(interval.low),
            f"{key}_high": known(interval.high),
        }
    figures["effective_n"] = known(worth.effective_n)
    figures["contacted"] = worth.contacted
    figures["refusal"] = worth.refusal
    return figures


def _text(policy: Mapping[str, Any], name: str) -> str:
    estimate, low, high = (policy[f"{name}{end}"] for end in ("", "_low", "_high"))
    if low is None:
        return f"{estimate:.5f}"
    return f"{estimate:.5f} [{low:.5f}, {high:.5f}]"
