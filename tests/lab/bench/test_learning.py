"""The tables of learning and choosing: a row for every method, with figures or why not."""

import json

import pytest
from django.core.management import CommandError, call_command

from optiengine.lab.bench.bandits.entrants import ENTRANTS
from optiengine.lab.bench.bandits.games import SIZES, Game, bandit_rows, play_game
from optiengine.lab.bench.bandits.world import Played
from optiengine.lab.bench.hillstrom.peers import PEERS
from optiengine.lab.bench.parallel import in_processes, is_installed
from optiengine.lab.bench.times import BANDITS, UPLIFT, Timed, time_method
from optiengine.lab.management.commands.bench import Command

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("name", ENTRANTS)
def test_every_entrant_plays_all_days(name):
    if not is_installed(ENTRANTS[name].package):
        pytest.skip(f"{ENTRANTS[name].package} is not installed")
    _game, played = play_game(Game("dense", name, 1, n_customers=600, n_days=4))
    assert 0 < played.share <= 1


def test_a_row_says_mean_and_error_over_seeds_and_who_is_not_installed():
    results = [
        (Game("dense", "engine", seed), Played(share, 1.0, 1.0, 10))
        for seed, share in enumerate([0.7, 0.8, 0.9])
    ]
    rows = {row["policy"]: row for row in bandit_rows(results)}

    assert list(rows) == list(ENTRANTS)
    # s.d. .1, over the root of three
    assert (rows["engine"]["dense"], rows["engine"]["dense_se"]) == (0.8, 0.0577)
    assert rows["engine"]["sparse"] == "not installed"
    assert all(size in rows["engine"] for size in SIZES)


@pytest.mark.parametrize(
    ("on", "method"), [(BANDITS, "engine"), (UPLIFT, "engine"), (UPLIFT, "causalml X, linear")]
)
def test_times_are_above_nothing_or_not_installed(on, method):
    row = time_method(Timed(on, method, 600))
    if on == UPLIFT and method in PEERS and not is_installed(PEERS[method].package):
        assert row["decision_us"] == "not installed"
    else:
        assert row["decision_us"] > 0
        assert row["learned_us"] > 0


def test_work_is_done_in_other_processes_and_all_of_it():
    assert sorted(in_processes(abs, range(-5, 0), n_processes=2)) == [1, 2, 3, 4, 5]


def test_the_command_prints_tables_and_says_what_was_not_given(capsys):
    call_command("bench", "--only", "bandits,hillstrom", "--customers", "300", "--seeds", "1")
    output = capsys.readouterr().out
    header = next(line for line in output.splitlines() if "dense_se" in line)

    assert header.split() == ["policy", "dense", "dense_se", "sparse", "sparse_se"]
    assert "not given (--data)" in output
    assert "  oracle  " in output


def test_the_command_gives_rows_as_json(capsys):
    call_command("bench", "--only", "bandits", "--customers", "300", "--seeds", "1", "--json")
    figures = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert figures["bandits"][0] == {
        "policy": "oracle", "dense": 1.0, "dense_se": None, "sparse": 1.0, "sparse_se": None
    }  # fmt: skip
    assert set(figures) <= set(Command.columns)


def test_a_folder_without_the_data_is_refused(tmp_path):
    with pytest.raises(CommandError, match="No file named"):
        call_command("bench", "--only", "hillstrom", "--data", str(tmp_path))
