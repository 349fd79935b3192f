"""What deliveries know of a person: a mail server's answer may quote the address."""

from journeys.models import Delivery


def erase_reasons(customer_id: int) -> None:
    Delivery.objects.filter(customer_id=customer_id).exclude(reason="").update(reason="")
