"""From an action's texts and a customer to the words of one message."""

from campaigns.models import Action
from optiengine.lib.placeholders import fill_in, one_line


def render(action: Action, *, first_name: str, last_name: str, customer_id: str) -> tuple[str, str]:
    """Subject, on one line, and text of an action for one customer.

    The names that can be filled in are campaigns.models.action.PLACEHOLDERS; the campaign's check
    refuses any other.
    """
    values = {
        "first_name": first_name,
        "last_name": last_name,
        "customer_id": customer_id,
        "offer": action.offer,
        "campaign": action.campaign.name,
    }
    return one_line(fill_in(action.subject, values)), fill_in(action.body, values)
