"""The table of the worlds, against sums by hand; and one world that is really lived."""

import numpy as np
import pytest

from optiengine.lab.bench.worlds import (
    PLAYED,
    Lived,
    WorldLife,
    live_world,
    world_lives,
    world_rows,
)


def made_up(life):
    """Ranked brings 1 cent a day, the oracle 4; auto the seed's number, of ten days alone."""
    worth = {"ranked": 1.0, "oracle": 4.0, "auto": float(life.seed)}
    days = np.full(60, worth.get(life.policy, 0.5))
    if life.policy == "auto":
        days[:-10] = 0
    return Lived(life, days)


def test_rows_are_means_over_seeds_of_what_customers_brought():
    lived = [made_up(life) for life in world_lives(n_seeds=3, n_customers=1_000)]

    rows = {(row["world"], row["policy"]): row for row in world_rows(lived)}
    auto = rows["heterogeneous", "auto"]

    assert auto["cents_per_customer"] == 20  # the mean of 10, 20 and 30
    assert auto["cents_per_customer_se"] == pytest.approx(10 / np.sqrt(3), abs=0.05)
    assert auto["total"] == 200  # 20 cents of a thousand customers
    assert auto["share_of_oracle"] == pytest.approx(20 / 240, abs=1e-3)
    assert auto["times_ranked"] == pytest.approx(20 / 60, abs=1e-3)
    assert auto["last_share_of_oracle"] == 0.5
    assert auto["last_times_ranked"] == 2
    assert rows["series", "oracle"]["share_of_oracle_se"] == 0
    assert set(rows) == {(world, policy) for world in PLAYED for policy in PLAYED[world]}


def test_of_one_seed_no_error_is_known():
    lived = [made_up(life) for life in world_lives(n_seeds=1, n_customers=1_000)]

    assert world_rows(lived)[0]["cents_per_customer_se"] is None


def test_a_world_is_lived_for_all_its_days():
    lived = live_world(WorldLife("heterogeneous", "oracle", seed=1, n_customers=60))

    assert len(lived.net_cents) == 60
    assert lived.net_cents.sum() > 0
