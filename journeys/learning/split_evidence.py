"""What a split rests on, and what was seen since, as differences of effects."""

import math
from dataclasses import dataclass

from journeys.models import SplitProof


@dataclass(frozen=True)
class Difference:
    """Effect of a contact above the cut less that below, in cents, and its standard error.

    None where nothing is known.
    """

    cents: float | None
    error: float | None

    @classmethod
    def of(cls, score: float, variance: float, information: float) -> "Difference":
        if information <= 0:
            return cls(None, None)
        return cls(score / information, math.sqrt(variance) / information)


@dataclass(frozen=True)
class Evidence:
    found: Difference  # by the contacts that chose the cut: the largest of many, so flattering
    later: Difference  # by contacts of later days only
    by_action: list[tuple[int, Difference, Difference]]  # action (0: others), found, later


def evidence_of(proof: SplitProof) -> Evidence:
    at_first = list(
        zip(proof.found_score, proof.found_variance, proof.found_information, strict=True)
    )
    later = list(zip(proof.later_score, proof.later_variance, proof.later_information, strict=True))
    return Evidence(
        found=Difference.of(*map(sum, zip(*at_first, strict=True))),
        later=Difference.of(*map(sum, zip(*later, strict=True))),
        by_action=[
            (action, Difference.of(*first_sums), Difference.of(*later_sums))
            for action, first_sums, later_sums in zip(proof.actions, at_first, later, strict=True)
            if first_sums[2] > 0 or later_sums[2] > 0
        ],
    )
