"""Somebody asks for messages: a message goes to the address, whose link confirms it."""

from collections.abc import Collection
from datetime import datetime, timedelta

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.utils.translation import gettext as _
from django_q.tasks import async_task

from journeys.delivery.send_proof import VALIDATORS
from journeys.errors import SignUpRefused
from journeys.models import SignUp, SignUpForm
from segments.channels import address_field
from segments.customers.address_hash import compared
from segments.customers.suppress_addresses import find_suppression
from segments.customers.with_address import customers_with
from segments.errors import AddressRefused
from segments.models import Customer
from segments.same_person import persons_of, same_person

MOST_A_DAY = 3  # messages to one address: nobody is flooded by means of our forms
DAY = timedelta(days=1)
MAX_LENGTH = 254  # of an address; the ASCII form of a domain can be longer than what was typed
N_FORGOTTEN = 1000  # expired sign-ups deleted at a time


@transaction.atomic
def begin_sign_up(
    form: SignUpForm,
    address: str,
    *,
    topics: Collection[int],
    source: str,
    at: datetime,
    customer: Customer | None = None,
) -> SignUp | None:
    """Store a sign-up and have its message sent; None where none goes to this address.

    topics : those wanted of the form's. Whether the address is known, suppressed or was written to
    too often must not be shown to the sender. Raises SignUpRefused for what is no address, and
    while no link can be made.
    """
    if not settings.PUBLIC_URL:
        raise SignUpRefused(_("Sign-up is not available: PUBLIC_URL is not set."))
    if not form.is_open:
        raise SignUpRefused(_("This sign-up form is closed."))
    column = address_field(form.channel) or "email"
    try:
        VALIDATORS[column](address.strip())
        # As it is compared, or other spellings of it would get round MOST_A_DAY.
        address = compared(column, address)
        suppression = find_suppression(form.channel, address)
        known = customers_with(form.channel, address)
    except (ValidationError, AddressRefused) as error:
        raise SignUpRefused(_("Enter a valid address.")) from error
    if not 0 < len(address) <= MAX_LENGTH:
        raise SignUpRefused(_("Enter a valid address."))
    _forget_expired(at)
    with connection.cursor() as cursor:  # of two at once for one address, one waits
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('sign-up'), hashtext(%s))", [address])
    recent = SignUp.objects.filter(address=address, begun_at__gt=at - DAY)
    if suppression or recent.count() >= MOST_A_DAY:
        return None
    if customer is not None and getattr(customer, column):
        if set(known).isdisjoint(same_person(customer.pk)):
            raise SignUpRefused(_("The customer has another address. Change it first."))
    elif customer is None and known:
        persons = Customer.objects.filter(pk__in=persons_of(known), erased_at=None)
        customer = persons.order_by("pk").first()
    offered = form.topics.values_list("pk", flat=True)
    sign_up = SignUp.objects.create(
        form=form,
        channel=form.channel,
        address=address,
        topics={str(topic): topic in topics for topic in offered},
        customer=customer,
        wording=form.wording,
        wording_version=form.wording_version,
        source=source[:100],
        begun_at=at,
        expires_at=at + timedelta(hours=form.valid_hours),
    )
    async_task("journeys.tasks.send_confirmations", cluster=settings.PROMPT_CLUSTER)
    return sign_up


def _forget_expired(at: datetime) -> None:
    """Nobody confirmed them in time: what was typed is deleted."""
    expired = SignUp.objects.filter(confirmed_at=None, expires_at__lt=at - DAY)
    SignUp.objects.filter(pk__in=expired.values("pk")[:N_FORGOTTEN]).delete()


def erase_sign_ups(customer_id: int) -> None:
    """Of an erased customer: the addresses that were typed, and what was agreed to."""
    SignUp.objects.filter(customer_id=customer_id).delete()
