"""Policies learned on half of an experiment, valued on the rest, beside what is installed."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from optiengine.lab.bench.hillstrom.data import DataMissing, find_file, halves, read_experiment
from optiengine.lab.bench.hillstrom.peers import PEERS, Training
from optiengine.lab.bench.hillstrom.value import BEST_SINGLE, Split, hillstrom_rows, value_split
from optiengine.lab.bench.parallel import is_installed
from reports.numerics.cross_fit import ENGINE, GREEDY
from tests.lab.bench.hillstrom import made_up_rows
from tests.shared_data import shared_file


@pytest.fixture(scope="module")
def experiment(tmp_path_factory):
    path = tmp_path_factory.mktemp("data") / "Hillstrom.csv.gz"
    made_up_rows(6_000, seed=1).to_csv(path, index=False)
    return read_experiment(find_file(path.parent))


@pytest.fixture(scope="module")
def rows(experiment):
    splits = [Split(experiment, "visit", seed) for seed in range(3)]
    return hillstrom_rows([value_split(split) for split in splits])


def row_of(rows, method, *, cost=0.0):
    return next(row for row in rows if row["method"] == method and row["cost"] == cost)


def test_halves_share_no_row_and_hold_as_many_of_each_e_mail(experiment):
    learn, rest = halves(experiment.sent, seed=7)

    assert_array_equal(np.sort(np.concatenate([learn, rest])), np.arange(6_000))
    assert_array_equal(np.bincount(experiment.sent[learn]), [1_000] * 3)


def test_the_engine_finds_what_was_planted(rows):
    """Sent the e-mail that helps, 40 % visit; one e-mail for all reaches 25 %."""
    engine, single = row_of(rows, GREEDY), row_of(rows, BEST_SINGLE)

    assert engine["value"] == pytest.approx(40, abs=5)
    assert single["value"] == pytest.approx(25, abs=5)
    assert engine["less_best_single"] == pytest.approx(15, abs=5)
    assert engine["engine_less_this"] == 0
    assert single["engine_less_this"] == engine["less_best_single"]
    assert 0 < row_of(rows, ENGINE)["engine_less_this"] < 2  # what exploration costs


def test_costs_are_taken_off_for_each_e_mail_sent(rows):
    """In points: an e-mail costs 5, and all are sent one."""
    free, paid = row_of(rows, GREEDY), row_of(rows, GREEDY, cost=5.0)
    assert free["value"] - paid["value"] == pytest.approx(5, abs=0.3)


@pytest.mark.parametrize("name", PEERS)
def test_peers_find_what_was_planted_or_are_named_as_missing(experiment, rows, name):
    peer = PEERS[name]
    if not is_installed(peer.package):
        assert row_of(rows, name)["value"] == "not installed"
        pytest.skip(f"{peer.package} is not installed")
    assert row_of(rows, name)["less_best_single"] > 5
    if peer.effects:
        training = Training(
            experiment.features, experiment.sent, experiment.outcome["visit"], seed=1
        )
        assert peer.effects(training)(experiment.features[:7]).shape == (7, 2)


def test_another_file_or_none_is_refused(tmp_path):
    with pytest.raises(DataMissing, match="No file named"):
        find_file(tmp_path)
    (tmp_path / "Hillstrom.csv").write_text("recency,history\n1,2\n")
    with pytest.raises(DataMissing, match="is not Hillstrom's experiment"):
        read_experiment(tmp_path / "Hillstrom.csv")


@pytest.mark.shared_data
def test_the_experiment_has_its_published_means():
    name = "Kevin_Hillstrom_MineThatData_E-MailAnalytics_DataMiningChallenge_2008.03.20.csv.gz"
    experiment = read_experiment(shared_file(f"hillstrom/{name}"))

    visits = [experiment.outcome["visit"][experiment.sent == k].mean() for k in range(3)]
    assert np.round(visits, 6).tolist() == [0.106167, 0.182757, 0.151400]
    assert np.bincount(experiment.sent).tolist() == [21_306, 21_307, 21_387]
