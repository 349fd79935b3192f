"""What value later comes from, and what a slot is kept for, in words. Of one customer."""

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from campaigns.numerics.rulebook import Rulebook
from campaigns.numerics.verdict_codes import Codes
from journeys.decisions.numerics.lookahead import FollowUp
from journeys.decisions.numerics.slot import NOTHING
from journeys.decisions.numerics.worth import Worth, best_steps


def what_opens(book: Rulebook, worth: Worth, facts: Codes, action: int) -> str:
    """The follow-ups that an action's value later comes from; empty where it has none.

    worth, facts : of one customer. action : index on the rulebook's action axis.
    """
    if not worth.later[0, action]:
        return ""
    if_responds, if_not = best_steps(book, worth, facts, action)
    if if_responds and if_responds == if_not:
        return _step(book, if_responds)
    texts = []
    if if_responds:
        texts.append(_("after a conversion %s") % _step(book, if_responds))
    if if_not:
        texts.append(_("without a conversion %s") % _step(book, if_not))
    return "; ".join(texts)


def what_is_kept(book: Rulebook, worth: Worth, action: int) -> tuple[str, int | None]:
    """The campaign that an action's slot cost is of, and in how many days it is due."""
    if worth.kept is None or worth.kept.kept_for[0, action] == NOTHING:
        return "", None
    campaign = book.campaign_of[worth.kept.kept_for[0, action]]
    return book.campaigns[campaign].name, int(worth.kept.kept_days[0, action])


def slot_words(campaign: str, days: int | None) -> str:
    if days is None:
        return ""
    text = ngettext(
        "kept for “%(campaign)s” tomorrow", "kept for “%(campaign)s” in %(n)d days", days
    )
    return text % {"campaign": campaign, "n": days}


def _step(book: Rulebook, follow_up: FollowUp) -> str:
    n = follow_up.after_days
    text = ngettext("“%(campaign)s” after %(n)d day", "“%(campaign)s” after %(n)d days", n)
    return text % {"campaign": book.campaigns[follow_up.target].name, "n": n}
