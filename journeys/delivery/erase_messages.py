"""What this app knows of a person: an answer may quote the address, a script names the customer."""

from journeys.models import Call, Delivery


def erase_reasons(customer_id: int) -> None:
    Delivery.objects.filter(customer_id=customer_id).exclude(reason="").update(reason="")


def erase_scripts(customer_id: int) -> None:
    Call.objects.filter(customer_id=customer_id).exclude(script="").update(script="")
