"""What the engine's messages were truly worth, which only the maker of the world can know."""

from copy import deepcopy
from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray
from psycopg import sql

from campaigns.numerics.verdict_codes import Verdict
from journeys.models import DecisionRun
from optiengine.example.events import Events, Messages
from optiengine.example.living import World
from optiengine.example.scenario import Scenario
from optiengine.example.truth import CustomerState, true_values_cents
from optiengine.lib.columns import read_columns

CHOICES = """
SELECT c.external_id, d.arm, coalesce(d.action_id, 0) AS action_id, d.verdicts::int4[] AS verdicts
FROM journeys_decision d JOIN segments_customer c ON c.id = d.customer_id
WHERE d.as_of = {day} AND d.run_id = {run} AND d.layer IN ('auto', 'baseline')
ORDER BY d.customer_id
"""
ARMS = ("optimised", "baseline")


@dataclass(frozen=True)
class Choices:
    """Free choices of one day, by value or by chance: n customers who had something to choose."""

    rows: NDArray[np.int64]  # (n,) in the population
    is_baseline: NDArray[np.bool_]  # (n,)
    chosen: NDArray[np.int64]  # (n,) position in the catalogue's options, -1 for none
    allowed: NDArray[np.bool_]  # (n, n_options)


@dataclass
class ChoiceWorth:
    """Sums over free choices, in cents: what was chosen, and the best that could have been."""

    n: int = 0
    n_contacts: int = 0
    chosen_cents: float = 0.0
    best_cents: float = 0.0

    def __add__(self, other: "ChoiceWorth") -> "ChoiceWorth":
        return ChoiceWorth(
            self.n + other.n,
            self.n_contacts + other.n_contacts,
            self.chosen_cents + other.chosen_cents,
            self.best_cents + other.best_cents,
        )


class TrueWorth:
    """Compares the lived world with one that shares all its luck but never gets a message."""

    def __init__(self, world: World) -> None:
        """world : on the morning of its first day."""
        self.catalogue, self.population = world.catalogue, world.population
        self._untouched = deepcopy(world)
        n = len(world.population)
        self.gained_cents = np.zeros(n)  # margin less that of the world without messages
        self.cost_cents = np.zeros(n)
        self.n_messages = np.zeros(n, dtype=int)
        self.choices: list[dict[str, ChoiceWorth]] = []  # per day, by arm

    def add_day(
        self, before: CustomerState, messages: Messages, choices: Choices, events: Events
    ) -> None:
        untouched = self._untouched.live_day(self._untouched.today)
        self.gained_cents += self._margin(events) - self._margin(untouched)
        if len(messages):
            rows = self.population.positions(messages.customer)
            cost = [
                self.catalogue.options[self.catalogue.option_of[str(key)]][1].cost_cents
                for key in messages.action
            ]
            np.add.at(self.cost_cents, rows, cost)
            np.add.at(self.n_messages, rows, 1)
        self.choices.append(self._worth_of(before, choices))

    def _margin(self, events: Events) -> NDArray[np.float64]:
        margin = np.zeros(len(self.population))
        rows = self.population.positions(events.customer)
        np.add.at(margin, rows, events.amount_cents)
        return margin

    def _worth_of(self, before: CustomerState, choices: Choices) -> dict[str, ChoiceWorth]:
        """True values of the day's free choices, ghosts included: how well was chosen?

        The best is the most valuable allowed message, or none, for the same customers that day.
        """
        values = true_values_cents(before, self.catalogue)[choices.rows]
        values = np.where(choices.allowed, values, -np.inf)
        best = np.maximum(values.max(axis=1, initial=0.0), 0.0)
        is_contact = choices.chosen >= 0
        chosen = np.where(is_contact, values[np.arange(len(values)), choices.chosen], 0.0)
        worth_by_arm = {}
        for arm, members in zip(ARMS, (~choices.is_baseline, choices.is_baseline), strict=True):
            worth_by_arm[arm] = ChoiceWorth(
                n=int(members.sum()),
                n_contacts=int((members & is_contact).sum()),
                chosen_cents=float(chosen[members].sum()),
                best_cents=float(best[members].sum()),
            )
        return worth_by_arm


def read_choices(day: date, keys: dict[int, str], scenario: Scenario) -> Choices:
    """The free choices of a day's run, and which actions stood open."""
    run = DecisionRun.objects.daily().get(as_of=day)
    book_ids = [action["id"] for action in run.rulebook["actions"]]
    names = ["external_id", "arm", "action_id", "verdicts"]
    query = sql.SQL(CHOICES).format(day=sql.Literal(day), run=sql.Literal(run.pk))
    columns = read_columns(query, names)
    option_of = scenario.catalogue.option_of
    n, n_options = len(columns["action_id"]), len(scenario.catalogue.options)
    options = [option_of[keys[action]] for action in book_ids]
    allowed = np.zeros((n, n_options), dtype=bool)
    if n:
        allowed[:, options] = columns["verdicts"].reshape(n, -1) == Verdict.ALLOWED
    option_by_action = dict(zip(book_ids, options, strict=True)) | {0: -1}
    return Choices(
        rows=scenario.population.positions(columns["external_id"].astype(str)),
        is_baseline=columns["arm"] == "baseline",
        chosen=np.array(
            [option_by_action[action] for action in columns["action_id"].tolist()], dtype=np.int64
        ),
        allowed=allowed,
    )
