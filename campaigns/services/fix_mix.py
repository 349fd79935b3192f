"""A campaign's mix set by hand: one action for everybody, or back to learning."""

from django.db import transaction
from django.utils.translation import gettext as _

from campaigns.errors import CampaignNotReady
from campaigns.models import Action, Campaign


@transaction.atomic
def fix_mix(campaign: Campaign, action: Action) -> Campaign:
    """From the next run on the campaign has only this action. Raises CampaignNotReady."""
    campaign = _locked(campaign)
    if action.campaign_id != campaign.pk:
        raise CampaignNotReady([_("“%s” belongs to another campaign.") % action.name])
    if not action.is_active:
        raise CampaignNotReady([_("“%s” is not active.") % action.name])
    return _set(campaign, action)


@transaction.atomic
def learn_mix(campaign: Campaign) -> Campaign:
    """From the next run on the engine decides again which action each customer gets."""
    return _set(_locked(campaign), None)


def _locked(campaign: Campaign) -> Campaign:
    campaign = Campaign.objects.select_for_update(of=("self",)).get(pk=campaign.pk)
    if campaign.status == Campaign.Status.ENDED:
        raise CampaignNotReady([_("The campaign has ended, so its mix can no longer change.")])
    return campaign


def _set(campaign: Campaign, action: Action | None) -> Campaign:
    campaign.fixed_action = action
    campaign.save(update_fields=["fixed_action"])
    return campaign
