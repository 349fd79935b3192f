"""Why an action was possible or not, in words that name the rule."""

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from campaigns.models import Campaign, FollowUpOn, Tag
from campaigns.numerics.rulebook import INBOUND_CHANNELS, Rulebook
from campaigns.numerics.rulebook_entries import (
    CampaignEntry,
    CapEntry,
    ExclusionEntry,
    FollowUpEntry,
    GapEntry,
)
from campaigns.numerics.verdicts import Verdict
from campaigns.services.describe_limit import window_in_words
from segments.models import Channel
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
        verdict, index = Verdict.of(code)
        campaign = self.book.campaigns[self.book.actions[action].campaign]
        match verdict:
            case Verdict.ALLOWED:
                return _("Possible.")
            case Verdict.HOLDOUT:
                return _("The customer is in the global holdout: only what is owed is sent.")
            case Verdict.SUPPRESSED:
                return _("The customer is suppressed or erased.")
            case Verdict.NO_CONSENT:
                return _("No consent for this channel: %s.") % self._channel(action)
            case Verdict.NO_ADDRESS:
                return _("No address for this channel: %s.") % self._channel(action)
            case Verdict.ADDRESS_SUPPRESSED:
                text = _("The address for this channel is suppressed: %s.")
                return text % self._channel(action)
            case Verdict.TOPIC_DECLINED:
                return _("The customer does not want to hear about a topic of this campaign.")
            case Verdict.NOT_IN_TARGET_GROUP:
                return _("The customer is not in the target group.")
            case Verdict.NOT_SCHEDULED:
                return _("Today is not one of its days.")
            case Verdict.UPCOMING:
                return self._upcoming(campaign, days=index // 100)
            case Verdict.STALE_FEATURES:
                return _("Not run: the customer data of the day was missing.")
            case Verdict.UNKNOWN_FEATURE:
                return self._unknown(self.book.actions[action].campaign)
            case Verdict.MIX_SET_BY_HAND:
                return _("The campaign's mix was set by hand to another action: %s.") % (
                    self._action_name(campaign.fixed_action)
                )
            case Verdict.STEP_NOT_DUE:
                return _("It is a step of journey maps, and none is due for the customer.")
            case Verdict.NOT_TRIGGERED:
                return _("It starts when an event arrives: “%s”.") % campaign.trigger_kind
            case Verdict.NOT_ASKED:
                return self._not_asked(action)
            case Verdict.SERIES_NOT_OPEN:
                return self._series(self.book.actions[action].campaign)
            case Verdict.REPEATED_TOO_SOON:
                return self._repetition(campaign.repeat_after_days)
            case Verdict.OUTRANKED:
                return _("Possible, but a campaign with a better place in the order was, too.")
            case Verdict.CAPPED:
                return self._cap(self.book.caps[index])
            case Verdict.EXCLUDED:
                return self._exclusion(self.book.exclusions[index])
            case Verdict.DURATION:
                return self._duration(index)
            case Verdict.GAP:
                return self._gap(self.book.gaps[index])
            case Verdict.OVER_BUDGET:
                text = _("Too little was left of “%s” when it was this customer's turn.")
                return text % self.book.capacities[index].name
        raise ValueError(f"no words for {verdict!r}")

    def _channel(self, action: int) -> str:
        return str(Channel(self.book.actions[action].channel).label)

    def _not_asked(self, action: int) -> str:
        is_beside = not self.book.takes_slot[action]
        if is_beside and self.book.actions[action].channel in INBOUND_CHANNELS:
            return _("An answer is one message: never one that is in addition or transactional.")
        return _("Not asked for: this decision was about other channels or campaigns.")

    def _unknown(self, campaign: int) -> str:
        missing = sorted(self.book.rules[campaign].fields() & set(self.book.unknown_fields))
        names = ", ".join(name.removeprefix(FEATURE) for name in missing)
        text = _(
            "Not decided: its target group asks for what the customer data of the day does not "
            "have: %s."
        )
        return text % names

    def _upcoming(self, campaign: CampaignEntry, days: int) -> str:
        if campaign.runs_today:
            text = ngettext(
                "The customer is not in the target group yet, but will be tomorrow if nothing "
                "happens until then.",
                "The customer is not in the target group yet, but will be in %(n)d days if nothing "
                "happens until then.",
                days,
            )
        elif days == campaign.next_in_days:
            text = ngettext(
                "Today is not one of its days; tomorrow is.",
                "Today is not one of its days; the next is in %(n)d days.",
                days,
            )
        else:
            text = ngettext(
                "Today is not one of its days; tomorrow is, if nothing happens until then.",
                "Today is not one of its days; the first on which the customer will be in the "
                "target group, if nothing happens until then, is in %(n)d days.",
                days,
            )
        return text % {"n": days}

    def _repetition(self, days: int | None) -> str:
        if days is None:
            return _("The customer had it before, and it is sent once only.")
        return ngettext(
            "The customer had it within the last day.",
            "The customer had it within the last %(n)d days.",
            days,
        ) % {"n": days}

    def _series(self, campaign: int) -> str:
        steps = [step for step in self.book.follow_ups if step.target == campaign]
        return _("It is a step of a series that is not open: it comes %s.") % (
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
        scope = _("all contacts")
        if cap.channel:
            scope = str(Channel(cap.channel).label)
        elif cap.tag is not None:
            scope = _("tag “%s”") % self._tags.get(cap.tag, cap.tag)
        words = {
            "name": cap.name,
            "limit": cap.limit,
            "window": window_in_words(cap.window, cap.length, cap.week_starts_on),
            "scope": scope,
        }
        if cap.limit == 0:
            return _("The cap “%(name)s” allows no contact at all over %(scope)s.") % words
        text = _("The cap “%(name)s” is full: at most %(limit)d in %(window)s, over %(scope)s.")
        return text % words

    def _gap(self, gap: GapEntry) -> str:
        text = ngettext(
            "The minimum gap “%(name)s”: a contact, over %(scope)s, is less than %(n)d hour ago or "
            "still to come.",
            "The minimum gap “%(name)s”: a contact, over %(scope)s, is less than %(n)d hours ago "
            "or still to come.",
            gap.hours,
        )
        scope = Channel(gap.channel).label if gap.channel else _("all contacts")
        return text % {"name": gap.name, "scope": scope, "n": gap.hours}

    def _exclusion(self, exclusion: ExclusionEntry) -> str:
        if exclusion.is_duration:
            return self._to_itself(exclusion.name, exclusion.days)
        source = (
            _("tag “%s”") % self._tags.get(exclusion.source_tag or 0, exclusion.source_tag)
            if exclusion.source_campaign is None
            else _("“%s”") % self._name(exclusion.source_campaign)
        )
        text = _(
            "The exclusion “%(name)s” shuts it out for %(days)d days after a contact by %(source)s."
        )
        return text % {"name": exclusion.name, "days": exclusion.days, "source": source}

    def _duration(self, index: int) -> str:
        running = self.book.campaigns[index]
        return self._to_itself(running.name, running.duration_days)

    def _to_itself(self, name: str, days: int) -> str:
        text = _("“%(name)s” has the customer to itself for %(days)d days.")
        return text % {"name": name, "days": days}

    def _action_name(self, action_id: int | None) -> str:
        names = {action.id: action.name for action in self.book.actions}
        return f"“{names[action_id]}”" if action_id in names else _("one that is not active")

    def _name(self, campaign_id: int) -> str:
        return self._campaigns.get(campaign_id, f"#{campaign_id}")
