"""Experiments made of strata: what is compared, and with what weight."""

import math

from numpy.testing import assert_allclose

from reports.numerics.experiment import Experiment, Group, Stratum, merged
from reports.numerics.means import Moments
from reports.numerics.proportions import uplift_interval


def group(n, responders, n_open=0) -> Group:
    money = Moments(n, responders * 100.0, responders * 10_000.0)
    return Group(n=n, n_open=n_open, responders=responders, margin=money, value=money)


def test_one_share_is_newcombes_interval():
    test, control = group(70, 56), group(80, 48)

    interval = Experiment((Stratum(0.5, test, control),)).rate_uplift()

    plain = uplift_interval(test.response, control.response)
    assert_allclose(interval.estimate, 0.2)
    assert_allclose([interval.low, interval.high], [plain.low, plain.high])


def test_a_changed_share_does_not_credit_the_campaign_with_the_season():
    """January: 50 % control, everybody buys at 10 %. February: 10 % control, at 30 %."""
    january = Stratum(0.5, group(1_000, 100), group(1_000, 100))
    february = Stratum(0.1, group(1_800, 540), group(200, 60))
    experiment = Experiment((january, february))

    plain = experiment.test.response.rate - experiment.control.response.rate
    assert plain > 0.06  # what comparing the sums would claim
    assert abs(experiment.rate_uplift().estimate) < 1e-12
    assert abs(experiment.money_uplift("value").estimate) < 1e-9
    test_rate, control_rate = experiment.rates()
    assert_allclose([test_rate, control_rate], [0.2, 0.2])


def test_segments_of_one_share_are_added_up():
    whole = merged(
        [
            Stratum(0.5, group(10, 1), group(20, 2)),
            Stratum(0.5, group(30, 3), group(40, 4)),
            Stratum(0.1, group(5, 5), group(0, 0)),
        ]
    )

    assert [s.control_share for s in whole.strata] == [0.1, 0.5]
    assert whole.strata[1] == Stratum(0.5, group(40, 4), group(60, 6))
    assert whole.test.n == 45
    assert whole.compared_test.n == 40  # the five had no control to be compared with


def test_the_split_counts_open_windows():
    experiment = Experiment((Stratum(0.1, group(50, 5, n_open=850), group(10, 1, n_open=90)),))

    assert experiment.split().observed == (900, 100)
    assert_allclose(experiment.split().p_value, 1)


def test_no_control_no_comparison():
    experiment = Experiment((Stratum(0.0, group(500, 50), group(0, 0)),))

    assert math.isnan(experiment.rate_uplift().estimate)
    assert math.isnan(experiment.money_uplift("value").estimate)
    assert math.isnan(experiment.split().p_value)
    assert experiment.rate_p_value() == 1


def test_what_a_test_can_detect_by_hand():
    """5 % in two groups of 10,000: 2.802 sqrt(2 (.05)(.95)/10,000) = .00864."""
    experiment = Experiment((Stratum(0.5, group(10_000, 500), group(10_000, 500)),))

    assert_allclose(experiment.detectable_rate(), 0.00864, atol=5e-6)
