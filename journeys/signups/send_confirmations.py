"""Messages whose link confirms a sign-up. They are transactional: there is no consent yet."""

from datetime import datetime, timedelta
from uuid import NAMESPACE_URL, uuid5

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.utils import translation
from django.utils.translation import gettext as _

from journeys.delivery.channels import TRANSPORTS, Message, SendResult, SessionOver, Unreachable
from journeys.models import ChannelRoute, SignUp
from segments.channels import CHANNELS
from segments.customers.customer_links import CONFIRM, seal, unseal
from segments.customers.suppress_addresses import find_suppression
from segments.models import Organisation

MOST_ATTEMPTS = 5
NEXT_ATTEMPT = timedelta(minutes=5)
AT_ONCE = 100


def send_confirmations(*, now: datetime) -> int:
    """Send what waits; returns how many were handed over. Two at once send each message once."""
    if Organisation.current().sending_stopped:
        return 0
    n_sent = 0
    for sign_up in _claimed(now):
        n_sent += _send(sign_up, now)
    return n_sent


@transaction.atomic
def _claimed(now: datetime) -> list[SignUp]:
    """Those to send now, marked as attempted: a worker that dies has sent at most once."""
    is_due = Q(claimed_at=None) | Q(claimed_at__lt=now - NEXT_ATTEMPT, refused="")
    waiting = SignUp.objects.filter(
        is_due, sent_at=None, confirmed_at=None, refused="", expires_at__gt=now
    ).filter(attempts__lt=MOST_ATTEMPTS)
    rows = waiting.select_for_update(skip_locked=True, of=["self"]).select_related("form")
    sign_ups = list(rows.order_by("pk")[:AT_ONCE])
    for sign_up in sign_ups:
        sign_up.claimed_at, sign_up.attempts = now, sign_up.attempts + 1
        # Until the answer is in it counts as refused, so that nobody sends it again.
        sign_up.refused = "not confirmed by the other side"
        sign_up.save(update_fields=["claimed_at", "attempts", "refused"])
    return sign_ups


def _send(sign_up: SignUp, now: datetime) -> bool:
    result, reason = _hand_over(sign_up, now)
    sign_up.sent_at = now if result == SendResult.SENT else None
    sign_up.refused = reason[:200] if result in (SendResult.FAILED, SendResult.UNKNOWN) else ""
    sign_up.save(update_fields=["sent_at", "refused"])
    return result == SendResult.SENT


def _hand_over(sign_up: SignUp, now: datetime) -> tuple[SendResult, str]:
    """What is known of the message afterwards, and why it was not sent."""
    if find_suppression(sign_up.channel, sign_up.address):
        return SendResult.FAILED, "address suppressed"
    route = ChannelRoute.for_channel(sign_up.channel)
    if not route.is_open:
        return SendResult.LATER, ""
    message = message_of(sign_up, now)
    result, reason = SendResult.LATER, ""
    try:
        with TRANSPORTS[route.transport].open(route.peer_id) as send:
            for receipt in send(message.key, [message], now):
                result, reason = receipt.result, str(receipt.reason or "")
    except (Unreachable, SessionOver):
        pass  # what is known of the message is known by its receipt
    except Exception as fault:  # of any transport: the others still have their turn
        result, reason = SendResult.UNKNOWN, f"{type(fault).__name__}: {fault}"
    return result, reason or result.value


def message_of(sign_up: SignUp, now: datetime) -> Message:
    """In the form's language, with the wording that is agreed to and the link."""
    brand, form = Organisation.current().name, sign_up.form
    with translation.override(form.language):
        words = {"brand": brand, "title": form.title, "link": confirmation_url(sign_up)}
        text = _("%(brand)s: confirm your sign-up: %(link)s") % words
        subject = _("Please confirm: %(title)s") % words
        if CHANNELS[sign_up.channel].has_subject:
            text = (
                _(
                    "You signed up for messages from %(brand)s. Please confirm it here:\n\n"
                    "%(link)s\n\n"
                    "If it was not you, ignore this message: nothing more will be sent."
                )
                % words
            )
            text = f"{text}\n\n{form.title}\n{sign_up.wording}\n"
    return Message(
        delivery_id=0,
        key=uuid5(NAMESPACE_URL, f"sign-up {sign_up.pk}"),
        as_of=now.date(),
        channel=sign_up.channel,
        customer_id="",
        address=sign_up.address,
        campaign=form.name,
        action="confirmation",
        offer="",
        subject=subject,
        text=text,
    )


def confirmation_url(sign_up: SignUp) -> str:
    return f"{settings.PUBLIC_URL}/{CONFIRM}/{seal(CONFIRM, str(sign_up.pk))}/"


def read_confirmation(token: str) -> int | None:
    """The sign-up that a link is about; None for what was not made here."""
    text = unseal(CONFIRM, token)
    return int(text) if text and text.isdecimal() else None
