"""The life of a campaign: launched, paused, ended. Each answers the campaign as it is now."""

from django.db import transaction
from django.utils.translation import gettext as _

from campaigns.errors import CampaignNotReady, NeedsApproval
from campaigns.models import Approval, Campaign
from campaigns.services.approvals import expect_approved, withdraw_changed
from campaigns.services.find_conflicts import conflicts_of
from campaigns.services.rule_rows import lock_rules

Status = Campaign.Status


def launch_campaign(campaign: Campaign, *, with_map: bool = False) -> Campaign:
    """Let a draft or paused campaign take part from the next run on.

    Raises CampaignNotReady with everything that is missing, and with the rules by which it could
    never be sent; NeedsApproval where a second person has to approve this content first.
    with_map : it is launched with a map, and the caller has checked the approval of both.
    """
    try:
        origins = {Status.DRAFT, Status.PAUSED, Status.ACTIVE}
        return _move(campaign, Status.ACTIVE, origins, is_approved=with_map)
    except NeedsApproval:
        withdraw_changed(Approval.Kind.CAMPAIGN, campaign.pk)  # stays, unlike what was refused
        raise


def pause_campaign(campaign: Campaign) -> Campaign:
    """Keep an active campaign out of runs until it is launched again.

    Messages that still wait in the outbox wait on, as long as they are valid.
    Raises CampaignNotReady.
    """
    return _move(campaign, Status.PAUSED, {Status.ACTIVE, Status.PAUSED})


def end_campaign(campaign: Campaign) -> Campaign:
    """Close a campaign for good; its history stays. Raises CampaignNotReady."""
    return _move(campaign, Status.ENDED, set(Status))


@transaction.atomic
def _move(
    campaign: Campaign, status: Status, origins: set[Status], *, is_approved: bool = False
) -> Campaign:
    if status == Status.ACTIVE:
        lock_rules()
    campaign = Campaign.objects.select_for_update(of=("self",)).get(pk=campaign.pk)
    if campaign.status not in origins:
        text = _("The status cannot change from “%(now)s” to “%(then)s”.")
        words = {"now": campaign.get_status_display(), "then": status.label}
        raise CampaignNotReady([str(text % words)])
    if status == Status.ACTIVE and (problems := campaign.problems() + _never_sent(campaign)):
        raise CampaignNotReady(problems)
    if status == Status.ACTIVE != campaign.status and not is_approved:
        expect_approved(Approval.Kind.CAMPAIGN, campaign)
    campaign.status = status
    campaign.save(update_fields=["status"])
    return campaign


def _never_sent(campaign: Campaign) -> list[str]:
    conflicts = conflicts_of(campaign)
    return [c.text for c in conflicts if c.is_never and c.campaign_id == campaign.pk]
