"""Contacts of a randomised experiment as choices with known probabilities.

**What the contact history must carry.** One row per customer and campaign on the day of the
experiment: customer, campaign, action, date, group (test or control), `probability` and
`control_share`.

* `probability` is P(this customer was put in this very group). Stored with the contact is
  `assignment_prob` = probability / P(own group | this action), where P(own group | this action) is
  `control_share` for a control member and 1 - control_share for a test member. So for every
  contact, imported or decided here, P(own group) = assignment_prob x (control_share or its
  complement), which is what this module works with.
* `control_share` is P(control | in this action's experiment): P(control) / (P(control) + P(test)).

Where several actions share one control group, its members have one control row per campaign, so
that each campaign's report has its whole control group. Example: three groups of 1/3, e-mail A,
e-mail B and none. Every row has probability 1/3 and control_share 1/2 (and so assignment_prob
2/3); a member of "none" has two control rows, one for A and one for B.

**What is read.** One choice per customer and day: the action of the test row, or none where there
are only control rows. All control rows of a customer and day speak of the same event, that nothing
was sent, and so must carry the same probability. Decisions of our own engine are not read:
the control share of a decision's campaign is not the probability that nothing at all is sent.
"""

from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
from django.utils.translation import gettext as _
from numpy.typing import NDArray
from psycopg import sql

from campaigns.models import Action
from journeys.evidence import IS_EVIDENCE
from journeys.learning.outcome_changes import OUTCOMES_AS_OF
from optiengine.lib.columns import read_columns
from optiengine.lib.days import day_start
from reports.errors import ReportError
from reports.numerics.off_policy import Log
from segments.event_money import IS_CREDIT_NOTE, IS_MONEY, SIGNED_CENTS
from segments.models import EventKind, Organisation, StateBuild
from segments.same_person import is_of_person

RANDOMISED = f"""
k.source = 'import' AND k.assignment_prob IS NOT NULL
  AND k.control_share > 0 AND k.control_share < 1
  AND k.as_of BETWEEN {{since}} AND {{until}}
  AND (cardinality({{campaigns}}::bigint[]) = 0 OR k.campaign_id = ANY({{campaigns}}::bigint[]))
  AND {IS_EVIDENCE.format(as_of="{as_of}")}
"""
ROWS = f"""
SELECT k.customer_id, k.as_of - DATE '2000-01-01' AS day, k.action_id, k.is_control,
       k.assignment_prob, k.control_share, s.micro_segment_id, s.features, r.reward
FROM journeys_contact k
JOIN segments_customerstate s ON s.customer_id = k.customer_id AND s.as_of = k.as_of
JOIN segments_statebuild b ON b.as_of = s.as_of AND b.feature_set_id = {{feature_set}}
{{reward}}
WHERE {RANDOMISED} AND (hashint8extended(k.customer_id, {{seed}}) & {{mask}}) < {{cut}}
ORDER BY k.customer_id, k.as_of, k.is_control, k.action_id
"""
MASK = (1 << 30) - 1  # bits of a customer's hash that say whether they are in the sample
MAX_ROWS = 500_000  # contacts in memory; of more, a sample of whole customers is read
OUTCOME = """
JOIN (SELECT contact_id, as_of, value_cents AS reward FROM {outcomes} known) r
  ON r.contact_id = k.id AND r.as_of = k.as_of
"""
EVENTS = """
JOIN LATERAL (
    SELECT {measure}::float8 AS reward FROM segments_event e
    WHERE {of_person} AND {of_kind}
      AND e.occurred_at >= k.reserved_at
      AND e.occurred_at < k.reserved_at + make_interval(days => {days})
) r ON k.reserved_at + make_interval(days => {days}) <= {now}
"""
MEASURES = {
    "any": f"(count(*) FILTER (WHERE NOT {IS_CREDIT_NOTE}) > 0)::int",
    "count": f"count(*) FILTER (WHERE NOT {IS_CREDIT_NOTE})",
    "amount": f"coalesce(sum({SIGNED_CENTS}), 0)",
}
TOLERANCE = 1e-6  # between probabilities that ought to be the same


@dataclass(frozen=True)
class Reward:
    """What counts as success: an event within a window; without an event, the outcome's value."""

    event_kind: str = ""
    measure: str = "any"  # any: 0 or 1, count: events, amount: cents
    window_days: int = 14

    @property
    def is_money(self) -> bool:
        return not self.event_kind or self.measure == "amount"

    def joined(self, as_of: date) -> sql.Composable:
        if not self.event_kind:
            known = sql.SQL(OUTCOMES_AS_OF).format(as_of=sql.Literal(as_of))
            return sql.SQL(OUTCOME).format(outcomes=known)
        return sql.SQL(EVENTS).format(
            measure=sql.SQL(MEASURES[self.measure]),
            of_person=sql.SQL(is_of_person("e.customer_id", "k.customer_id")),
            of_kind=self._of_kind(),
            days=sql.Literal(self.window_days),
            now=sql.Literal(day_start(as_of, Organisation.current().time_zone)),
        )

    def _of_kind(self) -> sql.Composable:
        """The amount of orders is what is left of them: what was given back is no spend."""
        if self.measure == "amount" and self.event_kind == EventKind.ORDER:
            return sql.SQL(IS_MONEY)
        return sql.SQL("e.kind = {}").format(sql.Literal(self.event_kind))


@dataclass(frozen=True)
class ExperimentLog:
    """n choices among none (option 0) and K actions (options 1 … K); d features as of the day."""

    actions: list[Action]  # K
    log: Log  # rewards before the cost of the contact
    shares: NDArray[np.float64]  # (n, K) control share of an action's experiment, nan: not in it
    segment_ids: NDArray[np.int64]  # (n,)
    features: NDArray[np.float64]  # (n, d), nan where unknown
    sampled: float  # share of the customers that was read


def load_experiment(
    *,
    as_of: date,
    since: date,
    until: date,
    reward: Reward,
    campaign_ids: list[int],
    max_rows: int = MAX_ROWS,
    seed: int = 0,
) -> ExperimentLog:
    """The choices of a period whose windows have closed; no campaign ids: all campaigns.

    Off-policy values over random halves need their rows together: of more than about max_rows
    contacts, those of a random part of the customers are read, which the seed picks.
    Raises ReportError where there are none, or where they do not make one experiment.
    """
    state = StateBuild.objects.filter(as_of__range=(since, until)).order_by("-as_of").first()
    if state is None:
        raise ReportError(_("There is no customer data in the period, so features are unknown."))
    period = {
        "since": sql.Literal(since),
        "until": sql.Literal(until),
        "as_of": sql.Literal(as_of),
        "campaigns": sql.Literal(campaign_ids),
    }
    count = sql.SQL(f"SELECT count(*) AS n FROM journeys_contact k WHERE {RANDOMISED}")
    [n_rows] = read_columns(count.format(**period), ["n"])["n"]
    sampled = min(1.0, max_rows / max(int(n_rows), 1))
    query = sql.SQL(ROWS).format(
        feature_set=sql.Literal(state.feature_set_id),
        reward=reward.joined(as_of),
        seed=sql.Literal(seed),
        mask=sql.Literal(MASK),
        cut=sql.Literal(round(sampled * (MASK + 1))),
        **period,
    )
    names = ["customer_id", "day", "action_id", "is_control", "assignment_prob", "control_share"]
    rows = read_columns(query, [*names, "micro_segment_id", "reward", "features"])
    if not len(rows["customer_id"]):
        raise ReportError(
            _(
                "There are no imported messages with known probabilities, features and a "
                "closed window in the period."
            )
        )
    return _choices(rows, sampled)


def _choices(rows: dict[str, NDArray[Any]], sampled: float) -> ExperimentLog:
    """One choice per customer and day, out of rows in their order."""
    is_new = np.ones(len(rows["day"]), dtype=bool)
    is_new[1:] = (np.diff(rows["customer_id"]) != 0) | (np.diff(rows["day"]) != 0)
    first, choice = np.flatnonzero(is_new), np.cumsum(is_new) - 1
    n = len(first)
    _check_one_choice(rows["is_control"], choice, n)

    action_ids, column = np.unique(rows["action_id"], return_inverse=True)
    shares = np.full((n, len(action_ids)), np.nan)
    shares[choice, column] = rows["control_share"]
    own_share = np.where(rows["is_control"], rows["control_share"], 1 - rows["control_share"])
    probability = rows["assignment_prob"] * own_share
    if (np.abs(probability - probability[first][choice]) > TOLERANCE).any():
        raise ReportError(
            _("Control rows of one customer and day differ in the probability of no message.")
        )
    days, day = np.unique(rows["day"][first], return_inverse=True)
    support = np.zeros((len(days), len(action_ids) + 1), dtype=bool)
    chosen = np.where(rows["is_control"][first], 0, column[first] + 1)
    support[day, chosen] = True
    propensity = np.minimum(probability[first], 1.0)
    _check_probabilities(propensity, support[day].sum(axis=1))
    actions = Action.objects.select_related("campaign").in_bulk(action_ids.tolist())
    return ExperimentLog(
        actions=[actions[pk] for pk in action_ids.tolist()],
        log=Log(chosen, propensity, rows["reward"][first], support[day]),
        shares=shares,
        segment_ids=rows["micro_segment_id"][first],
        features=rows["features"].reshape(len(choice), -1)[first],
        sampled=sampled,
    )


def _check_one_choice(is_control: NDArray[np.bool_], choice: NDArray[np.int64], n: int) -> None:
    n_tests = np.bincount(choice, ~is_control, n)
    n_rows = np.bincount(choice, minlength=n)
    mixed = int(((n_tests > 1) | ((n_tests == 1) & (n_rows > 1))).sum())
    if mixed:
        raise ReportError(
            _(
                "%d customers are in several experiments on one day, so there is no "
                "single choice to value. Specify the campaigns of one experiment."
            )
            % mixed
        )


def _check_probabilities(propensity: NDArray[np.float64], n_options: NDArray[np.int64]) -> None:
    """1/p adds up, on average, to the number of options; else the probabilities are wrong."""
    excess = 1 / propensity - n_options
    error = float(excess.std()) / np.sqrt(len(excess))
    if abs(float(excess.mean())) > max(5 * error, 0.02 * float(n_options.mean())):
        raise ReportError(
            _(
                "The logged probabilities are inconsistent: 1/p is %(mean).2f on "
                "average, but there were %(options).2f options."
            )
            % {"mean": float((1 / propensity).mean()), "options": float(n_options.mean())}
        )
