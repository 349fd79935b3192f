"""The demo end to end, on a small world: files in, decisions, messages, and what came of them."""

from collections import defaultdict
from datetime import time, timedelta
from io import StringIO

import numpy as np
import pytest
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.core.management.base import CommandError

from campaigns.models import Arm, ArmMembership, Campaign
from journeys.models import Contact, Decision, DecisionRun, Delivery
from optiengine.example.daily import LivedWorld
from optiengine.example.events import Messages
from optiengine.example.hand_in import withdrawals
from optiengine.example.helper import Helpers
from optiengine.example.install import action_keys, holds_demo, install
from optiengine.example.scenario import START, retailer
from optiengine.example.summary import free_choices, summarise, true_worth
from optiengine.management.commands.serve import schedule_days
from segments.channels import EMAIL
from segments.models import Customer, Event, ImportJob
from tests.factories import make_customer

pytestmark = pytest.mark.slow

N_CUSTOMERS, N_DAYS = 600, 6


@pytest.fixture
def folders(settings, tmp_path):
    settings.DATA_DIR = tmp_path
    settings.EMAIL_FILE_PATH = str(tmp_path / "outbox")
    settings.FILE_DROP_DIR = tmp_path / "drop"
    settings.DEBUG = True
    return tmp_path


def live_days(folder, n_days):
    """A world as a process of its own would make it, having lived so many days."""
    scenario = retailer(N_CUSTOMERS)
    if not holds_demo(scenario):
        install(scenario)
    lived = LivedWorld(scenario, folder / "demo", Helpers(0))
    lived.hand_in_history()
    for _ in range(n_days):
        lived.live_day()
    return lived


def most_contacts_in_a_window(length):
    """Of any customer; rolling windows that end with a contact and are open at their start."""
    by_customer = defaultdict(list)
    for customer, at in Contact.objects.values_list("customer", "reserved_at"):
        by_customer[customer].append(at)
    return max(
        sum(end - length < at <= end for at in moments)
        for moments in by_customer.values()
        for end in moments
    )


@pytest.mark.django_db
def test_six_days_from_files_to_worth(folders):
    lived = live_days(folders, N_DAYS)
    population = lived.scenario.population
    today = START + timedelta(days=N_DAYS)

    # Everybody who had registered is known, and everything that happened is stored, once.
    assert Customer.objects.count() == (population.registered_day < N_DAYS).sum()
    assert not ImportJob.objects.exclude(status="done", n_rejected=0).exists()
    # One decision for each customer with a state and day.
    runs = DecisionRun.objects.all()
    assert runs.count() == N_DAYS
    assert all(run.counts["eligible"] == run.counts["decided"] for run in runs)
    # Two contacts in 21 days at most, the earlier system's included.
    assert most_contacts_in_a_window(timedelta(days=21)) == 2
    # The holdout hears nothing; what is sent is what was decided and not withheld.
    held_out = ArmMembership.objects.filter(arm=Arm.HOLDOUT).values("customer")
    assert not Delivery.objects.filter(customer__in=held_out).exists()
    n_sent = Delivery.objects.filter(status="sent").count()
    assert n_sent == lived.worth.n_messages.sum()
    assert n_sent > 0
    # Customers who left get no more messages through that channel.
    for event in Event.objects.filter(kind__in=["unsubscribe", "complaint"]):
        channel = {"app": "push"}.get(event.properties["channel"], event.properties["channel"])
        assert channel not in event.customer.consents
    # The summary adds up.
    summary = summarise(lived, N_DAYS)
    assert summary["decided"] == Decision.objects.filter(as_of__lt=today).count()
    assert summary["decided"] == sum(summary[n] for n in ("held", "ranked", "auto", "baseline"))
    assert sum(summary["sent"].values()) == n_sent
    assert true_worth(lived)["holdout"]["net_cents"] == 0
    whole = free_choices(lived)[-1]
    assert whole["optimised"]["choices"] + whole["baseline"]["choices"] == (
        Decision.objects.filter(layer__in=["auto", "baseline"]).count()
    )


@pytest.mark.django_db
def test_an_interrupted_demo_lives_on_as_if_nothing_had_happened(folders):
    live_days(folders, 2)
    again = live_days(folders, 3)  # another process: its memory comes from the outbox
    events = list(Event.objects.order_by("external_id").values_list("external_id", "amount_cents"))
    decided = list(Decision.objects.order_by("as_of", "customer").values_list("action", flat=True))
    n_jobs = ImportJob.objects.count()

    third = live_days(folders, 3)

    assert ImportJob.objects.count() == n_jobs
    assert decided == list(
        Decision.objects.order_by("as_of", "customer").values_list("action", flat=True)
    )
    assert events == list(
        Event.objects.order_by("external_id").values_list("external_id", "amount_cents")
    )
    np.testing.assert_array_equal(third.worth.gained_cents, again.worth.gained_cents)
    assert [vars(day["optimised"]) for day in third.worth.choices] == [
        vars(day["optimised"]) for day in again.worth.choices
    ]


@pytest.mark.django_db
def test_what_a_message_gains_is_counted_against_the_same_luck_without_it(folders):
    # The two worlds only differ in the messages, so nobody without one may differ.
    lived = live_days(folders, 4)

    untouched = lived.worth.n_messages == 0

    assert untouched.any()
    assert not lived.worth.gained_cents[untouched].any()


@pytest.mark.django_db
def test_every_action_of_the_catalogue_is_installed_and_may_run(folders):
    scenario = retailer(N_CUSTOMERS)
    install(scenario)

    assert sorted(action_keys(scenario.catalogue).values()) == sorted(scenario.catalogue.option_of)
    assert not [problem for c in Campaign.objects.all() for problem in c.problems()]


def test_a_withdrawal_names_the_channel_it_is_about():
    world = retailer(2_000).world()
    world.history()
    here = world.population.external_id[world.state().is_registered]
    messages = Messages(here, np.full(len(here), "flash.push"))
    channels_of = {}
    for _ in range(6):  # six days in a row tire enough for some to leave
        channels_of |= withdrawals(world.live_day(world.today, messages))

    assert channels_of
    assert set().union(*channels_of.values()) == {"app"}
    left = world.population.positions(np.array(list(channels_of)))
    assert not world.state().consent[left, 2].any()


@pytest.mark.django_db(transaction=True)
def test_a_second_call_says_the_same_and_makes_nothing(folders):
    def call():
        out = StringIO()
        call_command("demo", customers=200, days=1, workers=1, no_serve=True, json=True, stdout=out)
        return out.getvalue().splitlines()[-1]

    first = call()
    n_jobs = ImportJob.objects.count()

    assert call() == first
    assert ImportJob.objects.count() == n_jobs
    assert get_user_model().objects.filter(username="demo", is_superuser=True).exists()
    with pytest.raises(CommandError, match="another size"):
        call_command("demo", customers=300, days=1, no_serve=True)
    with pytest.raises(CommandError, match="days are over"):
        schedule_days(time(3))


@pytest.mark.django_db
def test_a_database_that_already_has_customers_is_not_touched(folders):
    make_customer()

    with pytest.raises(CommandError, match="not the demo's"):
        call_command("demo", customers=200, days=1, no_serve=True)

    assert Customer.objects.count() == 1
    assert not get_user_model().objects.exists()
    assert EMAIL in Customer.objects.get().consents


@pytest.mark.django_db
def test_no_known_password_where_debug_is_off(folders, settings):
    settings.DEBUG = False

    with pytest.raises(CommandError, match="DEBUG is off"):
        call_command("demo", customers=200, days=1, no_serve=True)

    assert not get_user_model().objects.exists()


@pytest.mark.django_db
def test_the_demo_writes_to_no_mail_server(folders, settings):
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"

    with pytest.raises(CommandError, match="mail server"):
        call_command("demo", customers=200, days=1, no_serve=True)
