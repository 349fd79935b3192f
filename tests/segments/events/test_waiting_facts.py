"""What comes before its customer is kept, and is the customer's as soon as they are known."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from django.contrib.auth.models import Permission, User
from django.core.management import call_command
from rest_framework.test import APIClient

from journeys.learning.follow_late_events import follow_late_events
from journeys.learning.measure_outcomes import measure_outcomes
from journeys.models import Contact, Outcome, OutcomeChange
from segments.customers.erase_customer import erase_customer
from segments.customers.record_consents import record_consents
from segments.customers.suppress_addresses import find_suppression
from segments.customers.write_customer import write_customer
from segments.events.store_events import NewEvent, store_events
from segments.events.waiting_facts import ATTACHERS, expire_waiting
from segments.models import (
    Customer,
    CustomerState,
    Event,
    ImportJob,
    Organisation,
    StateBuild,
    WaitingFact,
)
from segments.models.consent import ConsentSource
from segments.state.build_state import build_state
from segments.tasks import settle_waiting
from tests.factories import make_action, make_campaign, make_contact, make_customer
from tests.segments.importing import NOW, counts, import_text, rejected

pytestmark = pytest.mark.django_db

AT = datetime(2026, 3, 1, 9, tzinfo=UTC)
DAY = timedelta(days=1)
ORDERS = (
    "event_id,customer,email,kind,occurred_at,amount\n"
    "e1,K1,,order,2026-02-01T00:00Z,9.00\n"
    "e2,,Ana@Example.com,order,2026-02-02T00:00Z,5.00\n"
    "e3,0,,order,2026-02-03T00:00Z,7.00\n"
)
CUSTOMERS = "external_id,email\nK1,one@example.com\nK2,ana@example.com\n"


def event(name="e1", **fields) -> NewEvent:
    return NewEvent(
        **{"external_id": name, "customer": "", "kind": "visit", "occurred_at": AT} | fields
    )


def stored() -> dict[str, tuple[str, int | None]]:
    rows = Event.objects.filter(source__in=["file", "shop"]).select_related("customer")
    return {row.external_id: (row.customer.external_id, row.amount_cents) for row in rows}


def test_events_before_customers_end_as_customers_before_events(tmp_path):
    job = import_text(tmp_path, ORDERS, kind="events")
    assert (job.n_rows, job.n_created, job.n_rejected, job.n_waiting) == (3, 0, 1, 2)
    assert "names no customer" in rejected(job)[4]
    import_text(tmp_path, CUSTOMERS, at=NOW + DAY)
    assert stored() == {"e1": ("K1", 900), "e2": ("K2", 500)}
    assert set(Event.objects.values_list("recorded_at", flat=True)) == {NOW + DAY}
    assert not WaitingFact.objects.exists()
    assert counts(import_text(tmp_path, ORDERS, kind="events")) == (3, 0, 0, 2, 1)


def test_rows_without_ids_of_their_own_are_not_stored_twice(tmp_path):
    text = (
        "email,kind,occurred_at,amount\n"
        "ana@example.com,order,2026-02-02T00:00Z,5.00\n"
        "ana@example.com,order,2026-02-02T00:00Z,5.00\n"
        "ben@example.com,order,2026-02-02T00:00Z,5.00\n"
    )
    assert import_text(tmp_path, text, kind="events").n_waiting == 3
    import_text(tmp_path, CUSTOMERS)
    again = import_text(tmp_path, text, kind="events")
    assert (again.n_unchanged, again.n_waiting) == (2, 1)
    assert Event.objects.count() == 2


def test_a_row_that_waits_and_comes_again_with_other_content_is_replaced(tmp_path):
    import_text(tmp_path, ORDERS, kind="events")
    import_text(tmp_path, ORDERS.replace("9.00", "8.00"), kind="events")
    import_text(tmp_path, CUSTOMERS)
    assert stored()["e1"] == ("K1", 800)


def test_unknown_customers_may_be_rejected_as_before(tmp_path):
    job = import_text(tmp_path, ORDERS, kind="events", reject_unknown=True)
    assert (job.n_waiting, job.n_rejected) == (0, 3)
    assert rejected(job)[2] == "Customer “K1” does not exist."


def test_the_command_says_how_many_wait(tmp_path, settings):
    settings.DATA_DIR = tmp_path
    path = tmp_path / "orders.csv"
    path.write_text(ORDERS)
    call_command("import_events", str(path))
    assert ImportJob.objects.get().n_waiting == 2
    call_command("import_events", str(path), "--reject-unknown", "--source=other")
    assert ImportJob.objects.latest("pk").n_rejected == 3


@pytest.mark.parametrize(
    "name",
    [{"customer": "K1"}, {"email": "ANA@example.com"}, {"phone": "+351 912 345 678"}],
    ids=lambda name: next(iter(name)),
)
def test_an_event_of_the_api_waits_and_is_stored_with_its_customer(name):
    [answer] = store_events([event(**name)], source="shop", at=AT)
    assert answer.status == "waiting"
    [again] = store_events([event(**name)], source="shop", at=AT)
    assert again.status == "waiting"
    [other] = store_events([event(**name, kind="cart")], source="shop", at=AT)
    assert other.status == "refused"
    fields = {"email": "ana@example.com", "phone": "+351912345678"}
    write_customer("K1", fields, at=AT + DAY, may_create=True)
    assert stored() == {"e1": ("K1", None)}
    assert Event.objects.get().recorded_at == AT + DAY


def test_an_address_that_is_written_later_finds_what_waits_for_it():
    store_events([event(email="ana@example.com")], source="shop", at=AT)
    write_customer("K1", {}, at=AT, may_create=True)
    assert not stored()
    write_customer("K1", {"email": "Ana@example.com"}, at=AT, may_create=False)
    assert stored() == {"e1": ("K1", None)}


@pytest.mark.parametrize("unknown", ["create", "refuse"])
def test_a_source_may_create_or_refuse(unknown):
    events = [event("e1", customer="K1"), event("e2", customer="guest")]
    answers = store_events(events, source="shop", at=AT, unknown=unknown)
    expected = ["stored" if unknown == "create" else "refused", "refused"]
    assert [answer.status for answer in answers] == expected
    assert not WaitingFact.objects.exists()


def test_nobody_is_waited_for():
    answers = store_events(
        [event("e1", customer="0"), event("e2", customer="guest"), event("e3", email="no mail")],
        source="shop",
        at=AT,
    )
    assert {answer.status for answer in answers} == {"refused"}
    assert all(answer.reason for answer in answers)


def test_an_address_of_several_customers_names_nobody(tmp_path):
    import_text(tmp_path, ORDERS, kind="events")
    import_text(tmp_path, "external_id,email\nA,ana@example.com\nB,ana@example.com\n")
    assert not stored()
    assert WaitingFact.objects.filter(email_key="ana@example.com").exists()


@pytest.mark.parametrize("write", ["one", "file"])
def test_an_address_of_several_customers_is_not_passed_over_for_the_phone(tmp_path, write):
    named = {"email": "ana@example.com", "phone": "+351912345678"}
    store_events([event(**named)], source="shop", at=AT)
    for name in ("A", "B"):
        make_customer(external_id=name, email="ana@example.com", email_key="ana@example.com")
    if write == "one":
        write_customer("C", {"phone": "+351912345678"}, at=AT, may_create=True)
    else:
        import_text(tmp_path, "external_id,phone\nC,+351912345678\n")
    assert not stored()
    assert WaitingFact.objects.exists()


def test_an_event_is_given_by_the_id_before_any_address():
    store_events([event(customer="C", email="ana@example.com")], source="shop", at=AT)
    make_customer(external_id="A", email="ana@example.com", email_key="ana@example.com")
    write_customer("C", {}, at=AT, may_create=True)
    assert stored() == {"e1": ("C", None)}


def test_an_unsubscribe_that_waited_holds_against_a_later_consent_of_a_file(tmp_path):
    said = {"kind": "unsubscribe", "properties": {"channel": "email"}, "email": "ana@example.com"}
    store_events([event(**said)], source="shop", at=AT)
    expire_waiting(at=AT + 400 * DAY)
    import_text(
        tmp_path, "external_id,email,consent_email\nK2,ana@example.com,yes\n", at=AT + 500 * DAY
    )
    assert Customer.objects.get().consents == []
    assert stored() == {"e1": ("K2", None)}


def test_complaints_and_lasting_bounces_concern_the_address_at_once(tmp_path):
    text = (
        "event_id,email,kind,occurred_at,channel,hard\n"
        "b1,a@example.com,bounce,2026-02-01T00:00Z,email,yes\n"
        "b2,b@example.com,bounce,2026-02-01T00:00Z,email,no\n"
        "c1,c@example.com,complaint,2026-02-01T00:00Z,email,\n"
    )
    assert import_text(tmp_path, text, kind="events").n_waiting == 3
    said = {"kind": "complaint", "properties": {"channel": "email"}, "email": "d@example.com"}
    store_events([event(**said)], source="shop", at=AT)
    listed = [bool(find_suppression("email", f"{name}@example.com")) for name in "abcd"]
    assert listed == [True, False, True, True]


def test_what_waits_too_long_is_blanked_and_counted(tmp_path):
    Organisation.current()
    Organisation.objects.update(waiting_days=7)
    import_text(tmp_path, ORDERS, kind="events")
    assert expire_waiting(at=NOW + 6 * DAY) == 0
    assert expire_waiting(at=NOW + 7 * DAY) == 2
    for fact in WaitingFact.objects.all():
        assert (fact.customer, fact.email_key, fact.fact) == ("", "", {})
    import_text(tmp_path, CUSTOMERS, at=NOW + 8 * DAY)
    assert not stored()
    import_text(tmp_path, ORDERS, kind="events", at=NOW + 9 * DAY)
    assert len(stored()) == 2
    expire_waiting(at=NOW + 380 * DAY)
    assert not WaitingFact.objects.exists()


def test_erasing_forgets_what_waits_under_the_addresses():
    anna = make_customer(email="ana@example.com")
    make_customer(email="ana@example.com")
    store_events([event(email="ben@example.com")], source="shop", at=AT)
    WaitingFact.objects.update(email_key="ana@example.com")
    erase_customer(anna, source="test", at=AT)
    assert not WaitingFact.objects.exists()


def test_messages_of_another_system_wait_as_well(tmp_path):
    make_action(make_campaign(name="Spring"), name="Mail")
    text = "email,campaign,action,date\nana@example.com,Spring,Mail,2026-02-01\n"
    job = import_text(tmp_path, text, kind="contacts")
    assert (job.n_waiting, job.n_created) == (1, 0)
    import_text(tmp_path, CUSTOMERS)
    assert Contact.objects.get().customer.external_id == "K2"
    assert not WaitingFact.objects.exists()
    again = import_text(tmp_path, text, kind="contacts")
    assert (again.n_unchanged, again.n_waiting) == (1, 0)


def test_what_two_writers_missed_is_stored_by_the_clock():
    """Both look before the other has committed: the event waits, though its customer is there."""
    store_events([event(customer="K1")], source="shop", at=AT)
    make_customer(external_id="K1")
    assert not stored()
    settle_waiting()
    assert stored() == {"e1": ("K1", None)}
    assert len(list(ATTACHERS)) == 2


def test_a_statement_after_the_waiting_unsubscribe_holds():
    said = {"kind": "unsubscribe", "properties": {"channel": "email"}, "customer": "K1"}
    store_events([event(**said)], source="shop", at=AT)
    customer, _is_new = write_customer("K1", {"email": "a@example.com"}, at=AT, may_create=True)
    record_consents(
        customer,
        {"email": True},
        kind=ConsentSource.SIGN_UP,
        source="form",
        said_at=AT + DAY,
        at=AT + DAY,
        proof={"wording": "1"},
    )
    assert Customer.objects.get().consents == ["email"]


NO_MORE = {"kind": "unsubscribe", "properties": {"channel": "email"}, "email": "ana@example.com"}
BOTH = "external_id,email,consent_email\nA,ana@example.com,yes\nB,Ana@example.com,yes\n"


def test_an_unsubscribe_of_an_address_that_several_turn_out_to_have_holds_for_all(tmp_path):
    store_events([event(**NO_MORE)], source="shop", at=AT)
    import_text(tmp_path, BOTH, at=AT + DAY)
    assert list(Customer.objects.values_list("consents", flat=True)) == [[], []]
    assert not WaitingFact.objects.exists()


def test_an_unsubscribe_of_an_address_that_several_have_holds_for_all(tmp_path):
    import_text(tmp_path, BOTH, at=AT - DAY)
    [answer] = store_events([event(**NO_MORE)], source="shop", at=AT)
    assert answer.status == "stored"
    assert list(Customer.objects.values_list("consents", flat=True)) == [[], []]
    [visit] = store_events([event("e2", email="ana@example.com")], source="shop", at=AT)
    assert visit.status == "refused"


def test_an_unsubscribe_of_an_address_of_many_names_nobody(tmp_path):
    rows = "".join(f"N{n},all@example.com,yes\n" for n in range(21))
    import_text(tmp_path, "external_id,email,consent_email\n" + rows, at=AT - DAY)
    [answer] = store_events([event(**NO_MORE | {"email": "all@example.com"})], source="shop", at=AT)
    assert answer.status == "refused"


@pytest.mark.parametrize("seed", range(6))
def test_files_in_any_order_end_in_the_same_features(tmp_path, seed):
    """Customers, orders and addresses in three files each, whichever comes first."""
    dice = np.random.default_rng(seed)
    people = [(f"K{n}", f"k{n}@example.com") for n in range(6)]
    orders = [
        (f"e{n}", *people[dice.integers(6)], f"2026-02-0{dice.integers(1, 9)}", dice.integers(99))
        for n in range(18)
    ]
    files = [
        (
            "customers",
            "external_id,email\n" + "".join(f"{pk},{mail}\n" for pk, mail in people[n::3]),
        )
        for n in range(3)
    ]
    for n in range(3):
        rows = [
            f"{name},{pk if n else ''},{'' if n else mail},{day},{amount}\n"
            for name, pk, mail, day, amount in orders[n::3]
        ]
        files.append(("events", "event_id,customer,email,date,amount\n" + "".join(rows)))
    results = []
    for order in (range(6), dice.permutation(6)):
        for model in (CustomerState, StateBuild, Event, Customer):
            model.objects.all().delete()
        for step, index in enumerate(order):
            kind, text = files[index]
            import_text(tmp_path, text, kind=kind, at=NOW + step * timedelta(minutes=1))
        build_state(NOW.date())
        states = CustomerState.objects.order_by("customer__external_id")
        results.append(list(states.values_list("customer__external_id", "stage", "features")))
        assert not WaitingFact.objects.exists()
    assert np.array_equal(
        np.array([row[2] for row in results[0]]),
        np.array([row[2] for row in results[1]]),
        equal_nan=True,
    )
    assert [row[:2] for row in results[0]] == [row[:2] for row in results[1]]


def test_outcomes_follow_an_order_that_waited_for_the_address(tmp_path):
    anna = make_customer(external_id="K1", email="")
    contact = make_contact(anna)
    order = {"kind": "order", "amount_cents": 1200, "occurred_at": AT + 2 * DAY}
    store_events([event(email="ana@example.com", **order)], source="shop", at=AT + 2 * DAY)
    closed = contact.as_of + 20 * DAY
    measure_outcomes(closed)
    assert Outcome.objects.get().margin_cents == 0
    write_customer("K1", {"email": "ana@example.com"}, at=AT + 21 * DAY, may_create=False)
    follow_late_events(closed + 2 * DAY)
    assert OutcomeChange.objects.get().margin_cents == 1200


def test_an_expired_message_keeps_nothing_that_could_be_guessed(tmp_path):
    make_action(make_campaign(name="Spring"), name="Mail")
    text = "email,campaign,action,date\nana@example.com,Spring,Mail,2026-02-01\n"
    import_text(tmp_path, text, kind="contacts")
    expire_waiting(at=NOW + 31 * DAY)
    fact = WaitingFact.objects.get()
    assert fact.external_id == f"expired {fact.pk}"


def test_a_row_that_names_only_an_address_shows_no_id(tmp_path):
    import_text(tmp_path, ORDERS, kind="events")
    named = WaitingFact.objects.order_by("external_id").values_list("customer", "email_key")
    assert list(named) == [("K1", ""), ("", "ana@example.com")]


def test_the_list_shows_what_waits_to_those_who_may_see_customers(client, admin_client, tmp_path):
    import_text(tmp_path, ORDERS, kind="events")
    job = ImportJob.objects.get()
    page = "/admin/segments/waitingfact/"
    text = admin_client.get(f"{page}?import_job__id__exact={job.pk}").content.decode()
    assert "ana@example.com" in text
    assert admin_client.get(f"{page}?state=expired").status_code == 200
    user = User.objects.create_user("user", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename="view_waitingfact"))
    client.force_login(user)
    assert client.get(page).status_code == 403


def test_the_api_says_what_becomes_of_unknown_customers(admin_user):
    api = APIClient()
    api.force_authenticate(admin_user)
    sent = {"external_id": "e1", "customer": "K1", "kind": "visit", "occurred_at": AT.isoformat()}
    for unknown, answer in (("refuse", "refused"), ("wait", "waiting"), ("create", "stored")):
        batch = {"source": unknown, "unknown_customers": unknown, "events": [sent]}
        body = api.post("/api/v1/events/", batch, format="json").json()
        assert body[answer] == 1
        assert body["results"][0]["status"] == answer
    wrong = {"unknown_customers": "perhaps", "events": [sent]}
    assert api.post("/api/v1/events/", wrong, format="json").status_code == 400
