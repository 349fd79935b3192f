"""What this app knows of a person: an answer may quote the address, a script names the customer."""

from django.db import connection

from journeys.models import Call
from journeys.models.reason import PERSONAL

ERASE_REASONS = """
UPDATE journeys_delivery SET reason_params = reason_params - %(personal)s::text[]
WHERE customer_id = %(customer)s AND reason_params ?| %(personal)s::text[]
"""


def erase_reasons(customer_id: int) -> None:
    """The code stays, so that what became of each message can still be counted."""
    with connection.cursor() as cursor:
        cursor.execute(ERASE_REASONS, {"customer": customer_id, "personal": sorted(PERSONAL)})


def erase_scripts(customer_id: int) -> None:
    Call.objects.filter(customer_id=customer_id).exclude(script="").update(script="")
