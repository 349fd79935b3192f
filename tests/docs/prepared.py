"""What a page counts on that its own blocks do not make, by the page's path."""

from collections.abc import Callable

from django.utils import timezone

from campaigns.models import ArmPlan
from journeys.jobs.run_day import run_day
from journeys.models import Reason, ReasonCode
from tests.factories import DAY, make_action, make_campaign, make_customer, make_delivery


def decided_today_with_a_banner() -> None:
    """One customer, today's run, and a banner that pages can ask for."""
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


PREPARED: dict[str, Callable[[], None]] = {
    "reference/api.md": decided_today_with_a_banner,
}
