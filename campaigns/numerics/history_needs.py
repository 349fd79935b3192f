"""What a rulebook must know of earlier contacts: of which channels and tags, how far back."""

from campaigns.numerics.rulebook import Rulebook
from campaigns.numerics.rulebook_entries import CALENDAR_DAYS, CampaignEntry, CapEntry


def limiting_channels(book: Rulebook) -> list[str]:
    """The channels whose contacts a cap or a gap counts."""
    channels = {cap.channel for cap in book.caps} | {gap.channel for gap in book.gaps}
    return sorted(channels - {""})


def limiting_tags(book: Rulebook) -> list[int]:
    """The tags whose contacts a cap counts or an exclusion starts from."""
    tags = {cap.tag for cap in book.caps} | {entry.source_tag for entry in book.exclusions}
    return sorted(tag for tag in tags if tag is not None)


def history_days(book: Rulebook) -> int:
    """Days back that a contact by any campaign can matter: to caps, gaps, exclusions."""
    caps = [_days_back(cap) for cap in book.caps if cap.limit is not None]
    gaps = [gap.hours // 24 + 1 for gap in book.gaps]
    return max([*caps, *gaps, *(entry.days for entry in book.exclusions)], default=0) + 1


def own_history_days(book: Rulebook, campaign: CampaignEntry) -> int | None:
    """Days back that a contact by this campaign can matter; None: without end."""
    if campaign.repeat_after_days is None:
        return None
    series = [
        step.after_days + step.within_days
        for step in book.follow_ups
        if book.campaigns[step.target].id == campaign.id  # a send closes what was open
    ]
    return max([campaign.repeat_after_days, campaign.duration_days, *series]) + 1


def _days_back(cap: CapEntry) -> int:
    """A begun day more where a window may begin within it."""
    if cap.window == "days":
        return cap.length
    return cap.hours // 24 + 1 if cap.is_rolling else CALENDAR_DAYS[cap.window] + 1
