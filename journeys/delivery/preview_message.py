"""What each action of a campaign would say to one customer."""

from dataclasses import dataclass, field

from campaigns.models import Action, Campaign
from journeys.delivery.numerics.sms_length import SmsLength, sms_length
from journeys.delivery.render_message import Recipient, Words, render_message
from journeys.delivery.send_proof import SAMPLE_LINKS
from optiengine.lib.text_scan import TextError
from segments.channels import CHANNELS
from segments.models import Customer


@dataclass(frozen=True)
class Preview:
    """One action; without words where its texts cannot be filled in."""

    action: Action
    words: Words | None = None
    problems: list[str] = field(default_factory=list)
    sms: SmsLength | None = None

    @property
    def can_be_proofed(self) -> bool:
        return self.words is not None and CHANNELS[self.action.channel].can_be_typed


def previews(campaign: Campaign, customer: Customer) -> list[Preview]:
    """All actions of a campaign, active ones first."""
    actions = campaign.actions.select_related("campaign").order_by("-is_active", "pk")
    return [_preview(action, Recipient.of(customer)) for action in actions]


def _preview(action: Action, recipient: Recipient) -> Preview:
    try:
        words = render_message(action, recipient, SAMPLE_LINKS)
    except TextError as error:
        return Preview(action, problems=error.problems)
    sms = sms_length(words.text) if CHANNELS[action.channel].is_sent_in_parts else None
    return Preview(action, words, sms=sms)
