"""What messages truly do, as functions of traits, of time and of what was sent before."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from optiengine.lab.worlds.population import Morning

Floats = NDArray[np.float64]

LEAST_POINTS = -3.0


@dataclass(frozen=True)
class Term:
    """Points per hundred contacts: `weight` times the traits, or where all exceed their cuts."""

    weight: float
    traits: tuple[str, ...]
    cuts: tuple[float, ...] = ()  # none: linear

    def points(self, traits: dict[str, Floats]) -> Floats:
        points: Floats = np.full(len(traits[self.traits[0]]), self.weight)
        for i, name in enumerate(self.traits):
            points *= traits[name] > self.cuts[i] if self.cuts else traits[name]
        return points


@dataclass(frozen=True)
class Change:
    """An effect that fades around a day, or comes up only then, by the logistic function."""

    day: float
    to: Literal["fade", "rise"]
    scale_days: float
    rest: float = 0.1  # what is left of it, or is there from the first

    def factor(self, day: int) -> float:
        sign = 1 if self.to == "rise" else -1
        share = 1 / (1 + np.exp(-sign * (day - self.day) / self.scale_days))
        return self.rest + (1 - self.rest) * float(share)


@dataclass(frozen=True)
class Effect:
    """Additional orders per hundred contacts: `base` plus terms, within limits, times change."""

    base: float
    terms: tuple[Term, ...] = ()
    change: Change | None = None
    most_points: float = 8.0

    def points(self, morning: Morning, day: int) -> Floats:
        """(m,) before the customer's warmth and fatigue."""
        total = np.full(len(morning.rows), self.base)
        for term in self.terms:
            total += term.points(morning.traits)
        total = np.clip(total, LEAST_POINTS, self.most_points)
        return total * self.change.factor(day) if self.change else total
