"""Why a customer got what they got: a decision computed again, with everything it was made of.

Where it cannot be computed again, the stored part is shown, with a note that this is all.
"""

from dataclasses import replace
from datetime import datetime

import numpy as np
from django.utils.translation import gettext as _

from campaigns.numerics.rulebook import Rulebook
from campaigns.numerics.verdict_codes import Verdict, facts_of_codes
from campaigns.services.describe_verdict import VerdictWords
from journeys.decisions.numerics.arbitration import HELD, NONE, choice_draw, control_draw
from journeys.decisions.run_inputs import RunInputs, pinned_inputs
from journeys.decisions.save_decisions import DecidedBatch
from journeys.errors import OtherDecisionVersion
from journeys.explain.decision_options import Explanation, Option
from journeys.explain.describe_worth import what_is_kept, what_opens
from journeys.explain.earlier_reservations import earlier_reservations
from journeys.explain.replay_run import recompute, recompute_live
from journeys.explain.summarise_decision import summarise_decision
from journeys.models import Decision, DecisionChunk, DecisionRun, LiveDecision
from segments.models import CustomerState
from segments.state.features import feature_labels
from segments.state.load_batch import CustomerBatch, load_batch


def explain_decision(decision: Decision) -> Explanation:
    """Everything that decided, from what the run pinned and what was stored.

    As in a replay, facts that may have changed since (consent, address, target group) are taken
    from the stored verdicts; values, probabilities and draws are computed again. Where they cannot
    be, or other numerics decided, the verdicts and the parts of what was chosen are what was
    stored, and the rest is left open.
    """
    run = DecisionRun.objects.only("kind", "decision_version").get(pk=decision.run_id)
    live = None
    if run.kind == DecisionRun.Kind.LIVE:
        live = LiveDecision.objects.get(decision_id=decision.pk, as_of=decision.as_of)
    if not run.is_of_this_version:
        reason = _("%(versions)s The stored decision is shown.") % {
            "versions": OtherDecisionVersion(run.decision_version)
        }
        return _as_stored(decision, live, reason)
    inputs = pinned_inputs(decision.run_id)
    again, batch, seed = _again(inputs, decision, live)
    if again is None:
        reason = _(
            "That day's customer data is no longer stored, so values and probabilities "
            "of the other options cannot be recomputed. The stored decision is shown."
        )
        return _as_stored(decision, live, reason)
    options = _options(inputs, decision, again)
    options = _with_notes(options, decision, live, inputs.run.decided_at)
    ids = batch.customer_ids
    draws: dict[str, float | None] = {}
    if decision.layer != HELD:
        drawn = choice_draw(ids, seed, decision.layer, decision.campaign_id or 0)
        draws["choice_draw"] = float(drawn[0])
    if decision.campaign_id:
        draws["control_draw"] = float(control_draw(ids, seed, decision.campaign_id)[0])
        shares = {campaign.id: campaign.control_share for campaign in inputs.book.campaigns}
        draws["control_share"] = shares[decision.campaign_id]
    return Explanation(
        decision=decision,
        options=options,
        summary=summarise_decision(decision, options),
        features=list(
            zip(feature_labels(batch.feature_names), batch.features[0].tolist(), strict=True)
        ),
        agrees=_agrees(inputs, decision, again),
        live=live,
        **draws,  # type: ignore[arg-type]
    )


def _as_stored(decision: Decision, live: LiveDecision | None, reason: str) -> Explanation:
    """What a decision left in the database, with nothing computed."""
    run = DecisionRun.objects.select_related("state__feature_set").get(pk=decision.run_id)
    assert run.state is not None
    book = Rulebook.from_json(run.rulebook)
    words = VerdictWords(book)
    stored = [_stored_option(book, decision, words, i) for i in range(len(book.actions))]
    options = _in_order([_nothing(decision, _stored_none_prob(decision)), *stored])
    options = _with_notes(options, decision, live, run.decided_at)
    states = CustomerState.objects.filter(as_of=run.state.as_of, customer=decision.customer_id)
    values = live.features if live else states.values_list("features", flat=True).first()
    labels = feature_labels(run.state.feature_set.names)
    return Explanation(
        decision=decision,
        options=options,
        summary=summarise_decision(decision, options),
        features=list(zip(labels, values, strict=True)) if values else [],
        not_recomputed=reason,
        live=live,
    )


def _stored_none_prob(decision: Decision) -> float | None:
    """P(nothing), as far as it is known: 0 where ranks or chance left no room for it."""
    if decision.campaign_id is None:
        return decision.assignment_prob
    return None if decision.layer == Decision.Layer.AUTO else 0.0


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


def _options(inputs: RunInputs, decision: Decision, again: DecidedBatch) -> list[Option]:
    words = VerdictWords(inputs.book)
    options = [_option(inputs, decision, again, words, i) for i in range(len(inputs.book.actions))]
    nothing = _nothing(decision, float(again.choice.option_probs[0, 0]))
    return _in_order([replace(nothing, total_cents=0.0, sd_cents=0.0), *options])


def _with_notes(
    options: list[Option], decision: Decision, live: LiveDecision | None, decided_at: datetime
) -> list[Option]:
    """What is said of earlier reservations, with the first option of each campaign they are of."""
    notes = dict(earlier_reservations(decision, live, live.decided_at if live else decided_at))
    return [replace(o, note=notes.pop(o.campaign_id or 0, "")) for o in options]


def _in_order(options: list[Option]) -> list[Option]:
    return sorted(options, key=lambda o: (not o.is_possible, -(o.prob or 0), not o.is_chosen))


def _nothing(decision: Decision, none_prob: float | None) -> Option:
    """Sending nothing. none_prob : None where it is not known."""
    took_part = none_prob is None or none_prob > 0 or decision.campaign_id is None
    return Option(
        campaign=_("Nothing"),
        action=_("no message today"),
        channel="",
        campaign_id=None,
        rank=None,
        in_addition=False,
        verdict=_("Always possible.")
        if took_part
        else _("Only if no campaign with a priority is possible."),
        is_possible=took_part,
        prob=none_prob if took_part else None,
        is_chosen=decision.campaign_id is None,
    )


def _stored_option(book: Rulebook, decision: Decision, words: VerdictWords, index: int) -> Option:
    """An action with its verdict; what was chosen, with its parts and its probability too."""
    action = book.actions[index]
    campaign = book.campaigns[action.campaign]
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
    )
    if not option.is_chosen:
        return option
    return replace(
        option,
        now_cents=decision.value_now_cents,
        cost_cents=decision.cost_cents,
        later_cents=decision.value_later_cents,
        slot_cents=decision.slot_cost_cents,
        price_cents=decision.price_cents,
        response_prob=decision.response_prob,
        prob=decision.assignment_prob,
    )


def _option(
    inputs: RunInputs, decision: Decision, again: DecidedBatch, words: VerdictWords, index: int
) -> Option:
    """An action with all that is computed again of it."""
    option = _stored_option(inputs.book, decision, words, index)
    action = inputs.book.actions[index]
    worth, choice = again.worth, again.choice
    facts = facts_of_codes(np.array([decision.verdicts], dtype=np.int16))
    kept_for, kept_days = what_is_kept(inputs.book, worth, index)
    probs = choice.addition_probs[0] if option.in_addition else choice.option_probs[0, 1:]
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
        has_evidence=bool(inputs.evidence_ok[index]),
    )
