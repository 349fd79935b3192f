from collections.abc import Collection
from datetime import date, timedelta

from django.db.models import Q

from campaigns.models import (
    Campaign,
    CapacityLimit,
    Exclusion,
    FollowUp,
    FrequencyCap,
    MinimumGap,
    QuietHours,
    Weekday,
)
from campaigns.numerics.capacity import period_of
from campaigns.numerics.counting import belongs_to, respects_duration
from campaigns.numerics.foresight import FORESIGHT_DAYS
from campaigns.numerics.quiet_hours import QuietEntry
from campaigns.numerics.rulebook import Rulebook
from campaigns.numerics.rulebook_entries import (
    EVENT,
    SCHEDULE,
    STEP,
    ActionEntry,
    CampaignEntry,
    CapacityEntry,
    CapEntry,
    ExclusionEntry,
    FollowUpEntry,
    GapEntry,
)
from campaigns.services.minimum_evidence import MinimumEvidences
from segments.state.features import active_features

SPREAD_DAYS = 366  # a limit that ends later than in a year is spread over a year


def load_rulebook(as_of: date, *, drafts: Collection[int] = ()) -> Rulebook:
    """All active campaigns that are not over, with their actions and limits, as of a day.

    Campaigns whose day it is not are in it too: the explanation names them, and their next
    occurrence counts against spending the slot now. drafts : ids of campaigns that are to be in it
    as if they were launched.
    """
    campaigns = list(
        Campaign.objects.filter(Q(status=Campaign.Status.ACTIVE) | Q(pk__in=drafts))
        .exclude(ends_on__lt=as_of)
        .select_related("goal", "target_group")
        .prefetch_related("actions", "tags", "ignores_durations_of")
        .in_order()
    )
    index = {campaign.pk: i for i, campaign in enumerate(campaigns)}
    minimum = MinimumEvidences()
    tags = {c.pk: tuple(sorted(tag.pk for tag in c.tags.all())) for c in campaigns}
    days = {campaign.pk: _runs_in_days(campaign, as_of) for campaign in campaigns}
    opened_by = {Campaign.Recurrence.STEP.value: STEP, Campaign.Recurrence.EVENT.value: EVENT}
    entries = tuple(
        CampaignEntry(
            id=campaign.pk,
            name=campaign.name,
            rank=campaign.rank,
            rule=campaign.target_group.rule if campaign.target_group else {},
            event_kind=campaign.goal.event_kind,
            window_days=campaign.goal.window_days,
            tags=tags[campaign.pk],
            control_share=campaign.control_share,
            in_addition=campaign.in_addition or campaign.transactional,
            # A step comes as often as its map lets the customer in.
            repeat_after_days=0
            if campaign.recurrence == Campaign.Recurrence.STEP
            else campaign.repeat_after_days,
            duration_days=campaign.duration_days,
            ignores_durations=campaign.ignores_durations,
            runs_today=campaign.runs_on(as_of),
            next_in_days=next(iter(days[campaign.pk]), None),
            runs_in_days=days[campaign.pk],
            minimum_evidence=minimum.of(campaign.pk),
            fixed_action=campaign.fixed_action_id,
            opened_by=opened_by.get(campaign.recurrence, SCHEDULE),
            trigger_kind=campaign.trigger_kind,
            transactional=campaign.transactional,
            exempt_from_caps=campaign.exempt_from_caps,
            not_counted_by_caps=campaign.not_counted_by_caps,
            ignores_durations_of=tuple(sorted(c.pk for c in campaign.ignores_durations_of.all())),
            send_time_per_person=campaign.send_time_per_person,
            expires_after_hours=campaign.expires_after_hours,
            run_anyway=campaign.run_anyway,
        )
        for campaign in campaigns
    )
    actions = tuple(
        ActionEntry(
            id=action.pk,
            campaign=index[campaign.pk],
            name=action.name,
            channel=action.channel,
            cost_cents=float(action.cost_cents),
        )
        for campaign in campaigns
        for action in sorted(campaign.actions.all(), key=lambda a: a.pk)
        if action.is_active
    )
    return Rulebook(
        campaigns=entries,
        actions=actions,
        caps=load_caps(),
        exclusions=(
            *(
                exclusion
                for row in Exclusion.objects.order_by("pk")
                for exclusion in _exclusions(row, entries)
            ),
            *_lasting_durations(entries, as_of),
        ),
        follow_ups=tuple(
            FollowUpEntry(
                source_id=step.source_id,
                target=index[step.target_id],
                after_days=step.after_days,
                within_days=step.within_days,
                outcome=step.outcome,
            )
            for step in FollowUp.objects.order_by("pk")
            if step.target_id in index  # its source may be over; what it opened stays open
        ),
        ageing_fields=_ageing_fields(),
        capacities=tuple(
            _capacity(limit, campaigns, as_of)
            for limit in CapacityLimit.objects.filter(is_active=True).order_by("pk")
        ),
        gaps=load_gaps(),
        quiet_hours=load_quiet_hours(),
    )


def load_caps() -> tuple[CapEntry, ...]:
    """Those that hold now."""
    return tuple(_cap(cap) for cap in FrequencyCap.objects.filter(is_active=True).order_by("pk"))


def load_gaps() -> tuple[GapEntry, ...]:
    """Those that hold now."""
    return tuple(
        GapEntry(name=gap.name, channel=gap.channel, hours=gap.hours)
        for gap in MinimumGap.objects.filter(is_active=True).order_by("pk")
    )


def load_quiet_hours() -> tuple[QuietEntry, ...]:
    """Those that hold now."""
    return tuple(
        QuietEntry(
            channel=row.channel,
            country=row.country,
            start_minute=row.starts_at.hour * 60 + row.starts_at.minute,
            end_minute=row.ends_at.hour * 60 + row.ends_at.minute,
            weekdays=tuple(row.weekdays or Weekday.values),
        )
        for row in QuietHours.objects.filter(is_active=True).order_by("pk")
    )


def _runs_in_days(campaign: Campaign, as_of: date) -> tuple[int, ...]:
    """Days on which it is known to be possible; of events and steps nobody knows."""
    if campaign.recurrence in (Campaign.Recurrence.EVENT, Campaign.Recurrence.STEP):
        return ()
    days = range(1, FORESIGHT_DAYS + 1)
    return tuple(d for d in days if campaign.runs_on(as_of + timedelta(days=d)))


def _ageing_fields() -> tuple[str, ...]:
    """Features that count days and so grow by one a day, as long as nothing happens."""
    return tuple(
        f"feature.{feature.name}"
        for feature in active_features()
        # Out of its window a last event is forgotten, so such a feature does not simply grow.
        if feature.aggregate in ("days_since", "tenure") and feature.window_days is None
    )


def _cap(cap: FrequencyCap) -> CapEntry:
    return CapEntry(
        name=cap.name,
        channel=cap.channel,
        tag=cap.tag_id,
        limit=cap.limit,
        window=cap.window,
        length=cap.length,
        week_starts_on=cap.week_starts_on,
        counts_transactional=cap.counts_transactional,
    )


def _capacity(limit: CapacityLimit, campaigns: list[Campaign], as_of: date) -> CapacityEntry:
    counted = [campaign for campaign in campaigns if _counts(limit, campaign)]
    return CapacityEntry(
        id=limit.pk,
        name=limit.name,
        measure=limit.measure,
        channel=limit.channel,
        tag=limit.tag_id,
        campaign=limit.campaign_id,
        action=limit.action_id,
        period=limit.period,
        maximum=limit.maximum,
        minimum=limit.minimum or 0,
        days_left=_days_left(limit.period, counted, as_of) if limit.is_even else 1,
    )


def _counts(limit: CapacityLimit, campaign: Campaign) -> bool:
    actions = [action for action in campaign.actions.all() if action.is_active]
    return (
        limit.campaign_id in (None, campaign.pk)
        and (limit.tag_id is None or any(tag.pk == limit.tag_id for tag in campaign.tags.all()))
        and any(limit.action_id in (None, action.pk) for action in actions)
        and any(limit.channel in ("", action.channel) for action in actions)
    )


def _days_left(period: str, campaigns: list[Campaign], as_of: date) -> int:
    """Days from today to the period's end on which one of the campaigns is scheduled.

    Without an end, of the period or of the campaigns, it is only today: nothing is spread.
    """
    _start, end = period_of(period, as_of)
    if end is None:
        last_days = [campaign.ends_on for campaign in campaigns]
        if None in last_days or not last_days:
            return 1
        end = max(day for day in last_days if day) + timedelta(days=1)
    n_days = min((end - as_of).days, SPREAD_DAYS)
    days = [as_of + timedelta(days=i) for i in range(n_days)]
    return max(1, sum(any(campaign.runs_on(day) for campaign in campaigns) for day in days))


def _lasting_durations(entries: tuple[CampaignEntry, ...], as_of: date) -> list[ExclusionEntry]:
    """Durations of campaigns that are paused or over: what they began is kept to its end."""
    over = (
        Campaign.objects.filter(duration_days__gt=0, in_addition=False, transactional=False)
        .exclude(status=Campaign.Status.DRAFT)
        .exclude(pk__in=[entry.id for entry in entries])
        .order_by("pk")
    )
    return [
        ExclusionEntry(
            name=campaign.name,
            source_campaign=campaign.pk,
            source_tag=None,
            targets=tuple(
                i for i, entry in enumerate(entries) if respects_duration(campaign.pk, entry)
            ),
            days=campaign.duration_days,
            is_duration=True,
        )
        for campaign in over
        if campaign.ends_on is None
        or as_of < campaign.ends_on + timedelta(days=campaign.duration_days)
    ]


def _exclusions(row: Exclusion, campaigns: tuple[CampaignEntry, ...]) -> list[ExclusionEntry]:
    """One entry, or two where the exclusion works both ways."""

    def entry(
        campaign_id: int | None,
        tag_id: int | None,
        other_campaign_id: int | None,
        other_tag_id: int | None,
    ) -> ExclusionEntry:
        targets = tuple(
            i
            for i, campaign in enumerate(campaigns)
            if belongs_to(other_campaign_id, other_tag_id, campaign)
        )
        return ExclusionEntry(row.name, campaign_id, tag_id, targets, row.days)

    ends = (row.campaign_id, row.tag_id, row.excluded_campaign_id, row.excluded_tag_id)
    exclusions = [entry(*ends)]
    if row.both_ways:
        exclusions.append(entry(*ends[2:], *ends[:2]))
    return exclusions
