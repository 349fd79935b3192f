"""What was said about a customer's consents, and why what holds holds: panels on their page."""

from collections.abc import Mapping
from typing import Any

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from optiengine.lib.panel import Panel
from segments.channel_labels import channel_label
from segments.customers.numerics.what_holds import Holding, Why
from segments.customers.read_statements import (
    Statement,
    Subject,
    holdings_of,
    statements_of,
    topic_titles,
)
from segments.models import Customer

N_SHOWN = 50  # statements
ANSWERS: Mapping[bool | None, Any] = {
    True: gettext_lazy("yes"),
    False: gettext_lazy("no"),
    None: gettext_lazy("unreadable"),
}
HOLDS: Mapping[bool | None, Any] = {
    True: gettext_lazy("allowed"),
    False: gettext_lazy("not allowed"),
    None: gettext_lazy("unclear, nothing is sent"),
}
REASONS: Mapping[Why, str | Promise] = {
    Why.NEWEST: gettext_lazy("This is the latest statement, of %(moment)s."),
    Why.NO_AT_THE_SAME_TIME: gettext_lazy(
        "Consent was given and withdrawn at the same time, on %(moment)s, so the "
        "withdrawal applies."
    ),
    Why.WITHDRAWN_BY_CUSTOMER: gettext_lazy(
        "The customer withdrew consent on %(moment)s. Only the customer, or a later "
        "statement with proof, can give it again."
    ),
    Why.UNREADABLE: gettext_lazy(
        "The latest statement, of %(moment)s, could not be read. The next readable "
        "statement decides."
    ),
}


def answer_label(says_yes: bool | None) -> str:
    return str(ANSWERS[says_yes])


def consent_panels(customer: Customer) -> list[Panel]:
    statements = statements_of(customer)
    titles = topic_titles({each.topic for each in statements if each.topic is not None})
    return [_what_holds(statements, titles), _statements(statements, titles)]


def _what_holds(statements: list[Statement], titles: Mapping[int, str]) -> Panel:
    return Panel(
        _("Current consent"),
        [
            (subject_label(subject, titles), HOLDS[holding.allowed], reason_of(holding))
            for subject, holding in holdings_of(statements).items()
        ],
        headers=[_("Channel or topic"), _("Status"), _("Why")],
        empty=_("There is no statement about consent yet, so nothing is sent."),
        wide=True,
    )


def reason_of(holding: Holding) -> str:
    if holding.said is None:
        return ""
    return str(REASONS[holding.why]) % {"moment": _moment(holding.said.said_at)}


def subject_label(subject: Subject, titles: Mapping[int, str]) -> str:
    channel, topic = subject
    if topic is None:
        return channel_label(channel)
    return titles.get(topic) or _("topic %d") % topic


def _statements(statements: list[Statement], titles: Mapping[int, str]) -> Panel:
    return Panel(
        _("Statements about consent"),
        [
            (
                _when(each),
                subject_label(each.subject, titles),
                answer_label(each.says_yes),
                _by(each),
                ", ".join(f"{name}: {value}" for name, value in each.proof.items()) or "–",
            )
            for each in statements[:N_SHOWN]
        ],
        headers=[_("Said"), _("Channel or topic"), _("Answer"), _("By"), _("Proof")],
        empty=_("None yet."),
        wide=True,
    )


def _when(statement: Statement) -> str:
    if statement.first_said_at is None:
        return _moment(statement.said_at)
    span = {
        "first": _moment(statement.first_said_at),
        "last": _moment(statement.said_at),
        "n": statement.n_times,
    }
    text = ngettext("%(first)s to %(last)s, %(n)d time", "%(first)s to %(last)s, %(n)d times",
                    statement.n_times)  # fmt: skip
    return text % span


def _by(statement: Statement) -> str:
    by = f"{statement.kind.label}: {statement.source}"
    return _("%s (the customer)") % by if statement.by_customer else by


def _moment(moment: Any) -> str:
    return date_format(timezone.localtime(moment), "SHORT_DATETIME_FORMAT")
