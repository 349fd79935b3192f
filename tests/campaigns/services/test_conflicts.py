"""Rules that contradict each other: found, described, and kept from launching."""

from dataclasses import replace
from datetime import time

import pytest

from campaigns.errors import CampaignNotReady
from campaigns.models import (
    Campaign,
    CapacityLimit,
    Exclusion,
    FollowUp,
    FrequencyCap,
    MinimumGap,
    QuietHours,
    Tag,
)
from campaigns.numerics.conflicts import dead_steps, shut_outs, unreachable_caps
from campaigns.numerics.rulebook_entries import EVENT, ExclusionEntry, FollowUpEntry, GapEntry
from campaigns.services.find_conflicts import NEVER, WARNING, conflicts_of, find_conflicts
from campaigns.services.launch_campaign import launch_campaign
from segments.models import TargetGroup
from segments.state.build_state import build_state
from tests.campaigns.numerics.test_verdicts import book, campaign, cap
from tests.factories import DAY, make_action, make_campaign, make_customer

EVERY_DAY = {"runs_today": True, "runs_in_days": tuple(range(1, 91))}
STAGES = ("new", "active", "lapsed")
VISITS = {"field": "feature.visits", "op": "gt", "value": 3}
LAPSED = {"field": "stage", "op": "eq", "value": "lapsed"}


def daily(id: int, **fields):
    return campaign(id, **EVERY_DAY | fields)


@pytest.mark.parametrize(
    ("repeat", "days", "is_found"),
    [(7, 14, True), (7, 7, True), (8, 7, False), (None, 99, False)],
)
def test_who_comes_back_before_an_exclusion_ends_shuts_out_for_good(repeat, days, is_found):
    rules = book(
        daily(1, rank=1, repeat_after_days=repeat),
        daily(2),
        exclusions=(ExclusionEntry("rest", 1, None, (1,), days),),
    )

    shut_out = list(shut_outs(rules, 1, [0, 1], STAGES))

    assert [(f.source, f.days, f.again, f.is_certain) for f in shut_out] == (
        [(0, days, repeat, True)] if is_found else []
    )


def test_a_duration_blocks_other_campaigns_except_those_that_ignore_it():
    source = daily(1, rank=1, repeat_after_days=5, duration_days=5)
    for fields in ({"ignores_durations": True}, {"ignores_durations_of": (1,)}):
        assert not list(shut_outs(book(source, daily(2, **fields)), 1, [0], STAGES))
    (shut_out,) = shut_outs(book(source, daily(2)), 1, [0], STAGES)
    assert (shut_out.exclusion, shut_out.days) == (None, 5)


@pytest.mark.parametrize(
    ("source", "target", "limits"),
    [
        ({"rank": 1}, {"in_addition": True}, {}),  # goes in addition to it
        ({"rank": 1}, {"exempt_from_caps": True}, {"caps": (cap(1, "days", 30),)}),
        ({"rank": 1, "runs_today": False}, {}, {}),  # starts later
        ({"rank": 1}, {"opened_by": EVENT}, {}),  # a newcomer's event comes before the first run
        (
            {"rank": 1},
            {"run_anyway": True},
            {},
        ),  # is the only one to run on a day whose data is missing
        # Reaches nobody on a day whose state lacks the feature.
        ({"rank": 1, "rule": {"any": [LAPSED, VISITS]}}, {"rule": LAPSED}, {}),
        ({"rank": 1, "tags": (5,)}, {"tags": (6,)}, {}),  # who declined topic 5 gets the target
    ],
)
def test_what_another_rule_could_undo_is_not_certain(source, target, limits):
    entries = [daily(1, repeat_after_days=7, **source), daily(2, **target)]
    entries.sort(key=lambda entry: (entry.rank or 9, entry.id))  # as a rulebook has them
    places = {entry.id: i for i, entry in enumerate(entries)}
    exclusion = ExclusionEntry("rest", 1, None, (places[2],), 14)
    rules = book(*entries, exclusions=(exclusion,), **limits)

    (shut_out,) = shut_outs(rules, places[2], [places[1]], STAGES, topics={5})

    assert not shut_out.is_certain


@pytest.mark.parametrize(
    ("source", "target", "topics"),
    [
        ({"run_anyway": True}, {"run_anyway": True}, set()),
        ({"run_anyway": True}, {}, set()),
        ({"tags": (5,)}, {"tags": (5, 6)}, {5, 6}),  # who declined the source's declined both
        ({"rule": VISITS}, {"rule": {"all": [LAPSED, VISITS]}}, set()),
        ({"tags": (5,)}, {}, {6}),  # no topic: nobody can decline it
    ],
)
def test_a_limit_that_holds_back_both_is_certain(source, target, topics):
    rules = book(
        daily(1, rank=1, repeat_after_days=7, **source),
        daily(2, **target),
        exclusions=(ExclusionEntry("rest", 1, None, (1,), 14),),
    )

    (shut_out,) = shut_outs(rules, 1, [0], STAGES, topics)

    assert shut_out.is_certain


@pytest.mark.parametrize(("source", "target"), [(None, None), (None, 1), (2, 1)])
def test_who_does_not_go_first_shuts_out_nobody_for_good(source, target):
    entries = [daily(1, repeat_after_days=7, rank=source), daily(2, rank=target)]
    entries.sort(key=lambda entry: (entry.rank or 9, entry.id))
    places = {entry.id: i for i, entry in enumerate(entries)}
    rules = book(*entries, exclusions=(ExclusionEntry("rest", 1, None, (places[2],), 14),))

    assert not list(shut_outs(rules, places[2], [places[1]], STAGES))


def test_a_cap_that_holds_both_back_changes_nothing():
    rules = book(
        daily(1, rank=1, repeat_after_days=7),
        daily(2),
        caps=(cap(1, "days", 30),),
        exclusions=(ExclusionEntry("rest", 1, None, (1,), 14),),
    )

    (shut_out,) = shut_outs(rules, 1, [0], STAGES)

    assert shut_out.is_certain


def test_a_source_on_weekdays_leaves_the_days_between_them():
    # On Mondays, seven days apart: an exclusion of seven days never ends in time, one of six does.
    mondays = {"runs_today": True, "runs_in_days": tuple(range(7, 91, 7)), "repeat_after_days": 1}
    rules = book(
        campaign(1, rank=1, **mondays),
        daily(2),
        exclusions=(ExclusionEntry("rest", 1, None, (1,), 7),),
    )
    shorter = replace(rules, exclusions=(ExclusionEntry("rest", 1, None, (1,), 6),))

    (shut_out,) = shut_outs(rules, 1, [0], STAGES)

    assert shut_out.again == 7
    assert not list(shut_outs(shorter, 1, [0], STAGES))


def test_whom_it_shuts_out_follows_from_the_target_groups():
    away = {"field": "stage", "op": "in", "value": ["lapsed", "active"]}
    exclusion = ExclusionEntry("rest", 1, None, (1,), 14)

    def found(source_rule: dict, target_rule: dict):
        source = daily(1, rank=1, repeat_after_days=7, rule=source_rule)
        rules = book(source, daily(2, rule=target_rule), exclusions=(exclusion,))
        return [(f.is_for_all, f.stages) for f in shut_outs(rules, 1, [0], STAGES)]

    assert found({}, LAPSED) == [(True, ())]
    assert found(LAPSED, {}) == [(False, ("lapsed",))]
    assert found(LAPSED, away) == [(False, ("lapsed",))]
    assert found({"field": "stage", "op": "eq", "value": "new"}, LAPSED) == []
    rich = {"field": "clv_cents", "op": "gt", "value": 5}
    assert found(rich, {}) == [(False, ())]


@pytest.mark.parametrize(
    ("limits", "is_dead"),
    [
        # Possible on days 2 to 4 after its source.
        ({"exclusions": (ExclusionEntry("rest", 1, None, (1,), 5),)}, True),
        ({"exclusions": (ExclusionEntry("rest", 1, None, (1,), 4),)}, False),
        # Hours between two runs, four days apart: 96, and 97 where clocks go back in between.
        ({"gaps": (GapEntry("gap", "", 98),)}, True),
        ({"gaps": (GapEntry("gap", "", 97),)}, False),
        ({"caps": (cap(1, "days", 5),)}, True),
        ({"caps": (cap(2, "days", 5),)}, False),
    ],
)
def test_a_step_that_its_own_source_shuts_out_never_opens(limits, is_dead):
    step = FollowUpEntry(source_id=1, target=1, after_days=2, within_days=3, outcome="all")
    rules = book(daily(1), daily(2), follow_ups=(step,), **limits)

    assert [index for index, _days in dead_steps(rules)] == ([0] if is_dead else [])


@pytest.mark.parametrize(
    ("source", "target", "channel"),
    [
        ({"opened_by": EVENT}, {}, "email"),  # decided at 00:30, say; the step at 09:00 next day
        ({}, {"opened_by": EVENT}, "email"),
        ({}, {}, "web"),
    ],
)
@pytest.mark.parametrize(("hours", "is_dead"), [(30, False), (48, False), (49, True)])
def test_at_any_moment_a_gap_of_hours_is_over_on_the_day_on_which_it_ends(
    source, target, channel, hours, is_dead
):
    # From the first moment of a day to the last of the next, 48 hours; 49 where clocks go back.
    step = FollowUpEntry(source_id=1, target=1, after_days=1, within_days=1, outcome="all")
    entries = daily(1, **source), daily(2, **target)
    rules = book(
        *entries,
        channels=("email", channel),
        follow_ups=(step,),
        gaps=(GapEntry("gap", "", hours),),
    )

    assert [index for index, _days in dead_steps(rules)] == ([0] if is_dead else [])


@pytest.mark.parametrize(
    ("limit", "gap", "most"),
    [
        # In 24 hours, at 0 h and 12 h: the one at 24 h finds the first gone.
        (cap(3, "hours", 24), GapEntry("gap", "", 12), 2),
        (cap(2, "hours", 24), GapEntry("gap", "", 12), None),
        (cap(8, "days", 7), GapEntry("gap", "", 24), 7),
        (cap(2, "day"), GapEntry("gap", "", 25), 1),  # no day is longer
        (cap(2, "day"), GapEntry("gap", "", 24), None),  # the one on which clocks go back
        (cap(3, "hours", 24), GapEntry("gap", "sms", 12), None),  # others come between
        (cap(3, "hours", 24, counts_transactional=True), GapEntry("gap", "", 12), None),
        (cap(None, "hours", 24), GapEntry("gap", "", 12), None),
    ],
)
def test_a_cap_that_a_gap_never_lets_fill(limit, gap, most):
    rules = book(campaign(1), caps=(limit,), gaps=(gap,))

    assert list(unreachable_caps(rules)) == ([] if most is None else [(0, 0, most)])


# In words, from the database.


def draft(name: str, **fields) -> Campaign:
    made = make_campaign(name=name, status="draft", **fields)
    make_action(made, name="Mail")
    return made


def group(name: str, rule: dict) -> TargetGroup:
    return TargetGroup.objects.create(name=name, rule=rule)


def conflicts_in(campaign: Campaign) -> list[tuple[str, str]]:
    return [(conflict.severity, conflict.text) for conflict in conflicts_of(campaign)]


@pytest.mark.django_db
def test_a_campaign_without_conflicts_is_launched():
    assert conflicts_in(birthday := draft("Birthday")) == []
    assert launch_campaign(birthday).status == "active"


@pytest.mark.django_db
def test_a_launch_is_refused_with_the_rule_that_forbids_it():
    winback = make_campaign(name="Win-back", rank=1, repeat_after_days=7)
    make_action(winback)
    birthday = draft("Birthday", target_group=group("Lapsed", LAPSED))
    Exclusion.objects.create(
        name="Rest", campaign=winback, excluded_campaign=birthday, days=14, both_ways=True
    )
    sentence = (
        "“Birthday” can never be sent: “Win-back” blocks it for 14 days through the "
        "exclusion “Rest” and comes again after 7 days."
    )

    assert conflicts_in(birthday) == [(NEVER, sentence)]
    with pytest.raises(CampaignNotReady, match="“Birthday” can never be sent"):
        launch_campaign(birthday)


@pytest.mark.django_db
def test_customers_who_can_never_get_a_campaign_are_a_warning_and_do_not_stop_its_launch():
    winback = make_campaign(
        name="Win-back", rank=1, repeat_after_days=7, target_group=group("Lapsed", LAPSED)
    )
    make_action(winback)
    birthday = draft("Birthday")
    Exclusion.objects.create(name="Rest", campaign=winback, excluded_campaign=birthday, days=14)

    assert conflicts_in(birthday) == [
        (
            WARNING,
            (
                "“Birthday” can never be sent to lapsed: “Win-back” blocks it for 14 days "
                "through the exclusion “Rest” and comes again after 7 days."
            ),
        )
    ]
    assert launch_campaign(birthday).status == "active"


@pytest.mark.django_db
def test_who_declined_the_topic_of_the_other_gets_it_so_the_launch_is_possible():
    winback = make_campaign(name="Win-back", rank=1, repeat_after_days=7)
    make_action(winback)
    tag = Tag.objects.create(name="offers", is_topic=True, title="Offers")
    winback.tags.add(tag)
    birthday = draft("Birthday")
    Exclusion.objects.create(name="Rest", campaign=winback, excluded_campaign=birthday, days=14)

    ((severity, text),) = conflicts_in(birthday)
    assert severity == WARNING
    assert text.startswith("If “Win-back” is sent every time, “Birthday” is never sent")
    assert launch_campaign(birthday).status == "active"
    Campaign.objects.filter(pk=birthday.pk).update(status="draft")
    Tag.objects.update(is_topic=False)  # a tag that nobody ever declined holds nobody back
    assert [severity for severity, _text in conflicts_in(birthday)] == [NEVER]
    make_customer(topics_declined=[tag.pk])  # while it was a topic: it still counts
    assert [severity for severity, _text in conflicts_in(birthday)] == [WARNING]


@pytest.mark.django_db
def test_what_a_launch_would_do_to_others_is_said_on_its_page():
    birthday = make_campaign(name="Birthday")
    make_action(birthday)
    winback = draft("Win-back", rank=1, repeat_after_days=7, duration_days=9)

    ((severity, text),) = conflicts_in(winback)

    assert severity == WARNING
    assert text == (
        "“Birthday” can never be sent: “Win-back” has a cool-down of 9 days and "
        "comes again after 7 days."
    )
    assert launch_campaign(winback).status == "active"


@pytest.mark.django_db
def test_a_cap_of_zero_forbids_a_campaign_and_one_of_its_actions_is_a_warning():
    birthday = draft("Birthday")
    FrequencyCap.objects.create(name="No mail", scope="channel", channel="email", limit=0)

    assert conflicts_in(birthday) == [
        (NEVER, "“Birthday” can never be sent: the cap “No mail” allows no messages.")
    ]
    make_action(birthday, channel="sms")
    assert conflicts_in(birthday) == [
        (WARNING, "“Mail” of “Birthday” can never be sent: the cap “No mail” allows no messages.")
    ]
    Campaign.objects.update(exempt_from_caps=True)
    assert conflicts_in(Campaign.objects.get()) == []


@pytest.mark.django_db
def test_quiet_hours_without_an_end_are_found_by_country():
    birthday = draft("Birthday")
    make_customer(country="DE")
    make_customer(country="PT")
    for name, start, end in (("Night", time(18), time(9)), ("Day", time(9), time(18))):
        QuietHours.objects.create(name=name, country="DE", starts_at=start, ends_at=end)

    assert conflicts_in(birthday) == [
        (WARNING, "“Birthday” can never be sent by e-mail in DE: quiet hours cover the whole week.")
    ]
    QuietHours.objects.update(country="")
    assert conflicts_in(birthday) == [
        (
            NEVER,
            "“Birthday” can never be sent: quiet hours cover the whole week on all its channels.",
        )
    ]
    Campaign.objects.update(transactional=True, control_share=0)
    assert conflicts_in(Campaign.objects.get()) == []


@pytest.mark.django_db
def test_a_country_in_which_it_is_always_quiet_somewhere():
    birthday = draft("Birthday")
    make_customer(country="RU")
    QuietHours.objects.create(name="Evening", starts_at=time(18), ends_at=time(10))

    ((severity, text),) = conflicts_in(birthday)

    assert severity == WARNING
    assert "e-mail in RU to customers without a time zone" in text


@pytest.mark.django_db
def test_a_target_group_that_contradicts_itself():
    both = {"all": [LAPSED, {"field": "stage", "op": "eq", "value": "new"}]}
    birthday = draft("Birthday", target_group=group("Nobody", both))

    assert conflicts_in(birthday) == [
        (
            NEVER,
            "“Birthday” can never be sent: the conditions of its target group "
            "contradict each other.",
        )
    ]


@pytest.mark.django_db
def test_a_series_that_cannot_go_on():
    first, second = make_campaign(name="First"), draft("Second")
    make_action(first)
    FollowUp.objects.create(source=first, target=second, after_days=1, within_days=3)
    tag = Tag.objects.create(name="offers")
    first.tags.add(tag)
    Exclusion.objects.create(name="Rest", tag=tag, excluded_campaign=second, days=4)

    assert conflicts_in(second)[0] == (
        NEVER,
        (
            "“Second” can never follow “First”, whose message blocks it for 4 days; the "
            "step is only possible until day 3."
        ),
    )
    Exclusion.objects.update(days=3)
    first.status = "paused"
    first.save()
    assert conflicts_in(second) == [
        (WARNING, "“Second” only follows “First”, which is not active.")
    ]


@pytest.mark.django_db
def test_conflicts_of_a_transactional_campaign_are_listed():
    receipt = draft("Receipt", transactional=True, control_share=0)
    assert conflicts_in(receipt) == []
    tag = Tag.objects.create(name="service", is_topic=True, title="Service")
    receipt.tags.add(tag)
    other = draft("Other")
    CapacityLimit.objects.create(
        name="Mails", measure="contacts", scope="channel", channel="email", maximum=9
    )
    CapacityLimit.objects.create(
        name="Texts", measure="contacts", scope="channel", channel="sms", maximum=9
    )
    Campaign.objects.filter(pk=receipt.pk).update(control_share=0.1)

    share, topic, budget = conflicts_in(Campaign.objects.get(pk=receipt.pk))

    assert {share[0], topic[0], budget[0]} == {WARNING}
    assert "control share" in share[1]
    assert "has the topic “service”, so customers who opted out of it" in topic[1]
    assert "counts towards “Mails”" in budget[1]
    assert conflicts_in(other) == []


@pytest.mark.django_db
def test_whom_nobody_can_write_to_is_counted():
    make_customer(consents=["sms"])
    make_customer(email="")
    state = build_state(DAY)
    birthday = draft("Birthday", starts_on=DAY)

    assert conflicts_in(birthday) == [
        (
            WARNING,
            f"On {state.as_of} “Birthday” has no customers: nobody in its target group has both "
            "consent and an address for e-mail.",
        )
    ]
    make_action(birthday, channel="sms")
    assert conflicts_in(birthday) == []
    empty = draft("Empty", starts_on=DAY, target_group=group("Lapsed", LAPSED))
    assert "its target group is empty" in conflicts_in(empty)[0][1]


@pytest.mark.django_db
def test_the_list_of_all_conflicts_takes_drafts_one_by_one():
    make_action(make_campaign(name="Active"))
    for name in ("One", "Other"):
        draft(name, rank=1, duration_days=9, repeat_after_days=7)
    MinimumGap.objects.create(name="Gap", hours=12)
    FrequencyCap.objects.create(name="Cap", limit=3, window="hours", length=24)

    # Neither draft blocks the other, or the active one, before it is launched.
    assert [conflict.text for conflict in find_conflicts(DAY)] == [
        (
            "The cap “Cap” allows 3, but the minimum gap “Gap” leaves room for only 2 "
            "messages in its window, so the cap is never reached."
        )
    ]
