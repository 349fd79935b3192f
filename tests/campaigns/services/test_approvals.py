"""A second person: nobody approves their own, and an edit takes the approval back."""

from datetime import timedelta
from threading import Barrier, Thread

import pytest
from django.contrib.auth.models import Permission, User
from django.db import IntegrityError, connection, transaction

from campaigns.errors import ApprovalRefused, CampaignNotReady, NeedsApproval
from campaigns.models import Approval, Campaign, Exclusion, FollowUp, Tag
from campaigns.services.approvals import (
    approve,
    ask,
    ask_for_launch,
    may_decide,
    refuse,
    waiting_for,
    withdraw,
    withdraw_changed,
)
from campaigns.services.launch_campaign import end_campaign, launch_campaign, pause_campaign
from segments.models import FeatureDefinition, Organisation, TargetGroup
from segments.state.build_state import build_state
from tests.factories import DAY, NOW, make_action, make_campaign, make_goal
from tests.journeys.engine import make_customers

pytestmark = pytest.mark.django_db

KIND = Approval.Kind.CAMPAIGN
STAGE = {"field": "stage", "op": "ne", "value": "lapsed"}


def make_user(name: str, *permissions: str, superuser: bool = False) -> User:
    user = User.objects.create(username=name, is_staff=True, is_superuser=superuser)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    return user


@pytest.fixture
def maker(db) -> User:
    return make_user("maker", superuser=True)


@pytest.fixture
def second(db) -> User:
    return make_user("second", "approve_approval", "view_approval")


@pytest.fixture
def draft(db) -> Campaign:
    """For ten customers, where more than five need approval."""
    make_customers(10)
    build_state(DAY)
    limit_to(5)
    group = TargetGroup.objects.create(name="Not lapsed", rule=STAGE)
    campaign = make_campaign(status="draft", target_group=group)
    make_action(campaign)
    return campaign


def limit_to(n: int | None) -> None:
    Organisation.current()
    Organisation.objects.update(approval_audience=n)


def ask_and_approve(campaign: Campaign, maker: User, second: User) -> Approval:
    approval = ask_for_launch(KIND, campaign.pk, by=maker, at=NOW)
    return approve(approval, by=second, at=NOW)


def test_a_launch_above_the_limit_waits_for_a_second_person(draft, maker, second):
    with pytest.raises(NeedsApproval, match="could reach 10 customers, more than 5"):
        launch_campaign(draft)
    approval = ask_for_launch(KIND, draft.pk, by=maker, at=NOW, note="For spring")
    assert (approval.audience, approval.status) == (10, "waiting")
    with pytest.raises(
        NeedsApproval,
        match="is waiting for approval by a second person",
    ):
        launch_campaign(draft)

    approve(approval, by=second, at=NOW + timedelta(hours=1), note="Fine")

    assert launch_campaign(draft).status == "active"


@pytest.mark.parametrize("limit", [10, 11, None])
def test_up_to_the_limit_no_approval_is_needed(draft, limit):
    limit_to(limit)

    assert launch_campaign(draft).status == "active"


def test_pausing_and_ending_never_wait(draft, maker, second):
    ask_and_approve(draft, maker, second)
    launch_campaign(draft)

    assert pause_campaign(draft).status == "paused"
    assert launch_campaign(draft).status == "active"  # in this very content it was approved
    assert end_campaign(draft).status == "ended"


def test_nobody_approves_their_own_request_not_even_a_superuser(draft, maker):
    approval = ask_for_launch(KIND, draft.pk, by=maker, at=NOW)

    for act in (approve, refuse):
        with pytest.raises(
            ApprovalRefused,
            match="neither the person who requested it nor the last person to change it",
        ):
            act(approval, by=maker, at=NOW)
    assert not may_decide(approval, maker)
    assert waiting_for(maker) == []


def test_the_last_person_to_change_a_campaign_cannot_approve_it(draft, maker, second, client):
    editor = make_user("editor", superuser=True)
    client.force_login(editor)
    url = f"/admin/campaigns/action/{draft.actions.get().pk}/change/"
    form = client.get(url).context["adminform"].form
    data = {k: v if v is not None else "" for k, v in form.initial.items()} | {"offer": "20 % off"}
    assert client.post(url, data).status_code == 302

    approval = ask_for_launch(KIND, draft.pk, by=maker, at=NOW)

    with pytest.raises(
        ApprovalRefused,
        match="neither the person who requested it nor the last person to change it",
    ):
        approve(approval, by=editor, at=NOW)
    assert approve(approval, by=second, at=NOW).status == "approved"


def test_approving_asks_for_its_permission(draft, maker):
    approval = ask_for_launch(KIND, draft.pk, by=maker, at=NOW)

    with pytest.raises(ApprovalRefused, match="You do not have permission to approve requests"):
        approve(approval, by=make_user("other", "change_campaign", "launch_campaign"), at=NOW)


def _text(campaign):
    campaign.actions.update(body="Other")


def _new_action(campaign):
    make_action(campaign)


def _action_off(campaign):
    make_action(campaign, is_active=False)


def _rule(campaign):
    TargetGroup.objects.filter(pk=campaign.target_group_id).update(rule={})


def _other_group(campaign):
    group = TargetGroup.objects.create(name="Other", rule=STAGE)
    Campaign.objects.filter(pk=campaign.pk).update(target_group=group)


def _rank(campaign):
    Campaign.objects.filter(pk=campaign.pk).update(rank=1)


def _exempt(campaign):
    Campaign.objects.filter(pk=campaign.pk).update(exempt_from_caps=True)


def _tag(campaign):
    campaign.tags.add(Tag.objects.create(name="new"))


def _control(campaign):
    Campaign.objects.filter(pk=campaign.pk).update(control_share=0)


def _goal(campaign):
    Campaign.objects.filter(pk=campaign.pk).update(goal=make_goal())


def _ignores(campaign):
    campaign.ignores_durations_of.add(make_campaign())


def _exclusion(campaign):
    Exclusion.objects.create(name="x", campaign=campaign, excluded_campaign=make_campaign(), days=3)


def _series(campaign):
    FollowUp.objects.create(source=make_campaign(), target=campaign)


EDITS = [_text, _new_action, _action_off, _rule, _other_group, _rank, _exempt, _tag, _control]
EDITS += [_goal, _ignores, _exclusion, _series]


def test_any_edit_after_the_approval_takes_it_back_in_words(draft, maker, second):
    approval = ask_and_approve(draft, maker, second)

    for edit in EDITS:
        with transaction.atomic():
            edit(draft)
            draft.refresh_from_db()
            with pytest.raises(
                NeedsApproval,
                match=f"“{draft}” has changed since it was approved. Request",
            ):
                launch_campaign(draft)
            approval.refresh_from_db()
            assert (approval.status, approval.decided_by) == ("withdrawn", second), edit
            assert approval.reason == f"“{draft}” has been changed since."
            transaction.set_rollback(True)


def test_another_definition_of_a_feature_that_the_rule_names_takes_the_approval_back(
    draft, maker, second, client
):
    def define(name):
        return FeatureDefinition.objects.create(
            name=name, label=name, aggregate="count", event_kind="visit", window_days=7
        )

    named, other = define("visits"), define("others")
    rule = {"any": [{"field": "feature.visits", "op": "ge", "value": 0}]}
    TargetGroup.objects.filter(pk=draft.target_group_id).update(rule=rule)
    draft.refresh_from_db()
    approval = ask_and_approve(draft, maker, second)
    client.force_login(make_user("editor", superuser=True))

    def widen(feature):
        values = {"name": feature.name, "label": feature.label, "aggregate": "count"}
        values |= {"event_kind": "visit", "window_days": "365"}
        limit_to(None)  # a form then saves at once
        client.post(f"/admin/segments/featuredefinition/{feature.pk}/change/", values)
        limit_to(5)
        feature.refresh_from_db()
        assert feature.window_days == 365

    widen(other)
    withdraw_changed()
    approval.refresh_from_db()
    assert approval.status == "approved"
    widen(named)
    with pytest.raises(
        NeedsApproval, match=f"“{draft}” has changed since it was approved. Request"
    ):
        launch_campaign(draft)
    approval.refresh_from_db()
    assert approval.status == "withdrawn"


def test_an_edit_undone_does_not_bring_the_approval_back(draft, maker, second):
    ask_and_approve(draft, maker, second)
    Campaign.objects.filter(pk=draft.pk).update(rank=1)
    with pytest.raises(NeedsApproval):
        launch_campaign(draft)
    Campaign.objects.filter(pk=draft.pk).update(rank=None)

    with pytest.raises(
        NeedsApproval, match=f"“{draft}” has changed since it was approved. Request"
    ):
        launch_campaign(draft)


def test_an_edit_before_the_approval_takes_the_request_back(draft, maker, second):
    approval = ask_for_launch(KIND, draft.pk, by=maker, at=NOW)
    draft.actions.update(body="Other")

    with pytest.raises(ApprovalRefused, match="has been changed since"):
        approve(approval, by=second, at=NOW)

    approval.refresh_from_db()
    assert approval.status == "withdrawn"


def test_launching_and_counting_are_no_edits(draft, maker, second):
    ask_and_approve(draft, maker, second)
    TargetGroup.objects.update(n_customers=7, counted_on=DAY)
    launch_campaign(draft)
    pause_campaign(draft)

    assert launch_campaign(draft).status == "active"


def test_a_refusal_is_final_and_approval_can_be_requested_again(draft, maker, second):
    approval = ask_for_launch(KIND, draft.pk, by=maker, at=NOW)
    refuse(approval, by=second, at=NOW, note="Too many")
    with pytest.raises(ApprovalRefused, match="Its status is “refused”"):
        approve(approval, by=second, at=NOW)
    with pytest.raises(CampaignNotReady, match="Request approval first"):
        launch_campaign(draft)

    assert ask_for_launch(KIND, draft.pk, by=maker, at=NOW).pk != approval.pk


def test_asking_twice_for_the_same_is_one_request(draft, maker, second):
    first = ask_for_launch(KIND, draft.pk, by=maker, at=NOW)

    assert ask_for_launch(KIND, draft.pk, by=second, at=NOW) == first


def test_a_request_can_be_taken_back_by_the_person_who_made_it(draft, maker, second):
    approval = ask_for_launch(KIND, draft.pk, by=maker, at=NOW)
    with pytest.raises(
        ApprovalRefused, match=("Only the person who requested it can take it back")
    ):
        withdraw(approval, by=second, at=NOW)

    assert withdraw(approval, by=maker, at=NOW).status == "withdrawn"


def test_a_dry_run_changes_nothing_until_approval_is_requested(draft, maker, second):
    tried = ask_for_launch(KIND, draft.pk, by=maker, at=NOW, only_try=True)
    with pytest.raises(ApprovalRefused, match="Its status is “dry run only”"):
        approve(tried, by=second, at=NOW)

    approve(ask(tried, by=maker, at=NOW), by=second, at=NOW)

    assert launch_campaign(draft).status == "active"


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("other", [approve, refuse], ids=["approve", "refuse"])
def test_of_two_simultaneous_decisions_the_second_is_refused(draft, maker, second, other):
    third = make_user("third", "approve_approval")
    approval = ask_for_launch(KIND, draft.pk, by=maker, at=NOW)
    start, said = Barrier(2), []

    def decide(act, user):
        start.wait()
        try:
            said.append(act(approval, by=user, at=NOW).status)
        except ApprovalRefused as error:
            said.append(str(error))
        finally:
            connection.close()

    threads = [Thread(target=decide, args=pair) for pair in ((approve, second), (other, third))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    status = Approval.objects.get().status
    assert sorted(said) == sorted([status, f"Its status is “{status}”."])


def test_the_database_itself_keeps_people_from_approving_their_own(draft, maker):
    approval = ask_for_launch(KIND, draft.pk, by=maker, at=NOW)

    with pytest.raises(IntegrityError), transaction.atomic():
        Approval.objects.filter(pk=approval.pk).update(status="approved", decided_by=maker)
