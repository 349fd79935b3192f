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
            "The draw made %(who)s a control member: the message was withheld, so that the "
            "campaign's effect can be measured."
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
        return _(
            "%(who)s is in the global holdout, which is sent only what is owed: transactional "
            "messages."
        )
    if decision.layer == Decision.Layer.HELD:
        return _("%(who)s got nothing, because nothing was possible. Most often: %(cause)s")
    if decision.layer == Decision.Layer.RANKED:
        return _(
            "%(who)s got %(what)s because, of the campaigns that were possible, it has the best "
            "rank: %(rank)s."
        )
    if decision.layer == Decision.Layer.JOURNEY:
        return _(
            "%(who)s got %(what)s because it is the step of a journey map that has waited longest; "
            "steps that are due go before what is decided by value."
        )
    if decision.layer == Decision.Layer.BASELINE:
        return _(
            "%(who)s got %(what)s because %(who)s is in the baseline arm, where chance decides "
            "among what is possible. Its probability was %(p)s."
        )
    if chosen.is_none and chosen.total_cents is None:
        return _("%(who)s got nothing by value. The probability of this was %(p)s.")
    if chosen.total_cents is None:
        return _("%(who)s got %(what)s by value, with probability %(p)s.")
    best = _best(options)
    if chosen.is_none:
        if best is chosen:
            return _(
                "%(who)s got nothing, because nothing that was possible promised more than "
                "keeping the slot. The probability of this was %(p)s."
            )
        return _(
            "%(who)s got nothing by the draw: %(best)s promised %(best_total)s more, but options "
            "that look weaker keep a share, so that the engine goes on learning. The probability "
            "of this was %(p)s."
        )
    if best is chosen:
        return _(
            "%(who)s got %(what)s because it promised the most of %(n)s options: %(total)s more "
            "than sending nothing. Its probability was %(p)s."
        )
    return _(
        "%(who)s got %(what)s by the draw, with probability %(p)s. %(best)s promised more "
        "(%(best_total)s against %(total)s), but options that look weaker keep a share, so that "
        "the engine goes on learning."
    )
