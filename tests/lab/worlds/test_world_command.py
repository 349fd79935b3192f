"""`manage.py world`, as somebody uses it."""

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

SMALL = ["--customers", "300", "--days", "12", "--seed", "2"]


def run(*arguments):
    out = StringIO()
    call_command("world", *arguments, stdout=out)
    return out.getvalue()


def test_a_world_says_what_its_policy_was_worth():
    figures = json.loads(run("heterogeneous", *SMALL, "--policy", "ranked", "--json"))

    assert figures["scenario"] == "heterogeneous"
    assert figures["policy"] == "ranked"
    share = figures["value_per_customer"] / figures["oracle_per_customer"]
    assert figures["share_of_oracle"] == pytest.approx(share, abs=1e-3)
    assert len(figures["regret_cents"]) == 12
    regret = figures["oracle_per_customer"] - figures["value_per_customer"]
    assert figures["regret_cents"][-1] == pytest.approx(regret, abs=0.01)
    assert sum(figures["value_cents"]) == pytest.approx(figures["value_per_customer"], abs=0.01)


def test_the_oracle_has_no_regret():
    figures = json.loads(run("scarce", *SMALL, "--policy", "oracle", "--json"))

    assert figures["share_of_oracle"] == 1
    assert not any(figures["regret_cents"])


def test_where_nothing_works_there_is_no_share_of_the_oracle():
    assert json.loads(run("null", *SMALL, "--json"))["share_of_oracle"] is None


def test_people_see_the_regret_as_a_chart():
    text = run("heterogeneous", *SMALL, "--policy", "uniform")

    assert "day   12" in text
    assert "█" in text


@pytest.mark.parametrize("option", ["--customers", "--days"])
def test_a_world_of_nobody_or_of_no_days_is_refused(option):
    with pytest.raises(CommandError, match="at least one"):
        run("null", option, "0")
