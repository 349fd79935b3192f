"""Which customers have an address, however it is spelt in their rows."""

from django.db.models import Q, QuerySet
from django.utils.translation import gettext_lazy

from segments.addresses import email_key
from segments.customers.address_hash import FORMER, address_column, compared
from segments.errors import AddressRefused
from segments.models import Customer
from segments.models.customer import KEY_COLUMNS, PHONE_DIGITS

REFUSALS = {
    "email": gettext_lazy("“%s” is not a valid e-mail address."),
    "phone": gettext_lazy("“%s” is not a valid phone number."),
}


def is_address(column: str, address: str) -> bool:
    """Whether anything could be sent there: what is none cannot be suppressed."""
    if column == "email":
        return bool(email_key(address))
    return bool(FORMER[column](address).strip("+"))


def customers_with(channel: str, address: str) -> list[int]:
    """Ids of the customers whose address for a channel is this one. Raises AddressRefused."""
    column = address_column(channel)
    key = compared(column, address)
    similar = customers_like(column, address).values_list("pk", column)
    if key:
        return [pk for pk, _written in similar]
    former = FORMER[column]
    return [pk for pk, written in similar if former(written) == former(address)]


def customers_like(column: str, address: str) -> QuerySet[Customer]:
    """By an index: those with the same compared address; of a number that cannot be settled, those
    with the same digits that cannot be settled either.
    """
    if not is_address(column, address):
        raise AddressRefused(REFUSALS[column] % address)
    if key := compared(column, address):
        field = KEY_COLUMNS[column]
        return Customer.objects.filter(~Q(**{field: ""}), **{field: key})
    unsettled = Customer.objects.alias(spelt=PHONE_DIGITS).filter(~Q(phone=""), phone_key="")
    return unsettled.filter(spelt__in=unsettled_spellings(address))


def filter_by_address(
    customers: QuerySet[Customer], column: str, address: str
) -> QuerySet[Customer]:
    """Those who are reached by an address, in any spelling; one that is none finds nobody."""
    try:
        return customers.filter(pk__in=customers_like(column, address).values("pk"))
    except AddressRefused:
        return customers.none()


def unsettled_spellings(address: str) -> list[str]:
    """What the index of unsettled numbers has for a number, or for one that looks like it."""
    digits = FORMER["phone"](address).lstrip("+")
    return [digits, f"00{digits}"]
