"""The sentence or two that say who got what, and why."""

from collections import Counter
from collections.abc import Sequence

from django.utils.translation import gettext as _

from campaigns.models import Arm
from journeys.explain.decision_options import Option
from journeys.models import Decision
from optiengine.lib.figures import money, percent
from segments.models import Organisation


def summarise_decision(decision: Decision, options: Sequence[Option]) -> str:
    """Who got what, and why, in one or two sentences."""
    customer = decision.customer
    who = customer.first_name or _("Customer %s") % customer.external_id
    chosen = next(option for option in options if option.is_chosen)
    what = f"“{chosen.campaign}” ({chosen.action})"
    text = _reason(decision, chosen, options) % {
        "who": who,
        "what": what,
        "rank": chosen.rank,
        "n": sum(option.is_possible and not option.in_addition for option in options),
        "p": percent(decision.assignment_prob),
        **_money_of(chosen, options),
    }
    if chosen.is_none and (kept := _best(options, before_slot=True)).slot_words:
        text += " " + _("The slot is %(kept)s.") % {"kept": kept.slot_words}
    if decision.is_control:
        text += " " + _(
            "%(who)s was drawn into control: the message was withheld to measure the "
            "campaign's effect."
        ) % {"who": who}
    return text


def _money_of(chosen: Option, options: Sequence[Option]) -> dict[str, str]:
    currency = Organisation.current().currency
    best = _best(options)
    return {
        "total": money(chosen.total_cents, currency),
        "best": f"“{best.campaign}” ({best.action})" if not best.is_none else _("nothing"),
        "best_total": money(best.total_cents, currency),
        "cause": _commonest_obstacle(options),
    }


def _best(options: Sequence[Option], *, before_slot: bool = False) -> Option:
    """What promised most; `before_slot`: had the slot not been worth anything else."""
    contest = [o for o in options if o.is_possible and not o.in_addition] or options

    def worth(option: Option) -> float:
        slot = option.slot_cents if before_slot else 0.0
        return (option.total_cents or 0.0) + (slot or 0.0)

    return max(contest, key=lambda o: (worth(o), o.is_chosen))


def _commonest_obstacle(options: Sequence[Option]) -> str:
    causes = Counter(o.verdict for o in options if not o.is_possible and not o.is_none)
    return causes.most_common(1)[0][0] if causes else _("There was no active campaign.")


def _reason(decision: Decision, chosen: Option, options: Sequence[Option]) -> str:
    """The sentence that fits, with its places still open."""
    if decision.arm == Arm.HOLDOUT:
        return _("%(who)s is in the global control group, which gets only transactional messages.")
    if decision.layer == Decision.Layer.HELD:
        return _(
            "%(who)s got no message because none was possible. Most frequent reason: %(cause)s"
        )
    if decision.layer == Decision.Layer.RANKED:
        return _(
            "%(who)s got %(what)s because it has the highest priority of the possible "
            "campaigns: %(rank)s."
        )
    if decision.layer == Decision.Layer.JOURNEY:
        return _(
            "%(who)s got %(what)s because it is the journey step that has waited "
            "longest. Due journey steps go before campaigns decided by value."
        )
    if decision.layer == Decision.Layer.BASELINE:
        return _(
            "%(who)s got %(what)s because %(who)s is in the baseline group, where one of "
            "the possible messages is drawn at random. The probability was %(p)s."
        )
    if chosen.is_none and chosen.total_cents is None:
        return _(
            "%(who)s got no message: the engine decided by value. The probability "
            "of this was %(p)s."
        )
    if chosen.total_cents is None:
        return _("%(who)s got %(what)s: the engine decided by value, with probability %(p)s.")
    best = _best(options)
    if chosen.is_none:
        if best is chosen:
            return _(
                "%(who)s got no message because no possible message was worth more than "
                "sending none. The probability of this was %(p)s."
            )
        return _(
            "%(who)s got no message by the random draw: %(best)s was worth "
            "%(best_total)s more, but every option keeps a share so that the engine goes "
            "on learning. The probability of this was %(p)s."
        )
    if best is chosen:
        return _(
            "%(who)s got %(what)s because it had the highest expected value of %(n)s "
            "options: %(total)s more than sending nothing. The probability was %(p)s."
        )
    return _(
        "%(who)s got %(what)s by the random draw, with probability %(p)s. %(best)s had "
        "a higher expected value (%(best_total)s instead of %(total)s), but every "
        "option keeps a share so that the engine goes on learning."
    )
