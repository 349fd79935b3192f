"""Finds rules that contradict each other before a launch, and describes them."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import date

import numpy as np
from django.utils.translation import gettext as _

from campaigns.models import Campaign, Tag
from campaigns.numerics.capacity import use_of
from campaigns.numerics.conflicts import (
    actions_of,
    dead_steps,
    is_always_quiet,
    shut_outs,
    unreachable_caps,
    zero_cap,
)
from campaigns.numerics.rulebook import Rulebook
from campaigns.numerics.time_zones import zones_of
from campaigns.services.describe_conflict import (
    dead_step_in_words,
    nobody_in_words,
    shut_out_in_words,
    unreachable_cap_in_words,
    zero_cap_in_words,
)
from campaigns.services.describe_limit import where_in_words
from campaigns.services.load_rulebook import load_rulebook
from segments.channel_labels import channel_label
from segments.channels import inbound_channels
from segments.models import Customer, Organisation, Stage, StateBuild
from segments.rules.count_target_group import CountTooSlow
from segments.rules.describe_rule import problem_in_words
from segments.rules.numerics.rule import RuleError
from segments.rules.numerics.rule_proof import is_contradiction
from segments.rules.rule_fields import newest_state
from segments.state.count_reachable import count_reachable

NEVER, WARNING = "never", "warning"
PATIENCE_MS = 2_000  # for a count that a page or a launch waits for

Status = Campaign.Status


@dataclass(frozen=True)
class Conflict:
    """`never`: it follows from the rules that the campaign can be sent to nobody."""

    severity: str
    text: str
    campaign_id: int | None = None  # None: only limits are involved

    @property
    def is_never(self) -> bool:
        return self.severity == NEVER


def conflicts_of(campaign: Campaign) -> list[Conflict]:
    """What blocks a campaign, and what it would do to others, once it is launched.

    As of the newest day that customers' states are known for, or of its start if that is later.
    Whom it can reach on that day is counted; a count that takes too long is left out.
    """
    state = newest_state()
    as_of = max(campaign.starts_on, state.as_of) if state else campaign.starts_on
    book = load_rulebook(min(as_of, campaign.ends_on or as_of), drafts=[campaign.pk])
    search = _Search(book)
    index = next((i for i, entry in enumerate(book.campaigns) if entry.id == campaign.pk), None)
    if index is None:
        return []
    try:
        conflicts = [*search.of_campaign(index), *search.made_by(index)]
    except RuleError as error:
        return [Conflict(NEVER, problem_in_words(error), campaign.pk)]
    return [*conflicts, *search.counted(index, state)] if state else conflicts


def find_conflicts(as_of: date) -> list[Conflict]:
    """All that follow from the rules of a day; campaigns not launched yet, as if each were
    launched by itself.

    Whether anybody can be reached is not counted here: see `conflicts_of`. Raises RuleError where a
    target group cannot be read.
    """
    waiting = Campaign.objects.filter(status__in=[Status.DRAFT, Status.PAUSED])
    drafts = set(waiting.values_list("pk", flat=True))
    search = _Search(load_rulebook(as_of, drafts=drafts), drafts)
    conflicts = [*search.of_limits()]
    for index in range(len(search.book.campaigns)):
        conflicts += search.of_campaign(index)
    return conflicts


class _Search:
    """Through one rulebook. drafts : ids of campaigns in it that do not block others yet."""

    def __init__(self, book: Rulebook, drafts: Collection[int] = ()) -> None:
        self.book = book
        self.live = [i for i, campaign in enumerate(book.campaigns) if campaign.id not in drafts]
        self.names = dict(Campaign.objects.values_list("pk", "name"))
        self.topics = _topics({tag for campaign in book.campaigns for tag in campaign.tags})
        self.zone = Organisation.current().time_zone
        self.countries = _countries() if book.quiet_hours else []

    def of_limits(self) -> Iterator[Conflict]:
        for cap in unreachable_caps(self.book):
            yield Conflict(WARNING, unreachable_cap_in_words(self.book, *cap))

    def of_campaign(self, index: int) -> Iterator[Conflict]:
        name = self.book.campaigns[index].name
        if is_contradiction(self.book.rules[index]):
            text = _(
                "“%s” can never be sent: the conditions of its target group contradict each other."
            )
            yield self._conflict(NEVER, text % name, index)
        yield from self._of_caps(index)
        yield from self._of_quiet_hours(index)
        yield from self._of_series(index)
        yield from self._of_others(index, self.live)
        if self.book.campaigns[index].transactional:
            yield from self._of_transactional(index)

    def made_by(self, source: int) -> Iterator[Conflict]:
        """What a campaign does to others: their concern, it can be sent all the same."""
        for target in self.live:
            for conflict in self._of_others(target, [source]):
                yield self._conflict(WARNING, conflict.text, target)

    def counted(self, index: int, state: StateBuild) -> Iterator[Conflict]:
        """Whom the campaign could reach on the state's day: data, which other days may change."""
        channels = self._channels(index)
        if not channels or channels & set(inbound_channels()):
            return
        rule, name = self.book.rules[index], self.book.campaigns[index].name
        try:
            stages = count_reachable(rule, sorted(channels), state, timeout_ms=PATIENCE_MS)
        except (CountTooSlow, RuleError):  # the target group's own page says so
            return
        by = ", ".join(sorted(channel_label(channel) for channel in channels))
        day = state.as_of.isoformat()
        lost = {stage: n for stage, (n, n_reachable) in stages.items() if n and not n_reachable}
        if len(lost) == len(stages):
            text = nobody_in_words(name, by, day, "", sum(lost.values()))
            yield self._conflict(WARNING, text, index)
            return
        for stage, n in sorted(lost.items()):
            text = nobody_in_words(name, by, day, str(Stage(stage).label), n)
            yield self._conflict(WARNING, text, index)

    def _of_transactional(self, index: int) -> Iterator[Conflict]:
        """What would keep from customers a message that no other limit holds back."""
        campaign = self.book.campaigns[index]
        if campaign.control_share:
            text = _(
                "“%s” is transactional and has a control share, so some customers would "
                "not get a message they expect."
            )
            yield self._conflict(WARNING, text % campaign.name, index)
        topics = sorted(str(tag) for tag in Tag.objects.filter(pk__in=campaign.tags, is_topic=True))
        used = use_of(self.book)[:, actions_of(self.book, index)].any(axis=1)
        budgets = [self.book.capacities[i].name for i in np.flatnonzero(used)]
        for names, text in (
            (
                topics,
                _(
                    "“%(name)s” is transactional and has the topic “%(rule)s”, so "
                    "customers who opted out of it would not get a message they expect."
                ),
            ),
            (
                budgets,
                _(
                    "“%(name)s” is transactional and counts towards “%(rule)s”: once "
                    "that is used up, customers would not get a message they expect."
                ),
            ),
        ):
            for rule in names:
                yield self._conflict(WARNING, text % {"name": campaign.name, "rule": rule}, index)

    def _of_caps(self, index: int) -> Iterator[Conflict]:
        actions = actions_of(self.book, index).tolist()
        caps = {a: cap for a in actions if (cap := zero_cap(self.book, a)) is not None}
        name = self.book.campaigns[index].name
        if caps and len(caps) == len(actions):
            text = zero_cap_in_words(self.book, f"“{name}”", caps[actions[0]])
            yield self._conflict(NEVER, text, index)
            return
        for action, cap in caps.items():
            what = _("“%(action)s” of “%(name)s”") % {
                "action": self.book.actions[action].name,
                "name": name,
            }
            yield self._conflict(WARNING, zero_cap_in_words(self.book, what, cap), index)

    def _of_quiet_hours(self, index: int) -> Iterator[Conflict]:
        campaign = self.book.campaigns[index]
        channels = self._channels(index)
        if campaign.transactional or not channels:
            return
        outbound = sorted(channels - set(inbound_channels()))
        quiet = {
            (channel, country): is_always_quiet(self.book, channel, country)
            for country in self.countries
            for channel in outbound
        }
        if quiet and all(quiet.values()) and len(outbound) == len(channels):
            text = _(
                "“%s” can never be sent: quiet hours cover the whole week on all its channels."
            )
            yield self._conflict(NEVER, text % campaign.name, index)
            return
        for (channel, country), is_quiet in quiet.items():
            if is_quiet:
                text = _(
                    "“%(name)s” can never be sent by %(where)s: quiet hours cover the whole week."
                )
            elif self._is_quiet_somewhere(channel, country):
                text = _(
                    "“%(name)s” can never be sent by %(where)s to customers without a "
                    "time zone: at any time, one zone of the country has quiet hours."
                )
            else:
                continue
            words = {"name": campaign.name, "where": where_in_words(channel, country)}
            yield self._conflict(WARNING, text % words, index)

    def _is_quiet_somewhere(self, channel: str, country: str) -> bool:
        return is_always_quiet(self.book, channel, country, zones_of("", country, self.zone))

    def _of_series(self, index: int) -> Iterator[Conflict]:
        """Steps that lead to the campaign and never open it."""
        steps = [i for i, step in enumerate(self.book.follow_ups) if step.target == index]
        dead = {step: days for step, days in dead_steps(self.book) if step in steps}
        severity = NEVER if len(dead) == len(steps) else WARNING
        for step, days in dead.items():
            source = self.names[self.book.follow_ups[step].source_id]
            yield self._conflict(severity, dead_step_in_words(self.book, step, source, days), index)
        sources = {self.book.follow_ups[step].source_id for step in steps}
        if sources and not sources & {self.book.campaigns[i].id for i in (*self.live, index)}:
            text = _("“%(name)s” only follows %(sources)s, which is not active.")
            listed = f" {_('or')} ".join(f"“{self.names[pk]}”" for pk in sorted(sources))
            words = {"name": self.book.campaigns[index].name, "sources": listed}
            yield self._conflict(WARNING, text % words, index)

    def _of_others(self, index: int, sources: Collection[int]) -> Iterator[Conflict]:
        for shut_out in shut_outs(self.book, index, sources, Stage.values, self.topics):
            severity = NEVER if shut_out.is_certain and shut_out.is_for_all else WARNING
            yield self._conflict(severity, shut_out_in_words(self.book, index, shut_out), index)

    def _channels(self, index: int) -> set[str]:
        return {self.book.actions[action].channel for action in actions_of(self.book, index)}

    def _conflict(self, severity: str, text: str, index: int) -> Conflict:
        return Conflict(severity, text, self.book.campaigns[index].id)


def _topics(tags: set[int]) -> set[int]:
    """Which tags customers may decline, or did while they were topics."""
    topics = set(Tag.objects.filter(pk__in=tags, is_topic=True).values_list("pk", flat=True))
    if others := list(tags - topics):
        declining = Customer.objects.exclude(topics_declined=[])  # partial index
        declined = declining.filter(topics_declined__overlap=others)
        topics.update(*declined.values_list("topics_declined", flat=True).distinct())
    return topics


def _countries() -> list[str]:
    """Where customers are; unknown is "", and always among them."""
    known = Customer.objects.contactable().values_list("country", flat=True).order_by().distinct()
    return sorted({"", *(country.upper() for country in known)})
