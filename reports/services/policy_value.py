"""What the engine's choice would have been worth in an experiment that was logged."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

import numpy as np

from reports.numerics.cross_fit import LoggedChoices, PolicyWorth, cross_fitted
from reports.services.experiment_log import Reward, load_experiment


@dataclass(frozen=True)
class PolicyValues:
    """Value per customer of each policy, in cents or in responses."""

    n_choices: int
    n_actions: int
    sampled: float  # share of the customers whose choices were read
    policies: dict[str, PolicyWorth]


def policy_value(
    *,
    as_of: date,
    since: date,
    until: date,
    reward: Reward,
    campaign_ids: list[int] | None = None,
    cost_cents: float | None = None,
    n_splits: int = 20,
    seed: int = 0,
    progress: Callable[[], None] = lambda: None,
) -> PolicyValues:
    """Learn on one half of the logged choices, value on the other, n_splits times.

    cost_cents : of a contact; default, for rewards in money, each action's own. Rewards that are
    not money carry no cost. Raises ReportError where the log is no experiment.
    """
    experiment = load_experiment(
        as_of=as_of,
        since=since,
        until=until,
        reward=reward,
        campaign_ids=campaign_ids or [],
        seed=seed,
    )
    costs_of_actions = [
        float(action.cost_cents) if reward.is_money else 0.0 for action in experiment.actions
    ]
    costs = np.array(
        costs_of_actions if cost_cents is None else [cost_cents] * len(costs_of_actions)
    )
    policies = cross_fitted(
        LoggedChoices(
            experiment.log, experiment.shares, experiment.segment_ids, experiment.features, costs
        ),
        [str(action) for action in experiment.actions],
        n_splits=n_splits,
        seed=seed,
        progress=progress,
    )
    return PolicyValues(len(experiment.log), len(experiment.actions), experiment.sampled, policies)
