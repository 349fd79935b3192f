"""The weekly attempt to split micro-segments: contacts, one look for each leaf, and the log."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, timedelta

import numpy as np
from django.db import connection, transaction
from django.utils.translation import gettext as _
from psycopg import sql

from journeys.errors import StaleState
from journeys.evidence import IS_EVIDENCE
from journeys.learning.outcome_changes import OUTCOMES_AS_OF
from journeys.models import SplitAttempt, SplitProof, SplitSearchState, UpliftScaling
from optiengine.lib.columns import read_columns
from segments.models import MicroSegment, SegmentSplit, StateBuild
from segments.state.numerics.split_scores import Cuts, SplitContacts, SplitSums, stratify
from segments.state.numerics.splits import WEEKS, Look, SplitSearch
from segments.state.split_segment import ancestors, split_segment

Result = SplitAttempt.Result

EVERY_DAYS = 7
HISTORY_DAYS = 180  # before a segment's first look, of contacts that it takes in
FEWEST_CONTACTS = 100  # new ones for a look; fewer wait for the next week's
MOST_CONTACTS = 50_000  # of one segment in a look, by a hash: some 100 MB at work

MEASURED = "split_contacts"  # temporary, of this transaction
COLLECT = """
CREATE TEMPORARY TABLE {measured} ON COMMIT DROP AS
SELECT s.micro_segment_id, o.measured_on, k.action_id, NOT k.is_control AS treated,
       k.control_share, o.value_cents, k.customer_id, k.as_of
FROM {outcomes} o
JOIN journeys_contact k ON k.id = o.contact_id AND k.as_of = o.as_of
JOIN segments_customerstate s ON s.customer_id = k.customer_id AND s.as_of = k.as_of
JOIN segments_statebuild b ON b.as_of = s.as_of
WHERE o.measured_on > {since} AND o.measured_on <= {until} AND b.feature_set_id = {feature_set}
  AND k.control_share > 0 AND k.control_share < 1 AND {is_evidence}
"""
CONTACTS = """
SELECT m.action_id, m.treated, m.control_share, m.value_cents, s.features
FROM {measured} m
JOIN segments_customerstate s ON s.customer_id = m.customer_id AND s.as_of = m.as_of
WHERE m.micro_segment_id = ANY({leaves}) AND m.measured_on > {since}
ORDER BY hashint8extended(m.customer_id, m.as_of - date '2000-01-01'), m.action_id LIMIT {most}
"""
COLUMNS = ["action_id", "treated", "control_share", "value_cents", "features"]


@dataclass
class Tried:
    """What one week's attempts came to."""

    attempts: list[SplitAttempt] = field(default_factory=list)
    splits: list[SegmentSplit] = field(default_factory=list)

    def count(self, result: str) -> int:
        return sum(attempt.result == result for attempt in self.attempts)


def is_due(as_of: date) -> bool:
    """Whether a week has gone by since the last attempts."""
    last = SplitAttempt.objects.filter(as_of__lte=as_of).order_by("as_of").last()
    return last is None or (as_of - last.as_of).days >= EVERY_DAYS


@transaction.atomic
def split_segments(as_of: date, *, tell: Callable[[str], object] | None = None) -> Tried:
    """Try to split every leaf that is not frozen, once; log each attempt; follow earlier splits up.

    A leaf that was looked at within the week before is skipped, so a repeated call, or one on
    an earlier day, does nothing. Splits hold for the states of the next day on. Raises StaleState
    without the day's states. tell : called with each leaf's name.
    """
    state = StateBuild.objects.select_related("feature_set").filter(as_of=as_of).first()
    if state is None:
        raise StaleState(_("There is no customer data for %s yet.") % as_of)
    with connection.cursor() as cursor:  # two at once would spend a look twice
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('journeys.split_segments'))")
    contacts = _Measured(state)
    _follow_up(contacts)
    tried = Tried()
    recent = SplitAttempt.objects.filter(as_of__gt=as_of - timedelta(days=EVERY_DAYS))
    leaves = MicroSegment.objects.filter(retired_on=None, is_frozen=False)
    for leaf in leaves.exclude(pk__in=recent.values("micro_segment")).order_by("pk"):
        if tell:
            tell(str(leaf))
        attempt, split = _attempt(leaf, contacts)
        tried.attempts.append(attempt)
        tried.splits += [split] if split else []
    return tried


class _Measured:
    """Contacts with a measured outcome up to a day: collected once, read by segment."""

    def __init__(self, state: StateBuild) -> None:
        self.as_of = state.as_of
        self.feature_names: list[str] = state.feature_set.names
        scaling = UpliftScaling.objects.filter(feature_set=state.feature_set).first()
        self.limit = (scaling.winsor_cents if scaling else None) or np.inf
        self.first = self.as_of - timedelta(days=HISTORY_DAYS)
        with connection.cursor() as cursor:
            cursor.execute(f"DROP TABLE IF EXISTS {MEASURED}")
            cursor.execute(
                sql.SQL(COLLECT).format(
                    measured=sql.Identifier(MEASURED),
                    outcomes=sql.SQL(OUTCOMES_AS_OF).format(as_of=sql.Literal(self.as_of)),
                    is_evidence=sql.SQL(IS_EVIDENCE).format(as_of=sql.Literal(self.as_of)),
                    since=sql.Literal(self._since()),
                    until=sql.Literal(self.as_of),
                    feature_set=sql.Literal(state.feature_set_id),
                )
            )
            cursor.execute(f"CREATE INDEX ON {MEASURED} (micro_segment_id)")
            cursor.execute(f"ANALYZE {MEASURED}")

    def _since(self) -> date:
        """From which day on outcomes are collected: the oldest that any leaf still waits for."""
        leaves = MicroSegment.objects.filter(retired_on=None, is_frozen=False)
        searches = SplitSearchState.objects.filter(micro_segment__in=leaves)
        if leaves.exclude(pk__in=searches.values("micro_segment")).exists():
            return self.first
        days = [*searches.values_list("through", flat=True)]
        days += SplitProof.objects.filter(split__ended_on=None).values_list("through", flat=True)
        return max(min(days, default=self.as_of), self.first)

    def unseen_since(self, leaf: MicroSegment) -> date:
        """The last day whose outcomes a leaf without a search has no use for.

        What an undone split was found with must not prove it again.
        """
        last = SegmentSplit.objects.filter(parent=leaf).order_by("made_on").last()
        return max(self.first, last.made_on) if last else self.first

    def of(self, leaves: list[int], names: list[str], since: date) -> SplitContacts:
        """The contacts of some segments measured after a day, MOST_CONTACTS at most.

        names : of the features, in order; one that is no longer computed is unknown.
        """
        rows = read_columns(
            sql.SQL(CONTACTS).format(
                measured=sql.Identifier(MEASURED),
                leaves=sql.Literal(leaves),
                since=sql.Literal(since),
                most=sql.Literal(MOST_CONTACTS),
            ),
            COLUMNS,
        )
        n = len(rows["treated"])
        all_features = rows["features"].reshape(n, len(self.feature_names))
        features = np.full((n, len(names)), np.nan)
        for column, name in enumerate(names):
            if name in self.feature_names and n:
                features[:, column] = all_features[:, self.feature_names.index(name)]
        return SplitContacts(
            features,
            rows["action_id"],
            rows["treated"],
            rows["control_share"],
            np.clip(rows["value_cents"], -self.limit, self.limit),
        )


def _attempt(leaf: MicroSegment, measured: _Measured) -> tuple[SplitAttempt, SegmentSplit | None]:
    """One look at one leaf, if enough contacts are new, and what follows from it."""
    as_of = measured.as_of
    row = SplitSearchState.objects.filter(micro_segment=leaf).first()
    week = (as_of - row.started_on).days // EVERY_DAYS + 1 if row else WEEKS + 1
    search = None
    if row and week <= WEEKS:
        search, names = SplitSearch.from_bytes(bytes(row.state)), row.feature_names
    else:  # a new year: cuts, level and contacts are new
        week, names = 1, measured.feature_names
    contacts = measured.of([leaf.pk], names, row.through if row else measured.unseen_since(leaf))
    attempt = SplitAttempt(as_of=as_of, micro_segment=leaf, n_contacts=len(contacts))
    if len(contacts) < FEWEST_CONTACTS and week < WEEKS:
        attempt.result = Result.WAITING
        attempt.save()
        return attempt, None
    if search is None:
        search = SplitSearch.start(contacts)
        row = row or SplitSearchState(micro_segment=leaf)
        row.started_on, row.feature_names = as_of, names
    search, look = search.look(contacts, week=week, seed=leaf.pk)
    _log(attempt, look, search, names)
    assert row is not None
    if look.is_found:
        if row.pk:
            row.delete()
        split = split_segment(
            leaf, feature=attempt.feature, threshold=attempt.threshold or 0.0, on=as_of
        )
        _keep_proof(split, attempt, search, look)
        return attempt, split
    row.state, row.through = search.to_bytes(), as_of
    row.save()
    return attempt, None


def _log(attempt: SplitAttempt, look: Look, search: SplitSearch, names: list[str]) -> None:
    attempt.result = Result.SPLIT if look.is_found else Result.NOTHING
    attempt.week, attempt.n_cuts, attempt.level_spent = look.week, look.n_cuts, look.spent
    if look.best >= 0:
        attempt.statistic, attempt.critical = look.statistic, look.critical
        attempt.feature = names[search.cuts.feature[look.best]]
        attempt.threshold = float(search.cuts.threshold[look.best])
    attempt.save()


def _keep_proof(
    split: SegmentSplit, attempt: SplitAttempt, search: SplitSearch, look: Look
) -> SplitProof:
    sums = search.sums
    nothing = [0.0] * len(search.actions)
    return SplitProof.objects.create(
        split=split,
        attempt=attempt,
        actions=search.actions.tolist(),
        found_score=sums.score[:, look.best].tolist(),
        found_variance=sums.variance[:, look.best].tolist(),
        found_information=sums.information[:, look.best].tolist(),
        later_score=nothing,
        later_variance=nothing,
        later_information=nothing,
        through=attempt.as_of,
    )


def _follow_up(measured: _Measured) -> None:
    """Add to each split what was measured since, of contacts made after it: an honest estimate.

    They are those of its children, and of theirs, for nobody was in a child before.
    """
    below: dict[int, list[int]] = {}
    for child, parent in ancestors().items():
        below.setdefault(parent, []).append(child)
    for proof in SplitProof.objects.filter(split__ended_on=None).select_related("split"):
        leaves = [proof.split.below_id, proof.split.above_id]
        for pk in leaves:  # grows as it goes: the whole tree under the split
            leaves += below.get(pk, [])
        contacts = measured.of(leaves, [proof.split.feature], proof.through)
        cut = Cuts(np.array([0]), np.array([proof.split.threshold]))
        sums = SplitSums.of(stratify(cut, contacts), np.array(proof.actions), len(cut))
        proof.later_score = (sums.score[:, 0] + proof.later_score).tolist()
        proof.later_variance = (sums.variance[:, 0] + proof.later_variance).tolist()
        proof.later_information = (sums.information[:, 0] + proof.later_information).tolist()
        proof.n_later += int(sums.arms.sum())
        proof.through = measured.as_of
        proof.save()
