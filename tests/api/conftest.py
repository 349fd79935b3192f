"""Callers of the API, and a decided day for them to read."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission, User
from django.core.cache import cache
from rest_framework.authtoken.models import Token
from rest_framework.test import APIClient

from campaigns.models import Campaign, Exclusion, FrequencyCap, MinimumGap, QuietHours, Tag
from journeys.models import DecisionRun
from segments.models import TargetGroup
from tests.factories import DAY, make_action, make_campaign, make_customer
from tests.journeys.drawn_maps import ENTRY, draw, make_step_campaign, send, wait
from tests.journeys.drawn_maps import launch as launch_map
from tests.journeys.engine import decide_day, make_plan
from tests.reports.ledger import make_contacts


def client_of(user: User) -> APIClient:
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Token {Token.objects.create(user=user).key}")
    return client


@pytest.fixture(autouse=True)
def _quick_first_log_ins(settings):
    """The throttle counts in the cache, which tests share; a strong hash would cost seconds."""
    cache.clear()
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture
def anonymous() -> APIClient:
    return APIClient()


@pytest.fixture
def stranger(db) -> APIClient:
    """Logged in, without any permission."""
    return client_of(User.objects.create_user("stranger"))


@pytest.fixture
def viewer(db) -> APIClient:
    """May look at everything and change nothing."""
    user = User.objects.create_user("viewer")
    user.user_permissions.set(Permission.objects.filter(codename__startswith="view_"))
    return client_of(user)


@pytest.fixture
def superuser(db) -> APIClient:
    return client_of(User.objects.create_superuser("root"))


@pytest.fixture
def campaign(db) -> Campaign:
    group = TargetGroup.objects.create(name="Everyone")
    campaign = make_campaign(target_group=group, rank=1, control_share=0.5)
    make_action(campaign, cost_cents=12.5)
    return campaign


@pytest.fixture
def run(campaign) -> DecisionRun:
    """DAY, decided for twelve customers by one ranked campaign, half of them controls."""
    make_plan()
    for number in range(12):
        make_customer(external_id=f"K-{number}", registered_on=DAY - timedelta(days=100))
    return decide_day()


@pytest.fixture
def measured(run, campaign) -> DecisionRun:
    """An older experiment, apart from the run, with its outcomes: something to report."""
    action = campaign.actions.get()
    for is_control, n_responders in ((False, 30), (True, 15)):
        make_contacts(
            action,
            100,
            n_responders=n_responders,
            is_control=is_control,
            as_of=DAY - timedelta(days=10),
        )
    return run


@pytest.fixture
def rules(campaign) -> dict[str, int]:
    """Ids of a rule of each kind that keeps messages apart, and of a map."""
    offers = Tag.objects.create(name="offers")
    cap = FrequencyCap.objects.create(name="One offer a week", scope="tag", tag=offers, limit=1)
    gap = MinimumGap.objects.create(name="Two days", hours=48)
    night = QuietHours.objects.create(name="Night", starts_at="22:00", ends_at="08:00")
    exclusion = Exclusion.objects.create(
        name="No offers after", campaign=campaign, excluded_tag=offers, days=3
    )
    reminder = make_step_campaign(name="Cart reminder")
    steps = {"entry": ENTRY, "wait": wait(60), "remind": send(reminder)}
    journey = launch_map(draw(steps, "entry>wait wait>remind"), name="Abandoned cart")
    return {
        "cap": cap.pk,
        "gap": gap.pk,
        "quiet": night.pk,
        "exclusion": exclusion.pk,
        "map": journey.pk,
    }
