"""Which customers have an address, however it is spelt in their rows."""

from django.db.models import Q, QuerySet
from django.db.models.functions import Upper
from django.utils.translation import gettext_lazy

from segments.customers.address_hash import NORMAL, address_column
from segments.errors import AddressRefused
from segments.models import Customer
from segments.models.customer import PHONE_DIGITS

REFUSALS = {
    "email": gettext_lazy("“%s” is not a valid e-mail address."),
    "phone": gettext_lazy("“%s” is not a valid phone number."),
}


def is_address(column: str, address: str) -> bool:
    """Whether anything could be sent there: what is none cannot be suppressed."""
    normal = NORMAL[column](address)
    if column == "email":
        local, at, domain = normal.rpartition("@")
        return bool(local and at and domain)
    return bool(normal.strip("+"))


def customers_with(channel: str, address: str) -> list[int]:
    """Ids of the customers whose address for a channel is this one. Raises AddressRefused."""
    column = address_column(channel)
    normal = NORMAL[column](address)
    candidates = customers_like(column, normal).values_list("pk", column)
    return [pk for pk, other in candidates if NORMAL[column](other) == normal]


def customers_like(column: str, normal: str) -> QuerySet[Customer]:
    """By an index: those whose address has the same letters or digits as one in normal form."""
    if not is_address(column, normal):
        raise AddressRefused(REFUSALS[column] % normal)
    if column == "email":
        return Customer.objects.alias(spelt=Upper("email")).filter(
            spelt__in=spellings(column, normal)
        )
    numbers = Customer.objects.alias(spelt=PHONE_DIGITS).filter(~Q(phone=""))
    return numbers.filter(spelt__in=spellings(column, normal))


def spellings(column: str, normal: str) -> list[str]:
    """What the indexes have for an address that is this one in normal form, or looks like it."""
    if column == "email":
        local, _at, domain = normal.rpartition("@")
        return [normal.upper(), f"{local}@{_spoken(domain)}".upper()]
    digits = normal.lstrip("+")
    return [digits, f"00{digits}"]


def _spoken(domain: str) -> str:
    """A domain in ASCII, decoded."""
    try:
        return domain.encode().decode("idna")
    except UnicodeError:
        return domain
