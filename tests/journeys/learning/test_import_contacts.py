"""Contact history of another system: each contact once, none ever changed."""

from datetime import UTC, date, datetime

import pytest

from campaigns.models import Action, Campaign, Goal
from journeys.models import Contact
from segments.models import Customer
from tests.segments.importing import counts, import_text, rejected, warned

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def data_dir(settings, tmp_path):
    settings.DATA_DIR = tmp_path


@pytest.fixture(autouse=True)
def spring():
    Customer.objects.create(external_id="anna")
    Customer.objects.create(external_id="bob")
    campaign = Campaign.objects.create(
        name="Spring", goal=Goal.objects.create(name="orders"), starts_on=date(2026, 1, 1)
    )
    Action.objects.create(campaign=campaign, name="Shoes", channel="email")
    return campaign


HEAD = "household_id,campaign,action,date,group,assignment_prob\n"


def import_contacts(folder, text, **more):
    return import_text(folder, text, kind="contacts", **more)


def test_test_and_control_become_contacts_with_their_probability(tmp_path, spring):
    text = HEAD + "anna,Spring,Shoes,2026-02-01,test,0.25\nbob,Spring,Shoes,2026-02-01,control,\n"
    job = import_contacts(tmp_path, text)

    assert counts(job) == (2, 2, 0, 0, 0)
    anna, bob = Contact.objects.order_by("customer__external_id")
    assert (anna.campaign, anna.is_control, anna.assignment_prob) == (spring, False, 0.25)
    assert (bob.is_control, bob.assignment_prob) == (True, None)
    assert (anna.source, anna.arm, anna.channel) == ("import", "baseline", "email")
    assert anna.as_of == date(2026, 2, 1)
    assert anna.reserved_at == datetime(2026, 2, 1, tzinfo=UTC)
    assert anna.key.version == 8
    assert counts(import_contacts(tmp_path, text)) == (2, 0, 0, 2, 0)


def test_the_probability_of_the_own_group_is_that_of_the_action_times_the_split(tmp_path):
    """Three groups of 1/3, one of them without a message: P(action) is 1/3 / (1/2) = 2/3."""
    head = "customer,campaign,date,group,probability,control_share\n"
    row = "{},Spring,2026-02-01,{},0.3333333333,0.5\n".format
    thirds = row("anna", "test") + row("bob", "control")
    import_contacts(tmp_path, head + thirds)

    assert [c.assignment_prob for c in Contact.objects.all()] == pytest.approx([2 / 3, 2 / 3])


def test_a_stored_contact_is_never_changed(tmp_path):
    import_contacts(tmp_path, HEAD + "anna,Spring,Shoes,2026-02-01,test,0.25\n")
    job = import_contacts(tmp_path, HEAD + "anna,Spring,Shoes,2026-02-01,control,0.25\n")

    assert counts(job) == (1, 0, 0, 0, 1)
    assert "cannot be changed" in rejected(job)[2]
    assert not Contact.objects.get().is_control


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("zoe,Spring,Shoes,2026-02-01,test,0.5", "Customer “zoe” does not exist"),
        ("anna,Autumn,Shoes,2026-02-01,test,0.5", "no campaign “Autumn”"),
        ("anna,Spring,Hats,2026-02-01,test,0.5", "has no action “Hats”"),
        (
            "anna,Spring,Shoes,2026-02-30,test,0.5",
            "” is not a valid date. Use YYYY-MM-DD, from 1970 up to today.",
        ),
        (
            "anna,Spring,Shoes,2026-04-01,test,0.5",
            "” is not a valid date. Use YYYY-MM-DD, from 1970 up to today.",
        ),
        (
            "anna,Spring,Shoes,2026-02-01,perhaps,0.5",
            "” is not a valid group. Use test or control.",
        ),
    ],
)
def test_a_row_that_is_no_contact_is_rejected(tmp_path, row, reason):
    job = import_contacts(tmp_path, HEAD + row + "\n", reject_unknown=True)

    assert counts(job) == (1, 0, 0, 0, 1)
    assert reason in rejected(job)[2]


@pytest.mark.parametrize("probability", ["0", "1.01", "NaN"])
def test_a_contact_whose_probability_cannot_be_read_has_an_unknown_one(tmp_path, probability):
    job = import_contacts(tmp_path, f"{HEAD}anna,Spring,Shoes,2026-02-01,test,{probability}\n")

    assert counts(job) == (1, 1, 0, 0, 0)
    assert "Use a number above 0 and up to 1." in warned(job)[2]
    assert Contact.objects.get().assignment_prob is None


def test_the_only_action_need_not_be_named(tmp_path, spring):
    text = "customer,campaign,date\nanna,Spring,2026-02-01\n"
    assert counts(import_contacts(tmp_path, text)) == (1, 1, 0, 0, 0)

    Action.objects.create(campaign=spring, name="Hats", channel="email")
    job = import_contacts(tmp_path, text.replace("anna", "bob"))
    assert "Name one" in rejected(job)[2]


def test_unknown_campaigns_can_be_created_as_ended(tmp_path):
    text = "customer,campaign,date\nanna,1,2026-02-01\nanna,1,2026-02-20\nbob,2,2026-02-03\n"
    job = import_contacts(tmp_path, text, create_campaigns=True, channel="post")

    assert counts(job) == (3, 3, 0, 0, 0)
    first = Campaign.objects.get(name="1")
    assert (first.status, first.starts_on, first.ends_on) == (
        "ended",
        date(2026, 2, 1),
        date(2026, 2, 20),
    )
    assert [action.channel for action in first.actions.all()] == ["post"]
