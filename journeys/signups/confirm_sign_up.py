"""The button behind the link of a confirmation: the statement, with its proof."""

from datetime import datetime

from django.db import transaction

from journeys.errors import SignUpRefused
from journeys.models import SignUp
from segments.channels import address_field
from segments.customers.lock_persons import lock_few
from segments.customers.record_consents import record_consents
from segments.customers.with_address import customers_with
from segments.customers.write_customer import write_customer
from segments.models import Customer
from segments.models.consent import ConsentSource
from segments.same_person import persons_of, same_person


@transaction.atomic
def confirm_sign_up(sign_up_id: int, *, at: datetime, ip: str = "") -> SignUp:
    """Store the consent of all who have the address; a person not known yet becomes a customer.

    Of records that are one person, each with the address gets it; the sign-up names the kept one.
    Confirming again changes nothing. Raises SignUpRefused for one that has expired, SignUp's
    DoesNotExist for one that was deleted.
    """
    sign_up = (
        SignUp.objects.select_for_update(of=["self"]).select_related("form").get(pk=sign_up_id)
    )
    if sign_up.confirmed_at is not None:
        return sign_up
    if sign_up.expires_at <= at:
        raise SignUpRefused("expired")
    proof = {
        "wording": sign_up.wording,
        "wording version": sign_up.wording_version,
        "form": sign_up.form.name,
        "address": sign_up.address,
        "asked at": sign_up.begun_at.isoformat(timespec="seconds"),
        "confirmed at": at.isoformat(timespec="seconds"),
    }
    proof |= {"IP": ip} if ip else {}
    customers = _customers(sign_up, at)
    for customer in customers:
        record_consents(
            customer,
            {sign_up.channel: True},
            {int(topic): is_wanted for topic, is_wanted in sign_up.topics.items()},
            kind=ConsentSource.SIGN_UP,
            source=f"{sign_up.form.name}: {sign_up.source}",
            said_at=at,
            at=at,
            proof=proof,
        )
    sign_up.confirmed_at, sign_up.customer_id = at, persons_of([customers[0].pk])[0]
    sign_up.address = ""  # the customer and the proof have it
    sign_up.save(update_fields=["confirmed_at", "customer", "address"])
    return sign_up


def _customers(sign_up: SignUp, at: datetime) -> list[Customer]:
    """All who have the address, and whom a partner named; else a new one."""
    ids = customers_with(sign_up.channel, sign_up.address)
    named = sign_up.customer_id
    if named is not None and set(ids).isdisjoint(same_person(named)):
        ids.append(named)
    lock_few(ids)
    customers = list(Customer.objects.filter(pk__in=ids, erased_at=None).order_by("pk"))
    column = address_field(sign_up.channel) or "email"
    for customer in customers:
        if not getattr(customer, column):  # named by a partner, without an address so far
            fields = {column: sign_up.address}
            write_customer(customer.external_id, fields, at=at, may_create=False)
    if customers:
        return customers
    fields = {column: sign_up.address, "language": sign_up.form.language}
    created, _is_new = write_customer(f"sign-up-{sign_up.pk}", fields, at=at, may_create=True)
    if created is None:
        raise SignUpRefused("no customer")
    return [created]
