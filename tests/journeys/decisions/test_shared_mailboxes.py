"""Customers with one mailbox never get two messages the same day through it, by any workers."""

import threading
from collections import Counter
from datetime import timedelta

import numpy as np
import pytest
from django.db import connection

from campaigns.models import FrequencyCap
from journeys.decisions.decide_now import Request, decide_now
from journeys.decisions.numerics.sharing import Sharing
from journeys.decisions.start_run import request_run, start_run
from journeys.decisions.work_chunks import work_chunks
from journeys.delivery.deliver_messages import deliver_messages
from journeys.explain.replay_run import replay_live, replay_run
from journeys.jobs.run_day import run_day
from journeys.learning.fit_uplift import fit_uplift
from journeys.models import Contact, Decision, DecisionChunk, DecisionRun, Delivery, LiveDecision
from segments.customers.shared_addresses import (
    lock_shared_addresses,
    refresh_shared_addresses,
)
from segments.models import Customer, SharedAddress
from segments.models.customer import BLOCK_BITS
from segments.state.build_state import build_state
from tests.factories import DAY, NOW, make_action, make_campaign, make_customer
from tests.journeys.engine import decide_day, make_plan

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.long]


def per_mailbox() -> Counter[tuple]:
    """Messages of a day by channel and compared address."""
    counts: Counter[tuple] = Counter()
    for contact in Contact.objects.select_related("customer"):
        column = "email_key" if contact.channel == "email" else "phone_key"
        address = getattr(contact.customer, column)
        counts[contact.as_of, contact.channel, address] += 1
    return counts


def spread_over_blocks(mailboxes: list[tuple[str, str]]) -> None:
    """A customer a block, so that no two of them are held by the same lock of a block."""
    first = Customer.objects.count() + 1
    for number, (email, phone) in enumerate(mailboxes, start=first):
        fields = {"registered_on": DAY - timedelta(days=100), "email": email, "phone": phone}
        make_customer(pk=number << BLOCK_BITS, **fields)


def start() -> DecisionRun:
    build_state(DAY)
    fit_uplift(DAY)
    return start_run(request_run(DAY))


def test_two_spellings_of_one_mailbox_get_one_message_a_day():
    make_plan()
    for email in ("Hello.C10@Example.com", "hello.c10@example.com"):
        make_customer(email=email, consents=["email"], registered_on=DAY - timedelta(days=100))
    make_action(make_campaign(rank=1, control_share=0))
    make_action(make_campaign(rank=2, control_share=0))
    FrequencyCap.objects.create(
        name="one a day", limit=1, window="day", scope="channel", channel="email"
    )

    run = decide_day()

    assert Contact.objects.count() == 1
    assert not replay_run(run).differing
    held = Decision.objects.get(action=None)
    assert set(held.verdicts) & {21}
    assert SharedAddress.objects.get().n_customers == 2


def test_a_cap_of_a_channel_counts_the_mailbox_over_days():
    make_plan()
    for email in ("a@example.com", "A@example.com"):
        make_customer(email=email, consents=["email"], registered_on=DAY - timedelta(days=100))
    for _ in range(4):
        make_action(make_campaign(control_share=0, rank=1))
    FrequencyCap.objects.create(
        name="two a week", limit=2, window="days", length=7, scope="channel", channel="email"
    )

    runs = [run_day(DAY + timedelta(days=day)).run for day in range(4)]

    assert Contact.objects.count() == 2
    assert max(per_mailbox().values()) == 1
    assert not any(replay_run(run).differing for run in runs)


def test_a_cap_over_all_channels_counts_the_customer():
    make_plan()
    for email in ("a@example.com", "A@example.com"):
        make_customer(email=email, registered_on=DAY - timedelta(days=100))
    make_action(make_campaign(control_share=0, rank=1))
    make_action(make_campaign(control_share=0, rank=2), channel="sms", subject="")
    FrequencyCap.objects.create(name="one a day", limit=1, window="day")

    decide_day()

    assert sorted(Contact.objects.values_list("channel", flat=True)) == ["email", "sms"]


@pytest.mark.parametrize("seed", range(3))
def test_two_workers_never_send_twice_to_a_mailbox_the_same_day(seed):
    """Whoever shares with whom, in blocks of their own: only the lock of the address holds."""
    random = np.random.default_rng(seed)
    make_plan()
    mailboxes = [
        (f"M{random.integers(8)}@example.com", f"+4917010000{random.integers(8):03}")
        for _ in range(24)
    ]
    spread_over_blocks(mailboxes)
    for rank, channel in ((1, "email"), (2, "sms"), (3, "email"), (None, "sms")):
        campaign = make_campaign(rank=rank, control_share=0.2)
        make_action(campaign, channel=channel, subject="Hello" if channel == "email" else "")
    run = start()
    assert run.chunks.count() == 24

    def work(name: str) -> None:
        try:
            work_chunks(run.pk, owner=name)
        finally:
            connection.close()

    workers = [threading.Thread(target=work, args=[f"worker {n}"]) for n in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()

    run.refresh_from_db()
    assert run.status == DecisionRun.Status.DONE
    assert Decision.objects.count() == 24
    assert Contact.objects.count() >= 8
    assert max(per_mailbox().values()) == 1
    replay = replay_run(run)
    assert (replay.n_decisions, replay.differing, replay.missing) == (24, [], [])


def test_a_decision_at_once_sees_what_the_mailbox_got_today():
    make_plan()
    spread_over_blocks([("a@example.com", ""), ("A@Example.com", "")])
    make_action(make_campaign(rank=1, control_share=0))
    make_action(make_campaign(rank=2, control_share=0))
    run = start()
    first, second = Customer.objects.order_by("pk")
    DecisionChunk.objects.filter(run=run, first_id=second.pk).delete()
    work_chunks(run.pk, owner="test")
    assert Contact.objects.get().customer_id == first.pk

    answers = decide_now([second.pk], at=NOW, request=Request("inbound", key="k"))

    assert answers[second.pk].action_id is None
    live = LiveDecision.objects.get()
    assert live.shared == [["email", [first.pk, second.pk]]]
    assert not replay_live(DecisionRun.objects.get(kind="live")).differing


def test_what_leaves_late_counts_for_the_mailbox(settings):
    """Decided apart, before anybody knew that they share it: the last look holds the second."""
    make_plan()
    spread_over_blocks([("a@example.com", ""), ("b@example.com", "")])
    make_action(make_campaign(rank=1, control_share=0))
    run = start()
    work_chunks(run.pk, owner="test")
    assert Contact.objects.count() == 2
    second = Customer.objects.order_by("-pk")[0]
    second.email = "A@example.com"
    second.save(update_fields=["email"])
    refresh_shared_addresses(at=NOW)
    FrequencyCap.objects.create(
        name="one a day", limit=1, window="day", scope="channel", channel="email"
    )

    deliver_messages(now=run.decided_at, owner="test")

    assert Delivery.objects.filter(status="sent").count() == 1
    assert Delivery.objects.exclude(status="sent").get().reason_code == 21


def test_more_than_twenty_with_one_address_have_a_placeholder():
    for _ in range(21):
        make_customer(email="none@example.com")
    for _ in range(20):
        make_customer(email="family@example.com")

    assert refresh_shared_addresses(at=NOW) == 2

    shared = {row.key: row.is_placeholder for row in SharedAddress.objects.all()}
    assert shared == {"none@example.com": True, "family@example.com": False}
    with connection.cursor() as cursor:
        cursor.execute("BEGIN")
        (group,) = lock_shared_addresses("true", [])
        cursor.execute("ROLLBACK")
    assert len(group.customer_ids) == 20


def test_an_address_that_is_no_longer_shared_leaves_the_list():
    anna, berta = make_customer(email="a@b.example"), make_customer(email="A@b.example")
    assert refresh_shared_addresses(at=NOW) == 1
    berta.email = "b@b.example"
    berta.save(update_fields=["email"])
    assert refresh_shared_addresses(at=NOW) == 0
    assert anna.email_key == "a@b.example"


def test_customers_who_share_are_decided_one_after_the_other():
    groups = [("email", [1, 3, 4]), ("phone", [4, 7]), ("email", [2, 99])]
    sharing = Sharing.of(groups, np.array([1, 2, 3, 4, 5, 7]))

    assert [wave.tolist() for wave in sharing.waves()] == [[0, 1, 4], [2], [3], [5]]
    assert sharing.other_ids == [1, 3, 4, 7, 99]
