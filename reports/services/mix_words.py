"""The state of a mix in a sentence, and in short for a list."""

from collections.abc import Sequence

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from campaigns.numerics.rulebook_entries import EvidenceCounts
from optiengine.lib.figures import number, percent
from reports.numerics.mix import State
from reports.services.mix_row import ActionShare

NEEDED = (
    gettext_lazy("%(n)s of %(least)s messages (%(action)s)"),
    gettext_lazy("%(n)s of %(least)s conversions (%(action)s)"),
    gettext_lazy("%(n)s of %(least)s control customers (%(action)s)"),
    gettext_lazy("%(n)s of %(least)s control conversions (%(action)s)"),
)
LABELS = {
    State.SINGLE: gettext_lazy("one action"),
    State.FIXED: gettext_lazy("fixed"),
    State.NO_CONTROL: gettext_lazy("no control group"),
    State.TEST: gettext_lazy("A/B test"),
    State.BORROWING: gettext_lazy("guided by other micro-segments"),
    State.SHIFTING: gettext_lazy("shifting"),
    State.NO_DIFFERENCE: gettext_lazy("no difference proven"),
    State.SETTLED: gettext_lazy("settled"),
}


def sentence(
    state: State,
    actions: Sequence[ActionShare],
    minimum: EvidenceCounts,
    *,
    is_proven: bool,
    fixed: str = "",
) -> str:
    """What a marketer reads. actions : those that are active, the leading one first."""
    words = {
        "shares": shares(actions),
        "leader": actions[0].name if actions else "",
        "missing": ", ".join(missing(actions, minimum)),
        "n": number(sum(action.counts[0] for action in actions)),
        "fixed": fixed,
    }
    return str(_text(state, is_proven) % words)


def _text(state: State, is_proven: bool) -> str:
    match state:
        case State.SINGLE:
            return _("The campaign has only one action.")
        case State.FIXED:
            return _("Fixed to %(fixed)s. Nothing is compared until the mix is learned again.")
        case State.NO_CONTROL:
            return _("There is no control group, so nothing can be learned and the mix stays even.")
        case State.TEST:
            return _("Running as an A/B test: %(missing)s.")
        case State.BORROWING:
            return _(
                "Shifting on evidence from other micro-segments: %(shares)s. Own "
                "evidence: %(missing)s."
            )
        case State.NO_DIFFERENCE:
            return _("No difference proven after %(n)s messages: %(shares)s.")
        case State.SETTLED:
            return _("Settled: %(shares)s. %(leader)s is proven better.")
    if is_proven:
        return _("Shifting: %(shares)s. On average %(leader)s is proven better.")
    return _("Shifting: %(shares)s.")


def in_short(
    state: State, actions: Sequence[ActionShare], minimum: EvidenceCounts, *, fixed: str = ""
) -> str:
    """A few words for a column."""
    label = str(LABELS[state])
    if state is State.TEST:
        return f"{label}, {_furthest(actions, minimum)}"
    if state is State.FIXED:
        return f"{label}: {fixed}"
    if state in (State.SHIFTING, State.BORROWING, State.SETTLED):
        return f"{label}: {actions[0].name} {percent(actions[0].share, 0)}"
    return label


def shares(actions: Sequence[ActionShare]) -> str:
    return ", ".join(f"{action.name} {percent(action.share, 0)}" for action in actions)


def missing(actions: Sequence[ActionShare], minimum: EvidenceCounts) -> list[str]:
    """What is short of the minimum, each by the action that has the least of it."""
    sentences: list[str] = []
    for index, least in enumerate(minimum if actions else ()):
        action = min(actions, key=lambda action: action.counts[index])
        if action.counts[index] < least:
            words = {
                "n": number(int(action.counts[index])),
                "least": number(least),
                "action": action.name,
            }
            sentences.append(str(NEEDED[index]) % words)
    return sentences


def _furthest(actions: Sequence[ActionShare], minimum: EvidenceCounts) -> str:
    """The count that is furthest from its minimum: 9 of 15."""
    pairs = [
        (min(action.counts[index] for action in actions), least)
        for index, least in enumerate(minimum)
        if least
    ]
    n, least = min(pairs, key=lambda pair: pair[0] / pair[1])
    return _("%(n)s of %(least)s") % {"n": number(int(n)), "least": number(least)}
