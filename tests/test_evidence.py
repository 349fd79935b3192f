"""Whoever reads messages or outcomes says whether they count as evidence.

Records in two groups that turned out to be one person are no evidence up to the merge.
"""

import re

import pytest

from tests.test_architecture import OWN, dotted

pytestmark = pytest.mark.long

# Reads messages or outcomes: their tables, their models, or what outcomes are read by.
READS = re.compile(
    r"\bjourneys_(contact|outcome)\b|\b(Contact|Outcome)\.(objects|_default_manager)\b"
    r"|\b(OUTCOMES_AS_OF|LEARNED_ON)\b"
)
CUT = re.compile(r"\bIS_EVIDENCE\b")

# Why each of these reads all of them.
LIMITS = "what a customer got counts for limits, whatever it teaches"
DELIVERY = "what became of messages is bookkeeping"
FACTS = "an outcome is a fact; whoever learns from it or reports it leaves out what is no evidence"
WRITES = "writes them"
SHOWS = "shows or counts what there is and compares no groups"
LAB = "makes or measures test data"
WITHOUT = {
    "journeys.decisions.capacity_accounts": LIMITS,
    "journeys.decisions.decide_again": LIMITS,
    "journeys.decisions.load_history": LIMITS,
    "journeys.decisions.reconcile_messages": DELIVERY,
    "journeys.decisions.save_decisions": WRITES,
    "journeys.decisions.start_run": WRITES,
    "journeys.delivery.begin_attempt": DELIVERY,
    "journeys.delivery.load_limits": LIMITS,
    "journeys.delivery.release_contacts": DELIVERY,
    "journeys.explain.earlier_reservations": SHOWS,
    "journeys.jobs.import_marks": WRITES,
    "journeys.learning.follow_late_events": FACTS,
    "journeys.learning.import_contacts": WRITES,
    "journeys.learning.measure_outcomes": FACTS,
    "journeys.learning.outcome_changes": FACTS,
    "journeys.merges.compare_records": SHOWS,
    "reports.ledger_check.check_days": DELIVERY,
    "reports.ledger_check.read_evidence": LIMITS,
    "reports.services.arm_report": "members count from the day after, with costs and events alike",
    "reports.services.latest_day": SHOWS,
    "optiengine.admin": SHOWS,
    "optiengine.day_figures": SHOWS,
    "optiengine.docs.places": SHOWS,
    "optiengine.lab.bench.decisions_data": LAB,
    "optiengine.lab.bench.month.bench": LAB,
    "optiengine.lab.bench.month.witnesses": LAB,
    "optiengine.lab.datasets.hand_over": LAB,
}
# Reads decisions instead, which are no evidence either.
OF_DECISIONS = {"reports.services.decision_log"}


def test_every_reader_of_messages_or_outcomes_says_whether_they_are_evidence():
    texts = {dotted(path): path.read_text() for path in OWN}
    readers = {module for module, text in texts.items() if READS.search(text)}
    with_cut = {module for module, text in texts.items() if CUT.search(text)}
    with_cut -= {"journeys.evidence"}
    assert readers - with_cut == set(WITHOUT), "leaves nothing out, and does not say why"
    assert with_cut - readers == OF_DECISIONS
    assert not with_cut & set(WITHOUT)
    assert {"journeys.learning.fit_uplift", "reports.services.uplift_report"} <= with_cut


def test_members_of_the_arms_count_from_the_day_after_what_is_no_evidence():
    [path] = [path for path in OWN if dotted(path) == "reports.services.arm_report"]
    assert "journeys_evidencecut" in path.read_text()
