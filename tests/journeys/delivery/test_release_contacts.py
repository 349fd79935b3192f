"""A reservation counts while its message may still leave, and no longer."""

from datetime import datetime, timedelta

import numpy as np
import pytest

from campaigns.models import Campaign, FrequencyCap
from campaigns.services.load_rulebook import load_rulebook
from journeys.decisions.decide_now import Request, decide_now
from journeys.decisions.load_history import load_history
from journeys.decisions.save_decisions import next_contact_id
from journeys.delivery.deliver_messages import deliver_messages
from journeys.delivery.load_limits import load_contacted, load_limits
from journeys.delivery.settle_delivery import settle
from journeys.explain.explain_decision import explain_decision
from journeys.explain.replay_run import replay_live, replay_run
from journeys.jobs.run_day import run_day
from journeys.learning.measure_outcomes import measure_outcomes
from journeys.maps.edit_map import launch_map, pause_map
from journeys.models import (
    ChannelRoute,
    Contact,
    Decision,
    DecisionRun,
    Delivery,
    LiveDecision,
    Outcome,
    ReasonCode,
    Release,
    StoppedDay,
)
from optiengine.lib.partitions import ensure_partitions
from segments.models import Organisation
from tests.factories import (
    DAY,
    NOW,
    make_action,
    make_campaign,
    make_contact,
    make_customer,
    make_delivery,
)
from tests.journeys.drawn_maps import ENTRY, draw, launch, make_step_campaign, move, put_in
from tests.journeys.drawn_maps import send as send_step
from tests.journeys.engine import decide_day, make_customers, make_plan

pytestmark = [pytest.mark.django_db, pytest.mark.long]
MINUTES = timedelta(minutes=10)
N = 20  # customers


def day(n: int):
    return DAY + timedelta(days=n)


def at(n: int, hour: float = 9) -> datetime:
    return NOW.replace(hour=0) + timedelta(days=n, hours=hour)


def pause(**fields) -> None:
    Campaign.objects.filter(**fields).update(status="paused")


def resume(**fields) -> None:
    Campaign.objects.filter(**fields).update(status="active")


def send(now: datetime) -> dict[str, int]:
    return {name: n for name, n in deliver_messages(now=now, owner="a").items() if n}


@pytest.fixture
def campaign():
    """For a few customers, once for ever, half of them control."""
    make_customers(N)
    make_plan()
    made = make_campaign(rank=1, repeat_after_days=None, control_share=0.5, name="Spring")
    make_action(made)
    return made


def of_day(n: int, **fields):
    return Contact.objects.filter(as_of=day(n), **fields)


def replays(run: DecisionRun) -> bool:
    again = replay_run(run)
    return not again.differing and not again.missing and again.n_decisions > 0


def test_a_pause_holds_a_message_that_leaves_after_all(campaign):
    """As it came to us: paused for ten minutes, nobody was ever written to."""
    decide_day()
    n_test = of_day(0, is_control=False).count()
    pause()

    assert send(NOW) == {"new": n_test}
    assert {d.reason_text for d in Delivery.objects.all()} == {"The campaign is paused."}
    resume()

    assert send(NOW + MINUTES) == {"sent": n_test}
    assert not Release.objects.exists()
    run_day(day(1))
    assert not of_day(1).exists()  # they did get it


def test_a_day_that_stays_paused_is_released_with_its_controls_and_decided_again(campaign):
    runs = [decide_day()]
    pause()
    send(NOW)
    resume(name="Nobody")  # it stays paused
    runs.append(run_day(day(1)).run)
    resume()
    assert not Release.objects.exists()  # valid until the end of the next day

    runs.append(run_day(day(2)).run)

    assert Release.objects.filter(as_of=DAY).count() == N
    assert set(Release.objects.values_list("reason_code", flat=True)) == {
        ReasonCode.CAMPAIGN_PAUSED
    }
    assert StoppedDay.objects.get().as_of == DAY
    assert of_day(2).count() == N
    assert all(map(replays, runs))
    decision = Decision.objects.filter(run=runs[2]).first()
    notes = [option.note for option in explain_decision(decision).options]
    assert "Reserved on 1 Mar 2026, not sent: campaign paused." in notes


def test_while_it_is_held_it_is_not_decided_again_and_the_explanation_says_why(campaign):
    decide_day()
    pause()
    send(NOW)
    resume()
    run = decide_day(day(1))

    assert not of_day(1).exists()
    contact = of_day(0, is_control=False).first()
    option = explain_decision(Decision.objects.get(run=run, customer=contact.customer)).options[-1]
    assert option.verdict == (
        "It was sent to the customer before, or is reserved for them, and it is only sent once."
    )
    assert option.note == "Reserved on 1 Mar 2026; the message was still waiting."


def test_nobody_of_a_stopped_day_is_measured_and_all_others_are(campaign):
    decide_day()
    pause()
    send(NOW)
    send(at(3))
    resume()
    run_day(day(3))
    ensure_partitions("journeys_outcome", DAY, day(30))

    assert measure_outcomes(day(9)) == 0  # the windows of the stopped day have closed
    assert measure_outcomes(day(12)) == N
    assert set(Outcome.objects.values_list("as_of", flat=True)) == {day(3)}


@pytest.mark.parametrize("resumed", [True, False])
def test_a_paused_journey_holds_the_messages_of_its_steps(resumed):
    make_plan()
    (anna,) = make_customers(1)
    journey = launch(draw({"e": ENTRY, "m": send_step(make_step_campaign(control_share=0))}, "e>m"))
    put_in(journey, anna, at=NOW)
    move(NOW)
    decide_day()
    pause_map(journey)

    assert send(NOW) == {"new": 1}
    assert Delivery.objects.get().reason_code == ReasonCode.JOURNEY_PAUSED
    if resumed:
        launch_map(journey, by="anna", at=NOW)
        assert send(NOW + MINUTES) == {"sent": 1}
    else:
        assert send(at(3)) == {"suppressed": 1}
        assert Release.objects.get().reason_code == ReasonCode.JOURNEY_PAUSED


def close_email() -> None:
    closed = {"is_open": False}
    ChannelRoute.objects.update_or_create(
        channel="email", defaults=closed, create_defaults=closed | {"transport": "smtp"}
    )


def stop_sending() -> None:
    Organisation.objects.update_or_create(pk=1, defaults={"sending_stopped": True})


@pytest.mark.parametrize(
    ("close", "code"),
    [(close_email, ReasonCode.ROUTE_CLOSED), (stop_sending, ReasonCode.SENDING_STOPPED)],
)
def test_what_expires_behind_a_closed_channel_is_released_though_nobody_claims_it(
    campaign, close, code
):
    decide_day()
    close()

    assert send(NOW) == {}
    assert send(at(3)) == {"suppressed": of_day(0, is_control=False).count()}

    assert Release.objects.count() == N
    assert set(Release.objects.values_list("reason_code", flat=True)) == {code}
    assert {d.reason_code for d in Delivery.objects.all()} == {code}


def test_what_befalls_single_messages_frees_their_customers_only(campaign):
    """A withdrawn consent: intention to treat, they stay in test, and are measured."""
    decide_day()
    customer = of_day(0, is_control=False).first().customer
    customer.consents = []
    customer.save()

    send(NOW)

    assert Release.objects.get().customer == customer
    assert not StoppedDay.objects.exists()
    customer.consents = ["email"]
    customer.save()
    run_day(day(1))
    assert [contact.customer for contact in of_day(1)] == [customer]
    ensure_partitions("journeys_outcome", DAY, day(30))
    assert measure_outcomes(day(8)) == N


def test_a_day_of_which_some_left_is_not_stopped_as_a_whole(campaign):
    decide_day()
    deliver_messages(now=NOW, owner="a", limit=1)
    pause()

    send(at(3))

    n_test = of_day(0, is_control=False).count()
    assert Release.objects.count() == n_test - 1
    assert not StoppedDay.objects.exists()


def test_what_failed_for_good_is_released_and_what_may_have_arrived_is_not(campaign):
    anna, bert = make_delivery(), make_delivery()
    for delivery in (anna, bert):
        Delivery.objects.filter(pk=delivery.pk).update(status="unknown", attempted_at=NOW)
        delivery.refresh_from_db()

    settle(anna, sent=False, by="eva", at=NOW)
    settle(bert, sent=True, by="eva", at=NOW)

    assert [r.contact_id for r in Release.objects.all()] == [anna.contact_id]
    assert Release.objects.get().reason_code == ReasonCode.SETTLED_AS_NOT_SENT


def test_a_text_that_cannot_be_filled_in_is_released():
    action = make_action(body="{{ customer.attributes.n | divided_by: 0 }}")
    delivery = make_delivery(make_customer(attributes={"n": 3}), action)

    assert send(NOW) == {"failed": 1}

    assert Release.objects.get().contact_id == delivery.contact_id


def test_the_last_check_does_not_count_a_released_control():
    FrequencyCap.objects.create(name="One a day", window="day", limit=1)
    anna = make_customer()
    stopped = make_action()
    make_contact(anna, stopped, is_control=True)
    other = make_delivery(action=stopped)
    pause(pk=stopped.campaign_id)
    limits = load_limits()
    assert len(load_contacted([anna.pk], limits, now=NOW)[anna.pk]) == 1

    Delivery.objects.filter(pk=other.pk).update(expires_at=NOW)
    send(NOW + MINUTES)

    assert Release.objects.count() == 2
    assert not load_contacted([anna.pk], limits, now=NOW + MINUTES)


def test_a_release_frees_its_place_under_a_cap_in_real_time(campaign):
    """A cap of one a week: the reservation fills it, until it is released."""
    FrequencyCap.objects.create(name="One a week", window="days", length=7, limit=1)
    make_action(make_campaign(name="Banner", rank=2, control_share=0), channel="web")
    decide_day()
    anna = of_day(0, is_control=False).first().customer
    pause(name="Spring")
    send(NOW)
    request = Request(LiveDecision.Reason.INBOUND, channels=("web",))

    before = decide_now([anna.pk], at=at(0, 10), request=request)[anna.pk]
    Delivery.objects.update(expires_at=at(0, 11))
    send(at(0, 12))
    after = decide_now([anna.pk], at=at(0, 13), request=request)[anna.pk]

    assert (before.has_message, after.has_message) == (False, True)
    replay = replay_live(Decision.objects.get(pk=before.decision_id).run)
    assert (replay.n_decisions, replay.differing) == (2, [])


def test_what_is_released_later_does_not_change_what_a_run_saw(campaign):
    """The run of the second day knew of the reservations; its replay does, whatever came after."""
    first = decide_day()
    second = decide_day(day(1))
    pause()
    send(at(1, 10))
    send(at(4))

    assert Release.objects.count() == N
    assert replays(first)
    assert replays(second)


@pytest.mark.parametrize("seed", range(5))
def test_history_is_what_a_slow_model_says(seed):
    """Contacts and releases in one order of ids, asked at random watermarks."""
    rng = np.random.default_rng(seed)
    campaign = make_campaign(repeat_after_days=None)
    action = make_action(campaign)
    customers = [make_customer() for _ in range(3)]
    ids = np.array(sorted(c.pk for c in customers))
    log: list[tuple[int, int | None, int]] = []  # id, contact released or None, customer
    waiting: list[tuple[int, int]] = []
    for n in range(30):
        if waiting and rng.random() < 0.4:
            contact, customer = waiting.pop(int(rng.integers(len(waiting))))
            pk = next_contact_id()
            Release.objects.create(
                id=pk, contact_id=contact, as_of=DAY, customer_id=customer, action=action,
                released_at=NOW, reason_code=11,
            )  # fmt: skip
            log.append((pk, contact, customer))
        else:
            customer = int(rng.choice(ids))
            made = make_contact(
                next(c for c in customers if c.pk == customer), action, key=f"{n:032x}"
            )
            log.append((made.pk, None, customer))
            waiting.append((made.pk, customer))
    book = load_rulebook(DAY)
    for watermark in [log[0][0], *(pk + 1 for pk, _c, _k in log[::4]), log[-1][0] + 1]:
        released = {contact for pk, contact, _k in log if contact and pk < watermark}
        expected = sorted(
            customer for pk, contact, customer in log
            if contact is None and pk < watermark and pk not in released
        )  # fmt: skip

        history = load_history(DAY, book, ids, watermark=watermark, at=NOW, zone="UTC")

        assert sorted(ids[history.customer].tolist()) == expected
