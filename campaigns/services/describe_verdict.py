"""Why an action was possible or not, in words that name the rule."""

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from campaigns.models import Campaign, FollowUpOn, Tag
from campaigns.numerics.rulebook import Rulebook
from campaigns.numerics.rulebook_entries import (
    CampaignEntry,
    CapEntry,
    ExclusionEntry,
    FollowUpEntry,
    GapEntry,
)
from campaigns.numerics.verdict_codes import Verdict, meaning_of
from campaigns.services.describe_limit import scope_in_words, window_in_words
from segments.channel_labels import channel_label
from segments.channels import inbound_channels
from segments.rules.numerics.rule import FEATURE


class VerdictWords:
    """The words for the verdicts of one rulebook; names are looked up once."""

    def __init__(self, book: Rulebook) -> None:
        self.book = book
        self._campaigns = {campaign.id: campaign.name for campaign in book.campaigns}
        unknown = {step.source_id for step in book.follow_ups}
        unknown |= {e.source_campaign for e in book.exclusions if e.source_campaign}
        unknown -= set(self._campaigns)
        if unknown:
            named = Campaign.objects.filter(pk__in=unknown).values_list("pk", "name")
            self._campaigns |= dict(named)
        tags = {cap.tag for cap in book.caps if cap.tag}
        tags |= {e.source_tag for e in book.exclusions if e.source_tag}
        self._tags = dict(Tag.objects.filter(pk__in=tags).values_list("pk", "name")) if tags else {}

    def __call__(self, action: int, code: int) -> str:
        """The verdict on the rulebook's action number `action`."""
        meaning = meaning_of(code)
        campaign = self.book.campaigns[self.book.actions[action].campaign]
        match meaning.verdict:
            case Verdict.ALLOWED:
                return _("Possible.")
            case Verdict.HOLDOUT:
                return _(
                    "The customer is in the global control group, which gets only "
                    "transactional messages."
                )
            case Verdict.SUPPRESSED:
                return _("The customer is suppressed or erased.")
            case Verdict.NO_CONSENT:
                return _("No consent for this channel: %s.") % self._channel(action)
            case Verdict.CONSENT_UNCLEAR:
                text = _("Consent for this channel is unclear: %s.")
                return text % self._channel(action)
            case Verdict.NO_ADDRESS:
                return _("No address for this channel: %s.") % self._channel(action)
            case Verdict.ADDRESS_SUPPRESSED:
                text = _("The address for this channel is suppressed: %s.")
                return text % self._channel(action)
            case Verdict.TOPIC_DECLINED:
                return _("The customer opted out of a topic of this campaign.")
            case Verdict.NOT_IN_TARGET_GROUP:
                return _("The customer is not in the target group.")
            case Verdict.NOT_SCHEDULED:
                return _("The campaign is not scheduled for today.")
            case Verdict.UPCOMING:
                return self._upcoming(campaign, days=meaning.days_until)
            case Verdict.STALE_FEATURES:
                return _("Not run: the day's customer data was missing.")
            case Verdict.UNKNOWN_FEATURE:
                return self._unknown(self.book.actions[action].campaign)
            case Verdict.MIX_SET_BY_HAND:
                return _("The campaign's mix is fixed to another action: %s.") % (
                    self._action_name(campaign.fixed_action)
                )
            case Verdict.STEP_NOT_DUE:
                return _("It is a journey step, and no step is due for the customer.")
            case Verdict.NOT_TRIGGERED:
                return _("It starts when an event arrives: “%s”.") % campaign.trigger_kind
            case Verdict.NOT_ASKED:
                return self._not_asked(action)
            case Verdict.SERIES_NOT_OPEN:
                return self._series(self.book.actions[action].campaign)
            case Verdict.REPEATED_TOO_SOON:
                return self._repetition(campaign.repeat_after_days)
            case Verdict.SHARED_ADDRESS:
                return _("Another customer with the same address got today's message: %s.") % (
                    self._channel(action)
                )
            case Verdict.MERGED:
                return _("This record is merged into another one, which is decided for instead.")
            case Verdict.OUTRANKED:
                return _("Possible, but a campaign with a higher priority was chosen.")
            case Verdict.CAPPED:
                return self._cap(self.book.caps[meaning.index])
            case Verdict.EXCLUDED:
                return self._exclusion(self.book.exclusions[meaning.index])
            case Verdict.DURATION:
                return self._duration(meaning.index)
            case Verdict.GAP:
                return self._gap(self.book.gaps[meaning.index])
            case Verdict.OVER_BUDGET:
                text = _("Not enough of “%s” was left when this customer was decided.")
                return text % self.book.capacities[meaning.index].name
        raise ValueError(f"no words for {meaning.verdict!r}")

    def _channel(self, action: int) -> str:
        return channel_label(self.book.actions[action].channel)

    def _not_asked(self, action: int) -> str:
        is_beside = not self.book.flags.takes_slot[action]
        if is_beside and self.book.actions[action].channel in inbound_channels():
            return _(
                "An answer is a single message, so transactional messages and "
                "messages sent alongside the day's campaign are left out."
            )
        return _("Not considered: the request was for other channels or campaigns.")

    def _unknown(self, campaign: int) -> str:
        missing = sorted(self.book.rules[campaign].fields() & set(self.book.unknown_fields))
        names = ", ".join(name.removeprefix(FEATURE) for name in missing)
        text = _("Not decided: its target group uses data that is missing for this day: %s.")
        return text % names

    def _upcoming(self, campaign: CampaignEntry, days: int) -> str:
        if campaign.runs_today:
            text = ngettext(
                "The customer is not in the target group yet, but will be tomorrow if "
                "nothing changes.",
                "The customer is not in the target group yet, but will be in %(n)d days "
                "if nothing changes.",
                days,
            )
        elif days == campaign.next_in_days:
            text = ngettext(
                "The campaign is not scheduled for today, but for tomorrow.",
                "The campaign is not scheduled for today. The next time is in %(n)d days.",
                days,
            )
        else:
            text = ngettext(
                "The campaign is not scheduled for today, but for tomorrow, when the "
                "customer will be in its target group if nothing changes.",
                "The campaign is not scheduled for today. It next runs with the customer "
                "in its target group in %(n)d days, if nothing changes.",
                days,
            )
        return text % {"n": days}

    def _repetition(self, days: int | None) -> str:
        if days is None:
            return _(
                "It was sent to the customer before, or is reserved for them, and it is "
                "only sent once."
            )
        return ngettext(
            "It was sent to the customer, or reserved for them, within the last day.",
            "It was sent to the customer, or reserved for them, within the last %(n)d days.",
            days,
        ) % {"n": days}

    def _series(self, campaign: int) -> str:
        steps = [step for step in self.book.follow_ups if step.target == campaign]
        return _("It is a follow-up that is not possible yet. It becomes possible %s.") % (
            f" {_('or')} ".join(self._step(step) for step in steps)
        )

    def _step(self, step: FollowUpEntry) -> str:
        text = ngettext(
            "%(n)d day after “%(source)s” (%(outcome)s)",
            "%(n)d days after “%(source)s” (%(outcome)s)",
            step.after_days,
        )
        return text % {
            "n": step.after_days,
            "source": self._name(step.source_id),
            "outcome": FollowUpOn(step.outcome).label,
        }

    def _cap(self, cap: CapEntry) -> str:
        tag = None if cap.tag is None else self._tags.get(cap.tag, cap.tag)
        words = {
            "name": cap.name,
            "limit": cap.limit,
            "window": window_in_words(cap.window, cap.length, cap.week_starts_on),
            "scope": scope_in_words(cap.channel, tag),
        }
        if cap.limit == 0:
            return _("The cap “%(name)s” allows no messages: %(scope)s.") % words
        text = _("The cap “%(name)s” is reached: at most %(limit)d in %(window)s, %(scope)s.")
        return text % words

    def _gap(self, gap: GapEntry) -> str:
        text = ngettext(
            "The minimum gap “%(name)s” of %(n)d hour applies: another message "
            "(%(scope)s) was sent within it or is scheduled.",
            "The minimum gap “%(name)s” of %(n)d hours applies: another message "
            "(%(scope)s) was sent within it or is scheduled.",
            gap.hours,
        )
        words = {"name": gap.name, "scope": scope_in_words(gap.channel), "n": gap.hours}
        return text % words

    def _exclusion(self, exclusion: ExclusionEntry) -> str:
        if exclusion.is_duration:
            return self._to_itself(exclusion.name, exclusion.days)
        source = (
            _("tag “%s”") % self._tags.get(exclusion.source_tag or 0, exclusion.source_tag)
            if exclusion.source_campaign is None
            else _("“%s”") % self._name(exclusion.source_campaign)
        )
        text = _(
            "The exclusion “%(name)s” blocks it for %(days)d days after a message from %(source)s."
        )
        return text % {"name": exclusion.name, "days": exclusion.days, "source": source}

    def _duration(self, index: int) -> str:
        running = self.book.campaigns[index]
        return self._to_itself(running.name, running.duration_days)

    def _to_itself(self, name: str, days: int) -> str:
        text = _("The cool-down of “%(name)s” lasts %(days)d days.")
        return text % {"name": name, "days": days}

    def _action_name(self, action_id: int | None) -> str:
        names = {action.id: action.name for action in self.book.actions}
        return f"“{names[action_id]}”" if action_id in names else _("an inactive campaign")

    def _name(self, campaign_id: int) -> str:
        return self._campaigns.get(campaign_id, f"#{campaign_id}")
