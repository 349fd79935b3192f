"""The customer page's panel on the predicted value: its course, and what moved it."""

from django.template.loader import render_to_string
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from optiengine.charts import marked_line
from optiengine.lib.figures import money, percent
from optiengine.lib.panel import Panel
from segments.models import Customer, Organisation, StateBuild
from segments.state.value_history import Cause, ValueHistory, ValueStep, value_history

N_STEPS = 10  # rows


def value_panel(customer: Customer) -> Panel:
    newest = StateBuild.objects.first()
    history = value_history(customer, newest.as_of) if newest else ValueHistory([], [])
    currency = Organisation.current().currency
    return Panel(
        _("Predicted value over time"),
        [_row(step, currency) for step in reversed(history.steps[-N_STEPS:])],
        headers=[_("Day"), _("Event"), _("Before"), _("After"), _("Change"), _("Active")],
        empty=_("At least two days of data are needed."),
        wide=True,
        body=_chart(history),
    )


def _row(step: ValueStep, currency: str) -> tuple[str, ...]:
    change = money(step.change_cents, currency)
    return (
        date_format(step.until, "SHORT_DATE_FORMAT"),
        words_of(step),
        money(step.before_cents, currency),
        money(step.after_cents, currency),
        f"+{change}" if round(step.change_cents) > 0 else change,
        percent(step.p_alive),
    )


def words_of(step: ValueStep) -> str:
    words = {
        Cause.ORDER: _("order"),
        Cause.RETURN: _("return"),
        Cause.REFIT: _("models refitted"),
        Cause.QUIET: ngettext(
            "%(n)s day without an order", "%(n)s days without an order", step.n_days
        )
        % {"n": step.n_days},
    }
    return ", ".join(words[cause] for cause in step.causes)


def _chart(history: ValueHistory) -> str:
    """Marks at the first state that knows of an order, a return or other models."""
    marks = {
        step.until: (
            step.causes[0].value,
            f"{date_format(step.until, 'SHORT_DATE_FORMAT')}: {words_of(step)}",
        )
        for step in history.steps
        if step.causes[0] is not Cause.QUIET
    }
    chart = marked_line(history.points, marks)
    return render_to_string("optiengine/value_chart.html", {"chart": chart}) if chart else ""
