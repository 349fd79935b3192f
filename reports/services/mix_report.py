"""How far the mix of a campaign's actions has come: in each micro-segment, and in all together."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

import numpy as np
from django.utils.translation import gettext as _

from campaigns.models import Action, Campaign
from campaigns.numerics.rulebook_entries import EvidenceCounts
from campaigns.services.minimum_evidence import MinimumEvidences
from journeys.learning.average_values import AverageValues, average_values
from journeys.models import UpliftModelVersion
from reports.numerics.intervals import UNKNOWN
from reports.numerics.mix import PairSums, State, lead_p_value, mix_state, prob_best, proven
from reports.services import mix_sums, mix_words
from reports.services.mix_row import ActionShare, MixRow
from segments.models import MicroSegment, Organisation

Pairs = dict[tuple[int, int], PairSums]  # by the ids of the two actions

NOTHING = (0.0, 0.0, 0.0, 0.0)


@dataclass(frozen=True)
class MixReport:
    """The mix of one campaign as known on a day."""

    campaign: Campaign
    as_of: date | None  # of the newest model; None before any
    minimum: EvidenceCounts
    total: MixRow
    rows: list[MixRow]  # of micro-segments, the one with the most contacts first


@dataclass(frozen=True)
class _Seen:
    """What the ledger says of a campaign's mix in one place."""

    actions: list[ActionShare]  # active, the largest share first
    lead: list[PairSums]  # of the first action against each other, in their order
    costs: list[float]  # of the first action less each other's, in cents

    @property
    def p_value(self) -> float:
        pairs = zip(self.lead, self.costs, strict=True)
        return lead_p_value([sums.p_value(advantage_cents=cost) for sums, cost in pairs])

    def evidence(self, minimum: EvidenceCounts) -> float:
        """What the least known action has, as a multiple of the minimum."""
        return min(
            count / least if least else math.inf
            for action in self.actions
            for count, least in zip(action.counts, minimum, strict=True)
        )


def mix_report(campaign: Campaign, *, as_of: date | None = None) -> MixReport:
    """The state of a campaign's mix after what had been learned by a day, the newest by default.

    Overall evidence, which decides whether the mix may move, is what the model was fitted on: it
    counts per action over all micro-segments. A micro-segment's own state needs its own evidence.
    """
    model = newest_model(as_of)
    actions = [action for action in campaign.actions.all() if action.is_active]
    minimum = MinimumEvidences().of(campaign.pk)
    total, seen = _seen(campaign, actions, model)
    if model and len(actions) > 1:
        values = average_values(model, campaign.pk, actions)
        seen = {
            s: _with_values(segment_mix, values.get(s), actions) for s, segment_mix in seen.items()
        }
        total = _with_values(total, _overall(values, seen), actions)
    overall = total.evidence(minimum) if actions else 0.0
    own_evidence_of = {
        segment: segment_mix.evidence(minimum) for segment, segment_mix in seen.items()
    }
    # A lead that has not even the minimum of its own takes no part, and costs others nothing.
    tested = [segment for segment in seen if own_evidence_of[segment] >= 1]
    is_proven = proven(
        total.p_value if overall >= 1 else 1.0, [seen[segment].p_value for segment in tested]
    )
    proven_in = dict(zip(tested, is_proven[1:], strict=True))
    names = {segment.pk: str(segment) for segment in MicroSegment.objects.filter(pk__in=seen)}

    def row(segment: int | None, segment_mix: _Seen, own_evidence: float, proved: bool) -> MixRow:
        return _row(
            campaign,
            segment_mix,
            minimum,
            segment=segment,
            name=names[segment] if segment else _("All customers"),
            own_evidence=own_evidence,
            overall_evidence=overall,
            is_proven=proved,
        )

    rows = [
        row(s, segment_mix, own_evidence_of[s], proven_in.get(s, False))
        for s, segment_mix in seen.items()
    ]
    return MixReport(
        campaign=campaign,
        as_of=model.as_of if model else None,
        minimum=minimum,
        total=row(None, total, overall, is_proven[0]),
        rows=sorted(rows, key=lambda r: (-sum(a.counts[0] for a in r.actions), r.name)),
    )


def mixes_in_short(campaigns: Sequence[Campaign]) -> dict[int, str]:
    """A few words on each campaign's mix, for a list: by id. Actions should be prefetched."""
    model = newest_model(with_payload=False)
    minimum = MinimumEvidences()
    active = {c.pk: [a for a in c.actions.all() if a.is_active] for c in campaigns}
    mixed = [pk for pk, actions in active.items() if len(actions) > 1]
    half_life = Organisation.current().half_life_days
    shares, pairs = _sums(mixed, model, half_life=half_life, totals_only=True)
    short = {}
    for campaign in campaigns:
        key = (campaign.pk, None)
        actions = active[campaign.pk]
        seen = _one(actions, _overall_counts(actions, model), shares.get(key), pairs.get(key))
        least = minimum.of(campaign.pk)
        evidence = seen.evidence(least) if actions else 0.0
        short[campaign.pk] = _row(
            campaign,
            seen,
            least,
            own_evidence=evidence,
            overall_evidence=evidence,
            is_proven=evidence >= 1 and proven(seen.p_value, [])[0],
        ).in_short
    return short


def newest_model(
    as_of: date | None = None, *, with_payload: bool = True
) -> UpliftModelVersion | None:
    models = UpliftModelVersion.objects.select_related("scaling")
    models = models if with_payload else models.defer("payload")
    models = models.filter(as_of__lte=as_of) if as_of else models
    return models.order_by("-as_of", "-pk").first()


def _sums(
    campaign_ids: Sequence[int],
    model: UpliftModelVersion | None,
    *,
    half_life: int,
    totals_only: bool = False,
) -> tuple[dict[mix_sums.Place, dict[int, float]], dict[mix_sums.Place, Pairs]]:
    if model is None or not campaign_ids:
        return {}, {}
    day = model.as_of
    return (
        mix_sums.expected_contacts(campaign_ids, as_of=day, totals_only=totals_only),
        mix_sums.pairs(campaign_ids, as_of=day, half_life=half_life, totals_only=totals_only),
    )


def _seen(
    campaign: Campaign, actions: list[Action], model: UpliftModelVersion | None
) -> tuple[_Seen, dict[int, _Seen]]:
    """All together, and by micro-segment."""
    key = (campaign.pk, None)
    half_life = Organisation.current().half_life_days
    shares, pairs = _sums([campaign.pk], model, half_life=half_life)
    counts = {}
    if model and actions:
        counts = mix_sums.evidence([campaign.pk], as_of=model.as_of, half_life=half_life)
    overall = _overall_counts(actions, model)
    total = _one(actions, overall, shares.get(key), pairs.get(key))
    segments = {segment for _campaign, segment in [*shares, *counts] if segment}
    return total, {
        s: _one(
            actions,
            counts.get((campaign.pk, s), {}),
            shares.get((campaign.pk, s)),
            pairs.get((campaign.pk, s)),
        )
        for s in segments
    }


def _overall_counts(
    actions: Sequence[Action], model: UpliftModelVersion | None
) -> dict[int, mix_sums.Counts]:
    """What opens the mix: the evidence that the model was fitted on."""
    evidence = model.evidence if model else {}
    return {a.pk: tuple(evidence.get(str(a.pk), NOTHING)) for a in actions}


def _one(
    actions: Sequence[Action],
    counts: Mapping[int, mix_sums.Counts],
    expected: Mapping[int, float] | None,
    pairs: Mapping[tuple[int, int], PairSums] | None,
) -> _Seen:
    expected, pairs = expected or {}, pairs or {}
    whole = sum(expected.get(action.pk, 0.0) for action in actions)
    shares = [
        ActionShare(
            id=action.pk,
            name=action.name,
            share=expected.get(action.pk, 0.0) / whole if whole else math.nan,
            counts=counts.get(action.pk, NOTHING),
        )
        for action in actions
    ]
    if whole:
        shares.sort(key=lambda action: -action.share)
    costs = {action.pk: float(action.cost_cents) for action in actions}
    first = shares[0].id if shares else 0
    others = [share.id for share in shares[1:]]
    return _Seen(
        actions=shares,
        lead=[_against(first, other, pairs) for other in others],
        costs=[costs[first] - costs[other] for other in others],
    )


def _against(first: int, other: int, pairs: Mapping[tuple[int, int], PairSums]) -> PairSums:
    sums = pairs.get((min(first, other), max(first, other)), PairSums())
    return sums if first < other else sums.turned()


def _with_values(
    segment_mix: _Seen, values: AverageValues | None, actions: Sequence[Action]
) -> _Seen:
    if values is None:
        return segment_mix
    best = prob_best(values.mean, values.sd)
    index_of = {action.pk: i for i, action in enumerate(actions)}
    compared = [
        replace(
            action,
            prob_best=float(best[index_of[action.id]]),
            value_cents=float(values.mean[index_of[action.id]]),
        )
        for action in segment_mix.actions
    ]
    return replace(segment_mix, actions=compared)


def _overall(
    values: Mapping[int, AverageValues], seen: Mapping[int, _Seen]
) -> AverageValues | None:
    """Over all micro-segments, each by its test contacts.

    How the posterior's errors of micro-segments go together is not known here, so their s.d. are
    added up as if they all erred alike: rather too little is claimed than too much.
    """
    weights = {s: sum(a.counts[0] for a in seen[s].actions) for s in values if s in seen}
    whole = sum(weights.values())
    if not whole:
        return None
    parts = [(weight / whole, values[segment]) for segment, weight in weights.items()]
    return AverageValues(
        mean=np.sum([share * of_segment.mean for share, of_segment in parts], axis=0),
        sd=np.sum([share * of_segment.sd for share, of_segment in parts], axis=0),
    )


def _row(
    campaign: Campaign,
    seen: _Seen,
    minimum: EvidenceCounts,
    *,
    own_evidence: float,
    overall_evidence: float,
    is_proven: bool,
    segment: int | None = None,
    name: str = "",
) -> MixRow:
    actions = seen.actions
    fixed = campaign.fixed_action.name if campaign.fixed_action else ""
    if fixed:
        state = State.FIXED
    elif len(actions) < 2:
        state = State.SINGLE
    elif overall_evidence < 1 and not campaign.control_share and (minimum[2] or minimum[3]):
        state = State.NO_CONTROL
    else:
        state = mix_state(
            leader_share=actions[0].share,
            is_proven=is_proven,
            own_evidence=own_evidence,
            overall_evidence=overall_evidence,
        )
    return MixRow(
        micro_segment_id=segment,
        name=name,
        state=state,
        label=str(mix_words.LABELS[state]),
        sentence=mix_words.sentence(state, actions, minimum, is_proven=is_proven, fixed=fixed),
        in_short=mix_words.in_short(state, actions, minimum, fixed=fixed),
        actions=actions,
        is_proven=is_proven,
        difference=seen.lead[0].interval(advantage_cents=seen.costs[0]) if seen.lead else UNKNOWN,
    )
