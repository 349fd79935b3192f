"""What a page counts on that its own blocks do not make, by the page's path."""

from collections.abc import Callable
from datetime import timedelta

from django.contrib.auth.models import User
from django.utils import timezone

from campaigns.models import ArmPlan, Campaign, Goal
from journeys.jobs.run_day import run_day
from journeys.models import Reason, ReasonCode
from segments.models import TargetGroup
from tests.factories import DAY, make_action, make_campaign, make_customer, make_delivery


def decided_today_with_a_banner() -> None:
    """A partner's user, one customer, today's run, and a banner that pages can ask for."""
    User.objects.create_user("shop", password="…")
    # Everybody is decided for by the engine: who belongs to which group is drawn by chance.
    ArmPlan.objects.create(starts_on=DAY, holdout_share=0, baseline_share=0)
    customer = make_customer(external_id="K-1000")
    loyalty = make_campaign(name="Loyalty upgrade", rank=1, control_share=0)
    make_action(
        loyalty,
        name="Banner",
        channel="web",
        offer="Free delivery",
        subject="",
        body="Welcome back, {{ customer.first_name }}!",
    )
    run_day(timezone.now().date(), send=False)
    paused = make_action(make_campaign(status="paused"))
    make_delivery(customer, paused, status="suppressed", reason=Reason(ReasonCode.NO_CONSENT))


def the_first_campaign() -> None:
    """What the reader of the tutorial makes in the admin, before the run that decides."""
    recent = {"field": "feature.recency_days", "op": "lt", "value": 181}
    campaign = Campaign.objects.create(
        name="New arrivals",
        goal=Goal.objects.create(name="Order within 14 days", window_days=14),
        target_group=TargetGroup.objects.create(name="Ordered in the last 180 days", rule=recent),
        starts_on=timezone.now().date(),
        status=Campaign.Status.ACTIVE,
    )
    make_action(campaign, subject="New arrivals", body="Hello")


def decided_on_the_days_of_the_examples() -> None:
    """Runs of two days, with a campaign that could have had a priority."""
    make_customer()
    make_action(make_campaign(name="Birthday"))
    for day in (DAY - timedelta(days=28), DAY):
        run_day(day, send=False)


PREPARED: dict[str, Callable[[], None]] = {
    "how-to/backup.md": decided_on_the_days_of_the_examples,
    "how-to/explain-a-decision.md": decided_on_the_days_of_the_examples,
    "how-to/what-if.md": decided_on_the_days_of_the_examples,
    "reference/api.md": decided_today_with_a_banner,
    "tutorial/first-campaign.md": the_first_campaign,
}
