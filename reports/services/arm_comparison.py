"""One arm against another, and when the difference may be read."""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from django.utils.translation import gettext as _

from campaigns.models import Arm
from journeys.decisions.numerics.choice import (
    MIN_CONTROL,
    MIN_CONTROL_RESPONDERS,
    MIN_TEST,
    MIN_TEST_RESPONDERS,
)
from reports.numerics.intervals import UNKNOWN, Interval
from reports.numerics.means import Moments, relative_lift, welch_interval
from reports.services.uplift_row import known


@dataclass(frozen=True)
class ArmGroup:
    """The members of an arm: winsorised value in cents and orders, per customer. Adds up."""

    arm: Arm
    value: Moments = field(default_factory=Moments)
    orders: Moments = field(default_factory=Moments)
    n_buyers: int = 0

    def __add__(self, other: "ArmGroup") -> "ArmGroup":
        return ArmGroup(
            self.arm,
            self.value + other.value,
            self.orders + other.orders,
            self.n_buyers + other.n_buyers,
        )

    @property
    def n(self) -> int:
        return self.value.n

    @property
    def label(self) -> str:
        return str(self.arm.label)

    def as_dict(self) -> dict[str, Any]:
        value, orders = self.value.interval(), self.orders.interval()
        figures = {
            "arm": self.arm.value,
            "n_customers": self.n,
            "n_buyers": self.n_buyers,
            "value_cents": value.estimate,
            "value_cents_low": value.low,
            "value_cents_high": value.high,
            "orders": orders.estimate,
            "orders_low": orders.low,
            "orders_high": orders.high,
        }
        return {name: known(figure) for name, figure in figures.items()}


@dataclass(frozen=True)
class ArmComparison:
    """What being in one arm rather than the other changed, per customer of the first."""

    treated: ArmGroup
    control: ArmGroup
    is_broken: bool

    @property
    def label(self) -> str:
        return _("%(treated)s vs. %(control)s") % {
            "treated": self.treated.label,
            "control": self.control.label,
        }

    @cached_property
    def missing(self) -> list[str]:
        """Which minimum is not reached yet, in sentences."""
        customers = _("%(n)d customers of %(least)d in “%(arm)s”.")
        buyers = _("%(n)d buyers of %(least)d in “%(arm)s”.")
        checks = (
            (self.treated, self.treated.n, MIN_TEST, customers),
            (self.treated, self.treated.n_buyers, MIN_TEST_RESPONDERS, buyers),
            (self.control, self.control.n, MIN_CONTROL, customers),
            (self.control, self.control.n_buyers, MIN_CONTROL_RESPONDERS, buyers),
        )
        return [
            sentence % {"n": n, "least": least, "arm": group.label}
            for group, n, least, sentence in checks
            if n < least
        ]

    @property
    def is_measured(self) -> bool:
        return not self.is_broken and not self.missing

    @property
    def explanation(self) -> str:
        """Why there is no difference to read; empty where there is one."""
        if self.is_broken:
            return _("The split between the groups is broken, so no difference is shown.")
        return _("Not enough data: %s") % " ".join(self.missing) if self.missing else ""

    @cached_property
    def value(self) -> Interval:
        """Difference in cents per customer; unknown unless measured."""
        if not self.is_measured:
            return UNKNOWN
        return welch_interval(self.treated.value, self.control.value)

    @cached_property
    def orders(self) -> Interval:
        if not self.is_measured:
            return UNKNOWN
        return welch_interval(self.treated.orders, self.control.orders)

    @property
    def total(self) -> Interval:
        """Cents over all customers of the first arm."""
        return self.value.times(self.treated.n)

    @cached_property
    def lift(self) -> Interval:
        """Difference as a share of the control's value; unknown where that may be nothing."""
        if not self.is_measured or not self.control.value.interval().low > 0:
            return UNKNOWN
        return relative_lift(self.treated.value, self.control.value)

    def as_dict(self) -> dict[str, Any]:
        figures: dict[str, Any] = {
            "arm": self.treated.arm.value,
            "against": self.control.arm.value,
            "explanation": self.explanation,
        }
        for name, interval in (
            ("value_cents", self.value),
            ("orders", self.orders),
            ("total_cents", self.total),
            ("lift", self.lift),
        ):
            figures |= {
                name: interval.estimate,
                f"{name}_low": interval.low,
                f"{name}_high": interval.high,
            }
        return {name: known(figure) for name, figure in figures.items()}
