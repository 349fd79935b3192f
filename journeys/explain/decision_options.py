"""What an explanation of a decision consists of."""

from dataclasses import dataclass, field

from journeys.explain.describe_worth import slot_words
from journeys.models import Decision, LiveDecision


@dataclass(frozen=True)
class Option:
    """An action of the run's rulebook, or none. Money in cents; None where nothing is known."""

    campaign: str
    action: str
    channel: str
    campaign_id: int | None  # None is the option to send nothing
    rank: int | None
    in_addition: bool
    verdict: str  # in words
    is_possible: bool
    is_outranked: bool = False
    note: str = ""  # what became of an earlier reservation whose message was not sent
    now_cents: float | None = None  # uplift within the window, before the cost
    cost_cents: float | None = None
    later_cents: float | None = None
    slot_cents: float | None = None
    price_cents: float | None = None  # of the budgets and volumes it uses
    total_cents: float | None = None
    sd_cents: float | None = None
    response_prob: float | None = None
    prob: float | None = None  # P(chosen); None: it took no part in the choice
    is_chosen: bool = False
    opens: str = ""  # what the value later comes from, in words
    kept_for: str = ""  # the campaign that the slot cost is of
    kept_days: int | None = None  # until it is due
    has_evidence: bool | None = None  # enough for shares inside its campaign to differ

    @property
    def slot_words(self) -> str:
        """What its slot would be kept for, and when."""
        return slot_words(self.kept_for, self.kept_days)

    @property
    def is_none(self) -> bool:
        return self.campaign_id is None


@dataclass(frozen=True)
class Explanation:
    """A decision with all its options, the chosen one first among equals in the list's order."""

    decision: Decision
    options: list[Option]  # what was possible by probability, then what was not
    summary: str
    features: list[tuple[str, float]] = field(default_factory=list)  # label, value; NaN unknown
    not_recomputed: str = ""  # why not, in a sentence; empty: it was computed again
    agrees: bool = True  # what was computed again is what was stored
    choice_draw: float | None = None
    control_draw: float | None = None
    control_share: float | None = None
    live: LiveDecision | None = None  # of a decision in real time: what requested it, and when

    @property
    def is_recomputed(self) -> bool:
        return not self.not_recomputed

    @property
    def chosen(self) -> Option:
        return next(option for option in self.options if option.is_chosen)
