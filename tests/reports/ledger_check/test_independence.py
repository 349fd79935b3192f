"""The checker takes nothing from the engine: it would share its mistakes."""

import pytest

from journeys.models import ReasonCode
from reports.ledger_check import check_delivery
from tests.test_architecture import ROOT, imported

CHECKER = sorted((ROOT / "reports/ledger_check").glob("*.py"))
# What exists, not what follows from it: without it the checker would overlook a new channel.
DECLARATION = {
    "segments.channels",
    "segments.channels.address_fields",
    "segments.channels.inbound_channels",
}


@pytest.mark.parametrize("path", CHECKER, ids=lambda path: path.stem)
def test_the_checker_takes_nothing_from_the_engine(path):
    engine = ("segments", "campaigns", "journeys", "reports", "optiengine")
    names = {name for name in imported(path) if name.split(".")[0] in engine} - DECLARATION
    assert not [name for name in names if not name.startswith("reports.ledger_check.")]


def test_the_checker_knows_every_reason():
    """It has a table of its own."""
    assert {code.slug: code.value for code in ReasonCode} == check_delivery.REASONS
