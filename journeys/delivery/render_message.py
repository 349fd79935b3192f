"""From an action's texts and a customer to the words of one message."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import date
from typing import Any, Self

from django.utils.translation import gettext as _

from campaigns.message_variables import LINKS, VARIABLES
from campaigns.models import Action
from optiengine.lib.safe_text import one_line
from optiengine.lib.text_scan import TextError
from optiengine.lib.text_template import read_text
from segments.models import Customer
from segments.shapes import birthday_in_words


@dataclass(frozen=True, slots=True)
class Recipient:
    """What messages may say of a customer; columns of segments_customer by these names."""

    external_id: str
    first_name: str
    last_name: str
    language: str
    country: str
    birth_date: date | None
    attributes: Mapping[str, Any] | str  # or the same as JSON: read where a text asks for it

    @classmethod
    def of(cls, customer: Customer) -> Self:
        return cls(*(getattr(customer, column) for column in COLUMNS))

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Self:
        return cls(*(row[column] for column in COLUMNS))


COLUMNS = tuple(field.name for field in fields(Recipient))


@dataclass(frozen=True, slots=True)
class Links:
    """The addresses of a customer's own pages; empty where there are none."""

    unsubscribe_url: str = ""
    preferences_url: str = ""


@dataclass(frozen=True, slots=True)
class Words:
    """What one customer reads."""

    subject: str  # one line
    text: str
    html: str = ""


def render_message(action: Action, recipient: Recipient, links: Links = Links()) -> Words:
    """An action's texts, filled in for one customer. Raises TextError, in sentences.

    A text that asks for a link there is none of is a fault too: nobody gets an e-mail whose way
    out leads nowhere.
    """
    subject, text, html = (
        read_text(source, VARIABLES, is_html=is_html)
        for source, is_html in ((action.subject, False), (action.body, False), (action.html, True))
    )
    names = subject.names | text.names | html.names
    values = _values(action, recipient, links, names)
    return Words(one_line(subject.fill_in(values)), text.fill_in(values), html.fill_in(values))


def _values(
    action: Action, recipient: Recipient, links: Links, names: frozenset[str]
) -> dict[str, Any]:
    for name in LINKS:
        if name in names and not getattr(links, name):
            raise TextError([_("The text uses “%s”, but there is no such link.") % name])
    attributes: Any = {}
    if any(name.startswith("customer.attributes") for name in names):
        attributes = _attributes(recipient.attributes)
    return {
        "customer": {
            "id": one_line(recipient.external_id),
            "first_name": one_line(recipient.first_name),
            "last_name": one_line(recipient.last_name),
            "language": one_line(recipient.language),
            "country": one_line(recipient.country),
            "birth_date": birthday_in_words(recipient.birth_date),
            "attributes": attributes,
        },
        "offer": action.offer,
        "campaign": action.campaign.name,
        "unsubscribe_url": links.unsubscribe_url,
        "preferences_url": links.preferences_url,
    }


def _attributes(kept: Mapping[str, Any] | str) -> Any:
    try:
        return _clean(json.loads(kept) if isinstance(kept, str) else kept)
    except RecursionError as error:
        raise TextError([_("The customer's attributes are nested too deeply.")]) from error


def _clean(value: Any) -> Any:
    """Every text in a JSON value on one line."""
    if isinstance(value, str):
        return one_line(value)
    if isinstance(value, list):
        return [_clean(item) for item in value]
    if isinstance(value, dict):
        return {key: _clean(item) for key, item in value.items()}
    return value
