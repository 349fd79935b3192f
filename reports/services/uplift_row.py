"""What a line of the uplift report says, and when it may say it."""

import math
from dataclasses import dataclass
from datetime import date
from enum import Enum
from functools import cached_property
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from journeys.decisions.numerics.choice import (
    MIN_CONTROL,
    MIN_CONTROL_RESPONDERS,
    MIN_TEST,
    MIN_TEST_RESPONDERS,
)
from reports.numerics.experiment import Experiment
from reports.numerics.intervals import UNKNOWN, Interval
from reports.numerics.sample_ratio import SampleRatio


class State(Enum):
    """Whether a row's effect may be read."""

    MEASURED = "measured"
    NOT_ENOUGH = "not_enough_data"
    NO_CONTROL = "no_control_group"
    BROKEN_SPLIT = "broken_split"
    NOT_RANDOMISED = "not_randomised"


@dataclass(frozen=True)
class Place:
    """A campaign, an action or a micro-segment, by id and name."""

    level: str
    pk: int | None
    name: str


@dataclass(frozen=True)
class UpliftRow:
    """Test against control at one place. Money is in cents per contact, rates in [0, 1]."""

    places: tuple[Place, ...]
    experiment: Experiment
    is_randomised: bool
    is_broken: bool = False
    is_flagged: bool = False  # real although looked at daily, and among this many rows

    @property
    def campaign(self) -> Place:
        return self.places[0]

    @property
    def level(self) -> str:
        return self.places[-1].level

    @property
    def depth(self) -> int:
        return len(self.places) - 1

    @property
    def name(self) -> str:
        return self.places[-1].name

    @property
    def key(self) -> tuple[int | None, ...]:
        return tuple(part.pk for part in self.places)

    @cached_property
    def split(self) -> SampleRatio:
        return self.experiment.split()

    @cached_property
    def state(self) -> State:
        if not self.is_randomised:
            return State.NOT_RANDOMISED
        if self.is_broken:
            return State.BROKEN_SPLIT
        if all(s.control_share == 0 for s in self.experiment.strata):
            return State.NO_CONTROL
        return State.NOT_ENOUGH if self.missing else State.MEASURED

    @cached_property
    def missing(self) -> list[str]:
        """Which minimum is not reached yet, in sentences."""
        compared_test, compared_control = (
            self.experiment.compared_test,
            self.experiment.compared_control,
        )
        test, test_responders = compared_test.n, compared_test.responders
        control, control_responders = compared_control.n, compared_control.responders
        sentences = []
        if test < MIN_TEST:
            sentences.append(
                ngettext(
                    "%(n)d comparable test message of %(least)d.",
                    "%(n)d comparable test messages of %(least)d.",
                    test,
                )
                % {"n": test, "least": MIN_TEST}
            )
        if test_responders < MIN_TEST_RESPONDERS:
            sentences.append(
                _("%(n)d test conversions of %(least)d.")
                % {"n": test_responders, "least": MIN_TEST_RESPONDERS}
            )
        if control < MIN_CONTROL:
            sentences.append(
                ngettext(
                    "%(n)d comparable control message of %(least)d.",
                    "%(n)d comparable control messages of %(least)d.",
                    control,
                )
                % {"n": control, "least": MIN_CONTROL}
            )
        if control_responders < MIN_CONTROL_RESPONDERS:
            sentences.append(
                _("%(n)d control conversions of %(least)d.")
                % {"n": control_responders, "least": MIN_CONTROL_RESPONDERS}
            )
        return sentences

    @property
    def explanation(self) -> str:
        """Why there is no effect to read; empty where there is one."""
        match self.state:
            case State.NOT_ENOUGH:
                return _("Not enough data: %s") % " ".join(self.missing)
            case State.NO_CONTROL:
                return _("There is no control group, so the effect is unknown.")
            case State.BROKEN_SPLIT:
                return _("The split between test and control is broken, so no effect is shown.")
            case State.NOT_RANDOMISED:
                return _("Not randomised: the groups may differ in more than the message.")
        return ""

    @cached_property
    def rate(self) -> Interval:
        """Uplift in the response rate; unknown unless the row is measured."""
        return self.experiment.rate_uplift() if self.state is State.MEASURED else UNKNOWN

    @cached_property
    def margin(self) -> Interval:
        return self.experiment.money_uplift("margin") if self.state is State.MEASURED else UNKNOWN

    @cached_property
    def value(self) -> Interval:
        return self.experiment.money_uplift("value") if self.state is State.MEASURED else UNKNOWN

    @property
    def total_value(self) -> Interval:
        """What the compared test contacts brought in all, in cents, before their cost."""
        return self.value.times(self.experiment.compared_test.n)

    @property
    def net_cents(self) -> float:
        """The same less the cost of those contacts."""
        return self.total_value.estimate - self.experiment.compared_test.cost_cents

    def as_dict(self) -> dict[str, Any]:
        """Figures by name, unknown ones None: a line of the CSV file or of JSON."""
        experiment, split = self.experiment, self.split
        figures: dict[str, Any] = {}
        for part in self.places:
            figures[f"{part.level}_id"], figures[part.level] = part.pk, part.name
        rates = experiment.rates()
        figures |= {"state": self.state.value, "explanation": self.explanation}
        for name, group, rate in (
            ("test", experiment.test, rates[0]),
            ("control", experiment.control, rates[1]),
        ):
            figures |= {
                f"n_{name}": group.n,
                f"n_{name}_open": group.n_open,
                f"n_{name}_responders": group.responders,
                f"{name}_rate": rate,
                f"{name}_contaminated_share": group.contaminated_share,
                f"{name}_late_share": group.late_share,
            }
        figures["test_unsent_share"] = experiment.test.unsent_share
        for money in ("margin", "value"):
            means = experiment.money_means(money)
            figures |= {f"test_{money}_cents": means[0], f"control_{money}_cents": means[1]}
        for name, interval in (
            ("uplift_rate", self.rate),
            ("uplift_margin_cents", self.margin),
            ("uplift_value_cents", self.value),
            ("total_value_cents", self.total_value),
        ):
            figures |= {
                name: interval.estimate,
                f"{name}_low": interval.low,
                f"{name}_high": interval.high,
            }
        figures |= {
            "cost_cents": experiment.compared_test.cost_cents,
            "net_cents": self.net_cents,
            "detectable_rate": experiment.detectable_rate() if self.is_randomised else math.nan,
            "is_flagged": self.is_flagged,
            "split_p_value": split.p_value if self.is_randomised else math.nan,
            "split_evidence": split.evidence if self.is_randomised else math.nan,
        }
        return {name: known(value) for name, value in figures.items()}


@dataclass(frozen=True)
class UpliftReport:
    """The rows of a period, each total before its parts; what was not randomised comes last."""

    as_of: date
    since: date | None
    until: date
    rows: tuple[UpliftRow, ...]

    @property
    def randomised(self) -> list[UpliftRow]:
        return [row for row in self.rows if row.is_randomised]

    @property
    def observational(self) -> list[UpliftRow]:
        return [row for row in self.rows if not row.is_randomised]

    @property
    def campaigns(self) -> list[UpliftRow]:
        """The totals per campaign."""
        return [row for row in self.rows if row.level == "campaign"]

    @property
    def broken(self) -> list[UpliftRow]:
        """Campaign totals whose split, or a part's split, raised the alarm."""
        return [row for row in self.campaigns if row.is_broken]

    @property
    def doubtful(self) -> list[UpliftRow]:
        """Campaign totals whose split is odd, without being proven broken."""
        return [
            row
            for row in self.campaigns
            if row.is_randomised and not row.is_broken and row.split.is_warning
        ]


def known(value: Any) -> Any:
    """None for numbers that are not known, which JSON and spreadsheets cannot say otherwise."""
    return None if isinstance(value, float) and not math.isfinite(value) else value
