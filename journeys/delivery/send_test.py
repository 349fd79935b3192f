from datetime import datetime
from uuid import UUID

from django.utils.translation import gettext as _

from journeys.delivery.channels import TRANSPORTS, Message, SendResult, SessionOver, Unreachable
from journeys.models import ChannelRoute

Transport = ChannelRoute.Transport
TEST_CHANNEL = "test"  # what the other side reads as the channel: it is none of ours


def send_test(
    transport: str, peer_id: int | None, *, address: str, key: UUID, now: datetime
) -> tuple[bool, str]:
    """Hand over a test message of no customer; whether that went well, and a sentence about it.

    address : where it goes by e-mail. Never raises: the sentence says what went wrong.
    """
    if transport == Transport.CALL_LIST:
        return True, _("Calls are listed in OptiEngine, so there is no other system to test.")
    if transport in (Transport.SMTP, Transport.ANYMAIL) and not address:
        return False, _("Your user has no e-mail address. Add one to receive the test message.")
    message = Message(
        delivery_id=0,
        key=key,
        as_of=now.date(),
        channel=TEST_CHANNEL,
        customer_id="test",
        address=address,
        campaign="Test",
        action="Test",
        offer="",
        subject=_("Test message"),
        text=_("This is a test message. It does not go to any customer."),
    )
    receipts = []
    try:
        with TRANSPORTS[transport].open(peer_id) as send:
            for receipt in send(key, [message], now):
                receipts.append(receipt)
    except (Unreachable, SessionOver) as error:
        reason = str(error)
    except Exception as error:  # the user is shown any error
        reason = f"{type(error).__name__}: {error}"
    else:
        reason = ""
    if receipts and receipts[0].result == SendResult.SENT:
        return True, _("The test message was accepted.")
    if receipts and (known := receipts[0].reason):
        reason = known.params.get("answer") or str(known)
    reason = reason or _("no reason was given")
    return False, _("The test message was not accepted: %(reason)s") % {"reason": reason[:300]}
