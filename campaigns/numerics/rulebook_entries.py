"""What a rulebook is made of: plain rows, as the admin's tables held them when it was read."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

SCHEDULE, STEP, EVENT = "schedule", "step", "event"  # what makes a campaign possible

CALENDAR_DAYS = {"day": 1, "week": 7, "month": 31}  # that a calendar window has at most

EvidenceCounts = tuple[int, int, int, int]  # test, its responders, control, its responders
MINIMUM_EVIDENCE: EvidenceCounts = (50, 15, 30, 5)  # where no row in the admin says otherwise


def is_enough(counts: Sequence[float], minimum: EvidenceCounts) -> bool:
    """Whether counts, in the minimum's order, reach it each."""
    return all(count >= least for count, least in zip(counts, minimum, strict=True))


@dataclass(frozen=True)
class CampaignEntry:
    """A campaign as it was when the run began."""

    id: int
    name: str
    rank: int | None  # None is Auto
    rule: dict[str, Any]  # the target group's; {} is everyone
    event_kind: str  # a customer responds by this
    window_days: int
    tags: tuple[int, ...]
    control_share: float
    in_addition: bool
    repeat_after_days: int | None  # None: never again
    duration_days: int
    ignores_durations: bool
    runs_today: bool
    next_in_days: int | None  # until the next occurrence after today, if one is near
    minimum_evidence: EvidenceCounts = MINIMUM_EVIDENCE  # before the mix may leave even
    fixed_action: int | None = None  # id: the mix set by hand to this action
    runs_in_days: tuple[int, ...] = ()  # days from today, above 0, with an occurrence; ascending
    opened_by: str = SCHEDULE  # or STEP: while a map's step is due; or EVENT: when one arrives
    trigger_kind: str = ""  # the kind of that event
    transactional: bool = False  # outside of all limits but consent; takes no slot
    exempt_from_caps: bool = False
    not_counted_by_caps: bool = False
    ignores_durations_of: tuple[int, ...] = ()  # ids of campaigns
    send_time_per_person: bool = False
    expires_after_hours: int | None = None  # after the planned moment; None: the usual time
    run_anyway: bool = False  # on an older state where the day's is missing

    @property
    def takes_slot(self) -> bool:
        return not self.in_addition

    def of_campaign(self, campaign_id: int) -> bool:
        return self.id == campaign_id

    def tagged(self, tag: int | None) -> bool:
        return tag is None or tag in self.tags

    def ignores_duration_of(self, campaign_id: int) -> bool:
        return campaign_id in self.ignores_durations_of


@dataclass(frozen=True)
class ActionEntry:
    id: int
    campaign: int  # index into the rulebook's campaigns
    name: str
    channel: str
    cost_cents: float


@dataclass(frozen=True)
class CapEntry:
    """At most `limit` contacts in scope within the window; None is no cap at all."""

    name: str
    channel: str  # "" for every channel
    tag: int | None  # None for every tag
    limit: int | None
    window: str  # hours, days: rolling; day, week, month: calendar
    length: int
    week_starts_on: int = 1  # ISO weekday
    counts_transactional: bool = False

    @property
    def is_rolling(self) -> bool:
        return self.window in ("hours", "days")

    @property
    def hours(self) -> int:
        """Of a rolling window."""
        return self.length * (24 if self.window == "days" else 1)

    @property
    def span(self) -> timedelta:
        """Of a rolling window."""
        return timedelta(hours=self.hours)

    @property
    def days(self) -> int:
        """Whole days of its window, begun ones included; of a calendar window the most it has."""
        if self.is_rolling:
            return -(-self.hours // 24)
        return CALENDAR_DAYS[self.window]


@dataclass(frozen=True)
class GapEntry:
    """At least `hours` between two contacts by a channel."""

    name: str
    channel: str  # "" for any two contacts
    hours: int

    @property
    def span(self) -> timedelta:
        return timedelta(hours=self.hours)

    @property
    def days(self) -> int:
        """Days on which a contact today keeps another away at the same time of day."""
        return -(-self.hours // 24)


@dataclass(frozen=True)
class ExclusionEntry:
    """A contact by one of `sources` shuts out `targets` for `days`; indices of campaigns."""

    name: str
    source_campaign: int | None  # id
    source_tag: int | None
    targets: tuple[int, ...]
    days: int
    is_duration: bool = False  # of a campaign that is paused or over, whose name this is


@dataclass(frozen=True)
class FollowUpEntry:
    """Campaign `target` (index) becomes possible some days after campaign `source_id`."""

    source_id: int
    target: int
    after_days: int
    within_days: int
    outcome: str


@dataclass(frozen=True)
class CapacityEntry:
    """At most, and perhaps at least, so much of what all customers share in a period.

    Amounts are in cents of money or in messages.
    """

    id: int
    name: str
    measure: str  # money or contacts
    channel: str  # "" for every channel
    tag: int | None  # None for every tag
    campaign: int | None  # id; None for every campaign
    action: int | None  # id; None for every action
    period: str  # day, week, month, whole
    maximum: int
    minimum: int
    days_left: int  # of the period, over which what is left is spread, today among them
