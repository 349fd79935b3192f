"""What a message brought is what the person did, under whichever number."""

from datetime import UTC, datetime, timedelta

import pytest

from journeys.learning.follow_late_events import follow_late_events
from journeys.learning.measure_outcomes import measure_outcomes
from journeys.learning.open_windows import open_contacts
from journeys.merges.merge_customers import merge_customers, undo_merge
from journeys.models import Outcome, OutcomeChange
from optiengine.lib.partitions import ensure_partitions
from reports.services.uplift_report import uplift_report
from segments.models import Organisation
from segments.state.build_state import build_state
from tests.factories import DAY, make_action, make_campaign, make_contact, make_customer, make_goal
from tests.journeys.engine import make_customers, make_order

pytestmark = pytest.mark.django_db
WINDOW = 7


@pytest.fixture(autouse=True)
def partitions(db):
    ensure_partitions("journeys_outcome", DAY, on(60))
    ensure_partitions("segments_event", DAY, on(60))


def on(n: int):
    return DAY + timedelta(days=n)


def at(n: int, hour: float = 12) -> datetime:
    return datetime(2026, 3, 1, tzinfo=UTC) + timedelta(days=n, hours=hour)


def make_money_action(**fields):
    return make_action(make_campaign(goal=make_goal(window_days=WINDOW), **fields))


def known(contact) -> tuple[int, int]:
    """Conversions and margin of a contact, as known by now."""
    change = OutcomeChange.objects.filter(contact=contact).order_by("-changed_on").first()
    outcome = change or Outcome.objects.get(contact=contact)
    return outcome.n_responses, outcome.margin_cents


def test_events_under_any_number_count_for_the_messages_of_each():
    kept, alias, third, other = make_customers(4)
    action = make_money_action()
    contacts = [make_contact(customer, action) for customer in (kept, alias, third, other)]
    for number, customer in enumerate((kept, alias, third, other)):
        make_order(customer, on=on(1), hour=number, cents=10**number)
        make_order(customer, on=on(8), hour=number, cents=5 * 10**number)  # after the window
    merge_customers(kept, alias, at=at(2), by=None)
    merge_customers(kept, third, at=at(3), by=None)

    assert measure_outcomes(on(8)) == 4

    assert [known(contact) for contact in contacts] == [(3, 111), (3, 111), (3, 111), (1, 1000)]


def test_what_was_measured_follows_a_merge_and_its_undoing_by_difference():
    kept, alias = make_customers(2)
    action = make_money_action()
    to_kept, to_alias = (make_contact(customer, action) for customer in (kept, alias))
    make_order(kept, on=on(1), cents=100)
    make_order(alias, on=on(2), cents=20)
    make_order(alias, on=on(2), hour=13, cents=3)
    measure_outcomes(on(8))
    follow_late_events(on(8))
    assert (known(to_kept), known(to_alias)) == ((1, 100), (2, 23))

    merge = merge_customers(kept, alias, at=at(8), by=None)
    assert follow_late_events(on(9)) == 2
    assert known(to_kept) == known(to_alias) == (3, 123)
    assert follow_late_events(on(10)) == 0

    make_order(alias, on=on(3), cents=4000)  # comes late, under the other number
    assert follow_late_events(on(11)) == 2
    assert known(to_kept) == known(to_alias) == (4, 4123)

    undo_merge(merge, at=at(12), by=None)
    assert follow_late_events(on(13)) == 2
    assert (known(to_kept), known(to_alias)) == ((1, 100), (3, 4023))
    assert not Outcome.objects.exclude(measured_on=on(8)).exists()


def test_closed_windows_stay_as_they_are():
    Organisation.objects.update_or_create(pk=1, defaults={"late_event_days": 10})
    kept, alias = make_customers(2)
    contact = make_contact(kept, make_money_action())
    make_order(alias, on=on(1), cents=100)
    measure_outcomes(on(8))
    merge_customers(kept, alias, at=at(17), by=None)
    assert follow_late_events(on(18)) == 0
    assert known(contact) == (0, 0)

    Organisation.objects.update(late_event_days=0)
    merge_customers(kept, make_customer(), at=at(17), by=None)
    assert follow_late_events(on(18)) == 0


def test_a_merge_is_no_change_in_predicted_value():
    """Values of the two add up in the kept record: no message did that."""
    kept, alias, other = make_customers(3)
    for customer, cents in ((kept, 1000), (alias, 9000), (other, 1000)):
        make_order(customer, on=on(-30), cents=cents)
    action = make_money_action()
    before = [make_contact(customer, action) for customer in (kept, alias, other)]
    build_state(DAY)
    merge_customers(kept, alias, at=at(1), by=None)
    build_state(on(2))
    after = make_contact(kept, action, as_of=on(2))
    make_order(alias, on=on(3), cents=5000)
    build_state(on(8))
    build_state(on(10))

    measure_outcomes(on(8))
    measure_outcomes(on(10))

    changes = dict(Outcome.objects.values_list("contact", "clv_change_cents"))
    assert [changes[contact.pk] for contact in before[:2]] == [0, 0]
    assert changes[before[2].pk] != 0
    assert changes[after.pk] != 0


def test_open_windows_show_what_the_person_did():
    kept, alias, other = make_customers(3)
    action = make_action(make_campaign(control_share=0.5, goal=make_goal(window_days=WINDOW)))
    for customer in (kept, alias, other):
        make_contact(customer, action)
    for day in range(6):
        make_order(alias, on=on(day), cents=100)
    feature_set = build_state(DAY).feature_set
    merge_customers(kept, alias, at=at(-1), by=None)

    contacts = open_contacts(on(4), feature_set.pk)

    assert contacts is not None
    assert sorted(contacts.rows["value_cents"].tolist()) == [0, 300, 300]


def test_a_message_under_the_other_number_contaminates():
    kept, alias, other = make_customers(3)
    first, second = make_money_action(), make_money_action()
    for customer in (kept, other):
        make_contact(customer, first)
    make_contact(alias, second, as_of=on(1))

    def contaminated() -> int:
        rows = uplift_report(as_of=on(9)).campaigns
        return sum(row.experiment.test.n_contaminated for row in rows)

    assert contaminated() == 0
    merge_customers(kept, alias, at=at(2), by=None)
    assert contaminated() == 1
