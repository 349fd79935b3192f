"""Why a customer got what they got: a decision computed again, with everything it was made of."""

from collections import Counter
from dataclasses import dataclass, field, replace

import numpy as np
from django.utils.translation import gettext as _

from campaigns.models import Arm
from campaigns.numerics.verdicts import Verdict
from campaigns.services.describe_verdict import VerdictWords
from journeys.decisions.numerics.arbitration import HELD, NONE, choice_draw, control_draw
from journeys.decisions.run_inputs import RunInputs, pinned_inputs
from journeys.decisions.save_decisions import DecidedBatch
from journeys.explain.describe_worth import slot_words, what_is_kept, what_opens
from journeys.explain.replay_run import recompute, recompute_live, stored_facts
from journeys.models import Decision, DecisionChunk, DecisionRun, LiveDecision
from optiengine.lib.figures import money, percent
from segments.models import Organisation
from segments.state.features import feature_labels
from segments.state.load_batch import CustomerBatch, load_batch


@dataclass(frozen=True)
class Option:
    """An action of the run's rulebook, or none. Money in cents; None where nothing is known."""

    campaign: str
    action: str
    channel: str
    campaign_id: int | None  # None is the option to send nothing
    rank: int | None
    in_addition: bool
    verdict: str  # in words
    is_possible: bool
    is_outranked: bool = False
    now_cents: float | None = None  # uplift within the window, before the cost
    cost_cents: float | None = None
    later_cents: float | None = None
    slot_cents: float | None = None
    price_cents: float | None = None  # of the budgets and volumes it uses
    total_cents: float | None = None
    sd_cents: float | None = None
    response_prob: float | None = None
    prob: float | None = None  # P(chosen); None: it took no part in the choice
    is_chosen: bool = False
    opens: str = ""  # what the value later comes from, in words
    kept_for: str = ""  # the campaign that the slot cost is of
    kept_days: int | None = None  # until it is due
    has_evidence: bool = True  # enough for shares inside its campaign to differ

    @property
    def slot_words(self) -> str:
        """What its slot would be kept for, and when."""
        return slot_words(self.kept_for, self.kept_days)

    @property
    def is_none(self) -> bool:
        return self.campaign_id is None


@dataclass(frozen=True)
class Explanation:
    """A decision with all its options, the chosen one first among equals in the list's order."""

    decision: Decision
    options: list[Option]  # what was possible by probability, then what was not
    summary: str
    features: list[tuple[str, float]] = field(default_factory=list)  # label, value; NaN unknown
    is_recomputed: bool = False  # False: the day's state is no longer kept
    agrees: bool = True  # what was computed again is what was stored
    choice_draw: float | None = None
    control_draw: float | None = None
    control_share: float | None = None
    live: LiveDecision | None = None  # of a decision in real time: what asked for it, and when

    @property
    def chosen(self) -> Option:
        return next(option for option in self.options if option.is_chosen)


def explain_decision(decision: Decision) -> Explanation:
    """Everything that decided, from what the run pinned and what was stored.

    As in a replay, facts that may have changed since (consent, address, target group) are taken
    from the stored verdicts; values, probabilities and draws are computed again.
    """
    inputs = pinned_inputs(decision.run_id)
    live = None
    if inputs.run.kind == DecisionRun.Kind.LIVE:
        live = LiveDecision.objects.get(decision_id=decision.pk, as_of=decision.as_of)
    again, batch, seed = _again(inputs, decision, live)
    options = _options(inputs, decision, again)
    explanation = Explanation(
        decision=decision,
        options=options,
        summary=_summary(decision, options),
        is_recomputed=again is not None,
        live=live,
    )
    if again is None:
        return explanation
    ids = batch.customer_ids
    draws: dict[str, float | None] = {}
    if decision.layer != HELD:
        drawn = choice_draw(ids, seed, decision.layer, decision.campaign_id or 0)
        draws["choice_draw"] = float(drawn[0])
    if decision.campaign_id:
        draws["control_draw"] = float(control_draw(ids, seed, decision.campaign_id)[0])
        shares = {campaign.id: campaign.control_share for campaign in inputs.book.campaigns}
        draws["control_share"] = shares[decision.campaign_id]
    return replace(
        explanation,
        features=list(
            zip(feature_labels(batch.feature_names), batch.features[0].tolist(), strict=True)
        ),
        agrees=_agrees(inputs, decision, again),
        **draws,  # type: ignore[arg-type]
    )


def _again(
    inputs: RunInputs, decision: Decision, live: LiveDecision | None
) -> tuple[DecidedBatch | None, CustomerBatch, int]:
    """The customer decided again, None when that day's state is gone; and the seed of the draws."""
    if live is not None:
        again = recompute_live(inputs, decision, live)
        return again, again.batch, live.seed
    seed = inputs.run.seed
    chunk = DecisionChunk.objects.filter(
        run=inputs.run,
        done=True,
        first_id__lte=decision.customer_id,
        last_id__gte=decision.customer_id,
    ).first()
    assert inputs.run.state is not None
    batch = load_batch(inputs.run.state, decision.customer_id, decision.customer_id)
    if chunk is None or not len(batch):
        return None, batch, seed
    return recompute(inputs, chunk, batch, [decision], alone=True), batch, seed


def _agrees(inputs: RunInputs, decision: Decision, again: DecidedBatch) -> bool:
    chosen = int(again.choice.action[0])
    action_id = None if chosen == NONE else int(inputs.book.action_ids[chosen])
    return (
        action_id == decision.action_id
        and again.choice.assignment_prob[0] == decision.assignment_prob
        and bool(again.choice.is_control[0]) == decision.is_control
    )


def _options(inputs: RunInputs, decision: Decision, again: DecidedBatch | None) -> list[Option]:
    words = VerdictWords(inputs.book)
    found = [_option(inputs, decision, again, words, i) for i in range(len(inputs.book.actions))]
    none_prob = None if again is None else float(again.choice.option_probs[0, 0])
    took_part = none_prob is None or none_prob > 0 or decision.campaign_id is None
    nothing = Option(
        campaign=_("Nothing"),
        action=_("the slot is kept"),
        channel="",
        campaign_id=None,
        rank=None,
        in_addition=False,
        verdict=_("Always possible.")
        if took_part
        else _("Only where ranks leave the choice open."),
        is_possible=took_part,
        total_cents=0.0,
        sd_cents=0.0,
        prob=none_prob if took_part else None,
        is_chosen=decision.campaign_id is None,
    )
    return sorted(
        [nothing, *found], key=lambda o: (not o.is_possible, -(o.prob or 0), not o.is_chosen)
    )


def _option(
    inputs: RunInputs,
    decision: Decision,
    again: DecidedBatch | None,
    words: VerdictWords,
    index: int,
) -> Option:
    action = inputs.book.actions[index]
    campaign = inputs.book.campaigns[action.campaign]
    code = decision.verdicts[index]
    option = Option(
        campaign=campaign.name,
        action=action.name,
        channel=action.channel,
        campaign_id=campaign.id,
        rank=campaign.rank,
        in_addition=campaign.in_addition,
        verdict=words(index, code),
        is_possible=code == Verdict.ALLOWED,
        is_outranked=code == Verdict.OUTRANKED,
        cost_cents=action.cost_cents,
        is_chosen=action.id == decision.action_id,
        has_evidence=bool(inputs.evidence_ok[index]),
    )
    if again is None:
        return option
    worth, choice = again.worth, again.choice
    facts = stored_facts(np.array([decision.verdicts], dtype=np.int16))
    kept_for, kept_days = what_is_kept(inputs.book, worth, index)
    probs = choice.addition_probs[0] if campaign.in_addition else choice.option_probs[0, 1:]
    return replace(
        option,
        now_cents=float(worth.now[0, index]) + action.cost_cents,
        later_cents=float(worth.later[0, index]),
        slot_cents=float(worth.slot[0, index]),
        opens=what_opens(inputs.book, worth, facts, index),
        kept_for=kept_for,
        kept_days=kept_days,
        price_cents=float(np.broadcast_to(worth.price, len(inputs.book.actions))[index]),
        total_cents=float(worth.total[0, index]),
        sd_cents=float(worth.sd[0, index]),
        response_prob=float(worth.response_prob[0, index]),
        prob=float(probs[index]) if option.is_possible else None,
    )


def _summary(decision: Decision, options: list[Option]) -> str:
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


def _money_of(chosen: Option, options: list[Option]) -> dict[str, str]:
    currency = Organisation.current().currency
    best = _best(options)
    return {
        "total": money(chosen.total_cents, currency),
        "best": f"“{best.campaign}” ({best.action})" if not best.is_none else _("nothing"),
        "best_total": money(best.total_cents, currency),
        "cause": _commonest_obstacle(options),
    }


def _best(options: list[Option], *, before_slot: bool = False) -> Option:
    """What promised most; `before_slot`: had the slot not been worth anything else."""
    contest = [o for o in options if o.is_possible and not o.in_addition] or options

    def worth(option: Option) -> float:
        slot = option.slot_cents if before_slot else 0.0
        return (option.total_cents or 0.0) + (slot or 0.0)

    return max(contest, key=lambda o: (worth(o), o.is_chosen))


def _commonest_obstacle(options: list[Option]) -> str:
    causes = Counter(o.verdict for o in options if not o.is_possible and not o.is_none)
    return causes.most_common(1)[0][0] if causes else _("There was no active campaign.")


def _reason(decision: Decision, chosen: Option, options: list[Option]) -> str:
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
