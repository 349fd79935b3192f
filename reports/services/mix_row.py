"""What is known of a mix in one micro-segment, or in all together."""

from dataclasses import dataclass
from typing import Any

from reports.numerics.intervals import Interval
from reports.numerics.mix import State


@dataclass(frozen=True)
class ActionShare:
    """An active action of the campaign in the mix."""

    id: int
    name: str
    share: float  # mean probability of being drawn, lately; nan before the first run
    counts: tuple[float, float, float, float]  # test, its responders, control, its responders
    prob_best: float = float("nan")  # posterior, for the average customer
    value_cents: float = float("nan")  # posterior mean: uplift less cost, per contact

    def as_dict(self) -> dict[str, Any]:
        names = ("n_test", "n_test_responders", "n_control", "n_control_responders")
        return {
            "id": self.id,
            "name": self.name,
            "share": self.share,
            **dict(zip(names, self.counts, strict=True)),
            "prob_best": self.prob_best,
            "value_cents": self.value_cents,
        }


@dataclass(frozen=True)
class MixRow:
    """The actions by share, the largest first; the difference is of the first two, in cents."""

    micro_segment_id: int | None
    name: str
    state: State
    label: str
    sentence: str
    in_short: str
    actions: list[ActionShare]
    is_proven: bool
    difference: Interval

    def as_dict(self) -> dict[str, Any]:
        return {
            "micro_segment_id": self.micro_segment_id,
            "micro_segment": self.name if self.micro_segment_id else None,
            "state": self.state.value,
            "sentence": self.sentence,
            "is_proven": self.is_proven,
            "actions": [action.as_dict() for action in self.actions],
            "difference_cents": self.difference.estimate,
            "difference_cents_low": self.difference.low,
            "difference_cents_high": self.difference.high,
        }
