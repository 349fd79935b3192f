"""Customers by the id that other systems use, also as it comes out of a spreadsheet."""

from collections.abc import Collection

from django.db.models.functions import Lower
from django.utils.translation import gettext as _

from segments.errors import CustomerRefused
from segments.ids import read_id
from segments.models import Customer, Organisation


def find_customers(texts: Collection[str]) -> dict[str, Customer]:
    """By text: the customer stored under exactly this text, else under the ID that it means."""
    meant = {text: read_id(text) for text in texts}
    ids = {*meant, *filter(None, meant.values())}
    known = {row.external_id: row for row in Customer.objects.filter(external_id__in=ids)}
    by_text = {
        text: known.get(text) or known.get(external_id or "") for text, external_id in meant.items()
    }
    return {text: customer for text, customer in by_text.items() if customer is not None}


def find_customer(text: str) -> Customer | None:
    return find_customers([text]).get(text)


def new_id(text: str) -> str:
    """The id of a customer who is to be made. Raises CustomerRefused where it cannot be one."""
    external_id = read_id(text)
    if external_id is None:
        raise CustomerRefused(
            _(
                "“%s” is not a valid ID: it is longer than 100 characters, was altered by a "
                "spreadsheet or stands for nobody."
            )
            % text[:60]
        )
    if first := case_twin(external_id):
        raise CustomerRefused(
            _("The ID “%(id)s” differs from “%(first)s” only in upper and lower case.")
            % {"id": external_id, "first": first}
        )
    return external_id


def case_twin(external_id: str) -> str | None:
    """The id of another customer that differs in case only, where that is taken for a mistake."""
    if Organisation.current().ids_differ_by_case:
        return None
    twins = Customer.objects.alias(lower=Lower("external_id")).filter(lower=external_id.lower())
    other = twins.exclude(external_id=external_id).order_by("pk")
    return other.values_list("external_id", flat=True).first()
