"""What the dashboard counts of a day."""

from journeys.models import DecisionRun
from optiengine.day_figures import DayCounts
from tests.factories import DAY, NOW


def test_contacts_of_a_day_are_counted_by_what_decided_them():
    counts = {"contacts": 10, "ranked": 3, "journey": 2, "auto": 9, "baseline": 1, "controls": 4}
    day = DayCounts.of(DecisionRun(as_of=DAY, decided_at=NOW, seed=1, counts=counts))

    # Of nine decisions by value five are for none.
    assert (day.ranked, day.journey, day.auto, day.baseline) == (3, 2, 4, 1)
    assert day.contacts == 10
