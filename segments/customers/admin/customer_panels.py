"""Panels next to the form on a customer's page."""

from typing import Any
from urllib.parse import urlencode

from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from optiengine.lib.figures import money, number, percent
from optiengine.lib.panel import Panel
from segments.customers.admin.consent_panels import consent_panels
from segments.models import Customer, CustomerState, Event, EventKind, StateBuild
from segments.same_person import merged_into
from segments.state.features import feature_values

N_RECENT = 10  # rows in a panel


def customer_panels(customer: Customer, currency: str) -> list[Panel]:
    return [
        *_state_panels(customer, currency),
        _moves(customer),
        *consent_panels(customer),
        _events(customer, currency),
    ]


def _state_panels(customer: Customer, currency: str) -> list[Panel]:
    build = StateBuild.objects.first()
    state = (
        CustomerState.objects.filter(customer=customer, as_of=build.as_of)
        .select_related("micro_segment")
        .first()
        if build
        else None
    )
    if state is None:
        nothing = _("There is no data for this customer yet.")
        return [Panel(_("Today"), [], empty=nothing)]
    day = date_format(state.as_of, "SHORT_DATE_FORMAT")
    today: list[tuple[str, Any]] = [
        (_("stage"), state.get_stage_display()),
        (_("micro-segment"), state.micro_segment.name),
        (_("predicted value"), money(state.clv_cents, currency)),
        (_("probability of being active"), percent(state.p_alive)),
    ]
    return [
        Panel(_("As of %s") % day, today),
        Panel(_("Features"), [(label, number_of(value)) for label, value in feature_values(state)]),
    ]


def number_of(value: float) -> str:
    """A feature's value with as many places as it needs."""
    return number(value, 0 if float(value).is_integer() else 2)


def _moves(customer: Customer) -> Panel:
    moves = customer.moves.select_related("origin", "target").order_by("-moved_on")[:N_RECENT]
    return Panel(
        _("Moves between micro-segments"),
        [
            (date_format(move.moved_on, "SHORT_DATE_FORMAT"), move.origin or "–", move.target)
            for move in moves
        ],
        headers=[_("Day"), _("From"), _("To")],
        empty=_("None yet."),
    )


def _events(customer: Customer, currency: str) -> Panel:
    labels = {value: str(label) for value, label in EventKind.choices}
    records = [customer.pk, *merged_into(customer.pk)]
    events = Event.objects.filter(customer__in=records).order_by("-occurred_at")[:N_RECENT]
    query = urlencode({"q": customer.external_id})
    return Panel(
        _("Recent events"),
        [
            (
                date_format(timezone.localtime(event.occurred_at), "SHORT_DATETIME_FORMAT"),
                labels.get(event.kind, event.kind),
                money(event.amount_cents, currency),
            )
            for event in events
        ],
        headers=[_("When"), _("Kind"), _("Amount")],
        empty=_("None yet."),
        link=f"{reverse('admin:segments_event_changelist')}?{query}",
        link_text=_("All"),
    )
