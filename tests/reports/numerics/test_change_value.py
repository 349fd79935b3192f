"""The worth of a change of rules: by hand, and against a truth that is known."""

from functools import reduce
from operator import add

import numpy as np
import pytest
from numpy.testing import assert_allclose

from reports.numerics.change_value import ChangeEvidence, LoggedDecisions
from reports.numerics.off_policy import ThinOverlap


def log_of(customer, option, present, changed, reward, *, cost=None, features=None, uplift=None):
    n, k = np.shape(present)
    return LoggedDecisions(
        customer=np.asarray(customer, np.int64),
        option=np.asarray(option, np.int64),
        present=np.asarray(present, float),
        changed=np.asarray(changed, float),
        reward=np.asarray(reward, float),
        cost=np.zeros(k) if cost is None else np.asarray(cost, float),
        features=np.ones((n, 1)) if features is None else features,
        uplift=np.zeros((n, k)) if uplift is None else uplift,
    )


def evidence_of(log: LoggedDecisions) -> ChangeEvidence:
    evidence = ChangeEvidence.of([log], np.unique(log.customer))
    assert evidence is not None
    return evidence


def by_hand() -> LoggedDecisions:
    """200 customers, two decisions each: none or a message at 1/2; the change sends always.

    Customers who get the message in the first decision get it in the second. It earns 3 and costs
    1, nothing earns 1.
    """
    sent = np.repeat(np.arange(200) % 4 < 2, 2)
    return log_of(
        np.repeat(np.arange(200), 2),
        sent,
        np.full((400, 2), 0.5),
        np.tile([0.0, 1.0], (400, 1)),
        np.where(sent, 3.0, 1.0),
        cost=[0, 1],
    )


def test_differences_by_hand():
    """Net: sent 2, nothing 1; the log earns 1.5. Weights are 2 and 0, so IPS and SNIPS say 2.

    Influence per customer, two decisions of the same kind: SNIPS 2 (2 (2 - 2) - (2 - 1.5)) = -1 or
    2 (0 - (1 - 1.5)) = 1; its square is 1 for each of the 200.
    """
    evidence = evidence_of(by_hand())

    value, overlap = evidence.value(), evidence.overlap()

    error = 1.959964 * np.sqrt(200 * 200 / 199) / 400
    assert_allclose([value.present.estimate, value.ips.estimate], [1.5, 0.5])
    assert_allclose(value.snips.estimate, 0.5)
    assert_allclose(value.snips.high - 0.5, error, rtol=1e-6)
    assert (overlap.n, overlap.n_customers, overlap.n_touched) == (400, 200, 400)
    assert_allclose([overlap.moved, overlap.effective_n], [200, 100])  # half the customers count
    assert_allclose(evidence.sent, [200, 400])


def test_batches_of_customers_add_up_to_the_whole():
    rng = np.random.default_rng(3)
    log, _truth = simulated(rng, 300)
    parts = [
        evidence_of(rows_of(log, (log.customer >= low) & (log.customer < low + 100)))
        for low in (0, 100, 200)
    ]

    whole, summed = evidence_of(log).value(), reduce(add, parts).value()

    for name in ("present", "ips", "snips", "doubly_robust"):
        of_whole, of_sum = getattr(whole, name), getattr(summed, name)
        assert_allclose(
            [of_whole.estimate, of_whole.low, of_whole.high],
            [of_sum.estimate, of_sum.low, of_sum.high],
        )


def test_a_change_that_touches_nothing_is_worth_exactly_nothing():
    log = by_hand()
    same = log_of(log.customer, log.option, log.present, log.present, log.reward)

    value = evidence_of(same).value()

    assert (value.doubly_robust.low, value.doubly_robust.high, value.snips.estimate) == (0, 0, 0)


def test_what_was_never_possible_is_refused_with_its_share():
    """100 decisions: half could be nothing or the first message; the change sends the second."""
    log = log_of(
        np.arange(100),
        np.arange(100) % 2,
        np.tile([0.5, 0.5, 0.0], (100, 1)),
        np.where(np.arange(100)[:, None] < 50, [0.0, 1.0, 0.0], [0.0, 0.5, 0.5]),
        np.ones(100),
    )

    evidence = evidence_of(log)

    assert_allclose(evidence.overlap().unsupported_share, 0.5)  # 25 of the 50 that move
    with pytest.raises(ThinOverlap, match="50% of what the change would do differently"):
        evidence.value()


def test_too_few_touched_customers_are_refused_however_long_the_log():
    """10,000 decisions, in 40 of which the change moves anything."""
    changed = np.full((10_000, 2), 0.5)
    changed[:40] = [0.25, 0.75]
    log = log_of(
        np.arange(10_000),
        np.arange(10_000) % 2,
        np.full((10_000, 2), 0.5),
        changed,
        np.ones(10_000),
    )

    # (20 x 2)^2 / (20 (.25 + 2.25))
    with pytest.raises(ThinOverlap, match="equivalent of 32 customers"):
        evidence_of(log).value()


def test_impossible_logs_are_refused():
    with pytest.raises(ValueError, match="could not be sent"):
        log_of([1], [1], [[1.0, 0.0]], [[1.0, 0.0]], [1.0])
    with pytest.raises(ValueError, match="finite"):
        log_of([1], [0], [[1.0, 0.0]], [[1.0, 0.0]], [np.nan])
    with pytest.raises(ValueError, match="add up to 1"):
        log_of([1], [0], [[1.0, 0.0]], [[0.7, 0.0]], [1.0])


def simulated(rng, n_customers: int) -> tuple[LoggedDecisions, float]:
    """Three decisions a customer, whose level of spending they share; skewed rewards.

    The effect of message k is e_k(x) = (0, 2 + x, 1 - x), each costs .5. The log prefers message
    1 where x is high; the changed rules prefer message 2 there. A third of the decisions stays
    the same. The level is among the features. Returns the log and the difference to expect from it.
    """
    customer = np.repeat(np.arange(n_customers), 3)
    n = len(customer)
    x, level = rng.normal(size=n), np.repeat(rng.gamma(1.5, 2, n_customers), 3)
    tilt = 1 / (1 + np.exp(-x))
    present = 0.1 + 0.7 * np.column_stack([np.full(n, 1 / 3), tilt * 2 / 3, (1 - tilt) * 2 / 3])
    changed = 0.2 / 3 + 0.8 * np.column_stack([np.full(n, 0.1), (1 - tilt) * 0.9, tilt * 0.9])
    changed[customer % 3 == 0] = present[customer % 3 == 0]
    option = (rng.random(n)[:, None] > present.cumsum(axis=1)).sum(axis=1)
    effect = np.column_stack([np.zeros(n), 2 + x, 1 - x])
    cost = np.array([0, 0.5, 0.5])
    mean = level + effect[np.arange(n), option]
    reward = mean + level * (rng.exponential(size=n) - 1)
    truth = float(((changed - present) * (effect - cost)).sum() / n)
    features = np.column_stack([np.ones(n), x, level])
    log = log_of(
        customer, option, present, changed, reward, cost=cost, features=features, uplift=effect * 2
    )
    return log, truth


def rows_of(log: LoggedDecisions, mask) -> LoggedDecisions:
    return LoggedDecisions(
        log.customer[mask],
        log.option[mask],
        log.present[mask],
        log.changed[mask],
        log.reward[mask],
        log.cost,
        log.features[mask],
        log.uplift[mask],
    )


def test_intervals_cover_the_truth_and_the_model_narrows_them():
    """95 % intervals over 1,000 logs of 1,500 decisions by 500 customers."""
    rng = np.random.default_rng(17)
    covered, widths = [], []
    for _ in range(1_000):
        log, truth = simulated(rng, 500)
        value = evidence_of(log).value()
        intervals = [value.ips, value.snips, value.doubly_robust]
        covered.append([i.low <= truth <= i.high for i in intervals])
        widths.append([i.high - i.low for i in intervals])

    coverage, width = np.mean(covered, axis=0), np.mean(widths, axis=0)
    assert ((coverage >= 0.93) & (coverage <= 0.97)).all(), coverage
    assert width[2] < 0.85 * width[1] < width[0], width
