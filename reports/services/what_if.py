"""What changed rules would have been worth, from decisions made under the present ones.

**What is valued.** One step: for every logged decision, the chance of each message under the
changed rules in place of the present ones, for the customer as they were on that day, with the
contacts they had had by then. Those earlier contacts stay the logged ones, and so does what came
after: that a stricter cap leaves room for a later contact, or that a new one fills it, is not
counted. Budgets and volumes are what each block of customers found left in the log, at the prices
of the day. Control groups stay as they are; a withheld message counts as nothing sent, although it
holds the customer's slot as a sent one does.

**What can be valued.** What the log could have done. A message that was never possible, such as
one beyond a cap that is to be loosened, has left no trace, and the answer says so.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
from django.utils.translation import gettext as _

from campaigns.models import Goal
from campaigns.numerics.rule_changes import Change
from campaigns.numerics.rulebook import Rulebook
from journeys.errors import OtherDecisionVersion
from journeys.models import DecisionRun
from optiengine.lib.figures import percent
from reports.errors import ReportError
from reports.numerics.change_value import ChangeEvidence, ChangeValue, Overlap
from reports.numerics.intervals import Interval
from reports.numerics.off_policy import MIN_EFFECTIVE
from reports.services.decision_log import DecisionLog, DecisionReward
from segments.models import Organisation

DEFAULT_DAYS = 28  # of decisions that are valued by default
MAX_LOST = 0.01  # of the decisions may fail to come out again as they were stored


ESTIMATES = ("present", "ips", "snips", "doubly_robust")


@dataclass(frozen=True)
class Answer:
    """The value of a change, or why it cannot be computed."""

    since: date  # of the first run valued
    until: date
    n_runs: int
    window_days: int
    overlap: Overlap
    n_lost: int  # decisions that could not be computed again
    sent_present: float  # messages per decision
    sent_changed: float
    value: ChangeValue | None
    refusal: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Flat, of plain values: None where there is no value."""
        flat = {name: value for name, value in vars(self).items() if name != "value"}
        flat |= {"since": self.since.isoformat(), "until": self.until.isoformat()}
        flat |= asdict(flat.pop("overlap"))
        for name in ESTIMATES:
            interval: Interval | None = getattr(self.value, name) if self.value else None
            for end, part in (("", "estimate"), ("_low", "low"), ("_high", "high")):
                flat[f"{name}{end}"] = getattr(interval, part) if interval else None
        return flat


def what_if(
    changes: Sequence[Change],
    *,
    as_of: date,
    since: date | None = None,
    until: date | None = None,
    goal: Goal | None = None,
    window_days: int = 14,
    progress: Callable[[int, int], None] = lambda done, of: None,
) -> Answer:
    """Value changes from the decisions of a period whose windows have closed by as_of.

    goal : what a decision earns; None is the main goal over window_days. progress : called with
    runs done and to do, once for each batch of customers. Raises ReportError where there is nothing
    to value, or the change concerns no rule of the period.
    """
    reward = DecisionReward.of(goal) if goal else DecisionReward(window_days)
    until = until or as_of
    runs = closed_runs(
        since or until - timedelta(days=DEFAULT_DAYS - 1), until, as_of=as_of, reward=reward
    )
    _check_concerned(runs, changes)
    log = DecisionLog(runs, reward, changes, as_of)
    batches = log.batches()
    steps = _Steps(len(runs) * len(batches), progress)
    evidence: ChangeEvidence | None = None
    for first_id, last_id in batches:
        decisions = log.decisions(first_id, last_id, steps)
        part = ChangeEvidence.of(decisions, np.arange(first_id, last_id + 1))
        if part is not None:
            evidence = part if evidence is None else evidence + part
    if evidence is None:
        raise ReportError(_("None of the decisions in this period can be recomputed."))
    overlap = evidence.overlap()
    refusal = _refusal(log, overlap)
    present, after = evidence.sent / overlap.n
    return Answer(
        since=runs[0].as_of,
        until=runs[-1].as_of,
        n_runs=len(runs),
        window_days=reward.window_days,
        overlap=overlap,
        n_lost=log.n_lost,
        sent_present=float(present),
        sent_changed=float(after),
        value=None if refusal else evidence.value(),
        refusal=refusal,
    )


def closed_runs(
    since: date, until: date, *, as_of: date, reward: DecisionReward
) -> list[DecisionRun]:
    """The finished runs of a period whose rewards are known, oldest first. Raises ReportError.

    Those that other numerics decided are left out: their probabilities cannot be computed here.
    """
    done = DecisionRun.objects.daily().filter(
        as_of__range=(since, until), status=DecisionRun.Status.DONE
    )
    finished = list(done.select_related("state").order_by("as_of"))
    zone = Organisation.current().time_zone
    runs = [run for run in finished if reward.closed_on(run, zone) <= as_of]
    if not runs:
        raise ReportError(
            _(
                "There is no finished run from %(since)s to %(until)s whose window of "
                "%(days)d days had closed by %(as_of)s."
            )
            % {"since": since, "until": until, "days": reward.window_days, "as_of": as_of}
        )
    of_this_version = [run for run in runs if run.is_of_this_version]
    if not of_this_version:
        raise ReportError(str(OtherDecisionVersion(runs[-1].decision_version)))
    runs = of_this_version
    for run in runs:
        if run.state.feature_set_id != runs[-1].state.feature_set_id:  # type: ignore[union-attr]
            text = _("The features changed after %s. Choose a period before or after that day.")
            raise ReportError(text % run.as_of)
    return runs


def _check_concerned(runs: list[DecisionRun], changes: Sequence[Change]) -> None:
    """Each change must alter a rule of some day, or it was meant otherwise."""
    if not changes:
        raise ReportError(_("Specify at least one change."))
    books = [Rulebook.from_json(run.rulebook) for run in runs]
    for change in changes:
        if all(change.apply(book) == book for book in books):
            raise ReportError(
                _(
                    "%s: this changes nothing. The rule was already so or did not exist in "
                    "the period."
                )
                % change
            )


def _refusal(log: DecisionLog, overlap: Overlap) -> str:
    if log.n_lost > MAX_LOST * (overlap.n + log.n_lost):
        return _(
            "%(n)d decisions (%(share)s of the log) cannot be reproduced because their "
            "customer data or messages are no longer stored."
        ) % {"n": log.n_lost, "share": percent(log.n_lost / (overlap.n + log.n_lost))}
    if log.changes_additions:
        return _(
            "The change affects campaigns sent alongside the day's campaign. Only "
            "messages that take the slot can be valued."
        )
    if overlap.lacks_support:
        return _(
            "%s of the decisions that would change were never possible in the log, so "
            "their effect cannot be estimated."
        ) % percent(overlap.unsupported_share)
    if overlap.lacks_evidence:
        return _(
            "The log holds the equivalent of %(n)d customers for this change; %(needed)d "
            "are needed. Choose a longer period or a smaller change."
        ) % {"n": int(overlap.effective_n), "needed": int(MIN_EFFECTIVE)}
    return ""


class _Steps:
    """Counts what is done of what is to do, and tells."""

    def __init__(self, n_steps: int, tell: Callable[[int, int], None]) -> None:
        self.n_done, self.n_steps, self.tell = 0, n_steps, tell

    def __call__(self) -> None:
        self.n_done += 1
        self.tell(self.n_done, self.n_steps)
