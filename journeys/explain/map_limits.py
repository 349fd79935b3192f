"""Which limits would hold a journey's message to one customer at a moment, by the rules of now."""

from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

import numpy as np
from django.utils.translation import gettext as _

from campaigns.models import ArmPlan, Campaign
from campaigns.numerics.quiet_hours import next_open
from campaigns.numerics.time_zones import main_zones, zones_of
from campaigns.numerics.verdicts import fact_verdicts, limit_verdicts
from campaigns.services.assign_arms import arm_at
from campaigns.services.describe_verdict import VerdictWords
from campaigns.services.load_arms import load_arms
from campaigns.services.load_rulebook import load_rulebook
from journeys.decisions.load_history import load_history
from journeys.decisions.pipeline import facts_of
from journeys.maps.steps import state_on
from segments.models import Customer, Organisation
from segments.state.features import FeatureError, features_named
from segments.state.fresh_batch import FreshQuery

AFTER_ALL = np.iinfo(np.int64).max  # a watermark above every contact there is


@dataclass
class LimitForecast:
    """What would hold a message: permanently, or until a moment, which the texts name."""

    texts: list[str]
    leaves_at: datetime | None  # None: it is not possible


def limits_of(
    campaign: Campaign, customer: Customer, at: datetime, *, plan_from: datetime | None = None
) -> dict[int, LimitForecast]:
    """By action of the campaign what would hold its message, decided at `at`.

    plan_from : a message leaves at this moment at the earliest, by default at that of the decision.
    The contacts of today count; what the days until `at` will bring is not known. Actions that are
    not active are left out.
    """
    organisation = Organisation.current()
    day = organisation.today(at)
    state = state_on(day)
    if state.pk is None:
        return _all(campaign, _("Customer data has not been computed yet."))
    names = state.feature_set.names
    try:
        features = features_named(names)
    except FeatureError as error:
        return _all(campaign, str(error))
    book = load_rulebook(day, drafts=[campaign.pk]).over(names)
    query = FreshQuery.of(
        state, day, features=features, organisation=organisation, fields=sorted(book.fields())
    )
    batch = query.read([customer.pk], at)
    if not len(batch):
        return _all(campaign, _("There is no data for this customer on that day."))
    zone = organisation.time_zone
    codes = fact_verdicts(book, facts_of(batch, np.array([_arm(customer, day)]), zone))
    history = load_history(day, book, batch.customer_ids, watermark=AFTER_ALL, at=at, zone=zone)
    zones = main_zones(batch.time_zones, batch.countries, zone)
    codes = limit_verdicts(book, codes, history, zones, at=at)
    words = VerdictWords(book)
    forecasts: dict[int, LimitForecast] = {}
    planned = max(at, plan_from or at)
    for index, action in enumerate(book.actions):
        if book.campaigns[action.campaign].id != campaign.pk:
            continue
        code = int(codes[0, index])
        outlook = LimitForecast([words(index, code)] if code else [], None if code else planned)
        forecasts[action.id] = outlook
        if campaign.transactional:  # waits for nothing
            continue
        open_at = next_open(
            book.quiet_hours,
            action.channel,
            customer.country,
            zones_of(customer.time_zone, customer.country, zone),
            planned,
        )
        if open_at is None:
            outlook.texts.append(_("Quiet hours never end for the customer."))
        elif open_at > planned:
            local = open_at.astimezone(ZoneInfo(zones[0]))
            outlook.texts.append(
                _("Waits for the end of quiet hours at %s.") % f"{local:%Y-%m-%d %H:%M}"
            )
            outlook.leaves_at = outlook.leaves_at and open_at
    return forecasts


def _all(campaign: Campaign, reason: str) -> dict[int, LimitForecast]:
    return {
        action.pk: LimitForecast([reason], None)
        for action in campaign.actions.filter(is_active=True)
    }


def _arm(customer: Customer, day: date) -> str:
    """As it is written down; for a newcomer, as it will be."""
    plan = ArmPlan.objects.filter(starts_on__lte=day).order_by("-starts_on").first()
    if plan is None:
        return ""
    [arm] = load_arms(plan.pk, np.array([customer.pk]), as_of=day, otherwise="")
    return str(arm) or arm_at(plan, customer.pk).value
