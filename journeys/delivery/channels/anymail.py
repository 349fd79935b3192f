"""E-mail by a service provider, through django-anymail; ANYMAIL_ESP names which.

Anymail knows no key by which a provider would drop a repeat, so a message is handed over at most
once: what is unclear stays unclear until a person settles it, or the provider reports on it. The
delivery's key and day travel as metadata and come back with such reports (record_tracking); the
campaign is the tag.

| the provider says                                    | the message | the session |
|------------------------------------------------------|-------------|-------------|
| taken: queued or sent                                | sent        |             |
| rejected or invalid recipient                        | failed, and |             |
|                                                      | a bounce    |             |
| failed recipient; 400, 422 …                         | failed      |             |
| 408, 425                                             | later       |             |
| 401, 402, 403, 404, 405, 407, 410, 429; 503 with     | later       | over        |
| Retry-After; no connection; anymail not set up       |             |             |
| other 5xx, no answer, an answer nobody understands   | unknown     | over        |

Several are in flight at once, so up to eight can become unknown when a provider breaks.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from queue import SimpleQueue
from ssl import SSLCertVerificationError

from anymail.exceptions import AnymailAPIError, AnymailError, AnymailRecipientsRefused
from anymail.exceptions import AnymailUnsupportedFeature as Unsupported
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured, ValidationError
from django.core.mail import EmailMessage, get_connection
from django.core.mail.backends.base import BaseEmailBackend
from django.core.validators import validate_email
from django.utils.text import slugify
from requests.exceptions import ConnectTimeout
from urllib3.exceptions import MaxRetryError, NewConnectionError, SSLError

from journeys.delivery.channels.base import (
    Message,
    NotReady,
    Receipt,
    Send,
    SendResult,
    receipt_of,
)
from journeys.delivery.channels.email import as_email
from journeys.delivery.channels.in_flight import N_THREADS, Handed, hand_over_all
from journeys.models import Reason, ReasonCode, make_reason

NOT_OURS = {401, 402, 403, 404, 405, 407, 410, 429}  # says nothing about the message
TAG_LENGTH = 64


class ServiceProvider:
    takes_key = False
    batch_size = 500
    at_once = N_THREADS
    group_size = 40  # within the outbox's lease: five rounds of eight, ten seconds each

    @contextmanager
    def open(self, _peer_id: int | None) -> Iterator[Send]:
        if not settings.ANYMAIL_ESP:
            raise NotReady(Reason(ReasonCode.PROVIDER_NOT_SET))
        try:
            backends = [_backend() for _number in range(N_THREADS)]
        except ImproperlyConfigured as error:
            raise NotReady.because(error) from error
        idle: SimpleQueue[BaseEmailBackend] = SimpleQueue()
        for backend in backends:
            idle.put(backend)
        with ThreadPoolExecutor(N_THREADS, "anymail") as threads:
            try:
                yield lambda _batch, messages, now: _send(threads, idle, messages, now)
            finally:
                for backend in backends:
                    backend.close()


def _backend() -> BaseEmailBackend:
    backend = get_connection(f"anymail.backends.{settings.ANYMAIL_ESP}.EmailBackend")
    backend.open()
    return backend


def _send(
    threads: ThreadPoolExecutor,
    idle: SimpleQueue[BaseEmailBackend],
    messages: Sequence[Message],
    now: datetime,
) -> Iterator[Receipt]:
    def hand_over(message: Message) -> Handed:
        backend = idle.get()
        try:
            return _hand_over(backend, message, now)
        finally:
            idle.put(backend)

    return hand_over_all(threads, hand_over, messages)


def _hand_over(backend: BaseEmailBackend, message: Message, now: datetime) -> Handed:
    receipt = partial(Receipt, message.delivery_id)
    answered = partial(receipt_of, message.delivery_id)

    email = _as_email(message, now)
    try:
        validate_email(message.address)
        n_taken = backend.send_messages([email])
    except ValidationError:
        return Handed(receipt(SendResult.FAILED, Reason(ReasonCode.ADDRESS_INVALID)))
    except AnymailRecipientsRefused:
        return Handed(answered(SendResult.FAILED, _statuses(email), is_bounce=True))
    except (Unsupported, ImproperlyConfigured) as error:  # no message would fare better
        reason = make_reason(ReasonCode.NOT_SET_UP, fault=f"{error}")
        return Handed(receipt(SendResult.LATER, reason), is_over=True)
    except AnymailAPIError as error:
        result, is_over = _read_error(error)
        if error.status_code is None and result == SendResult.LATER:
            reason = make_reason(ReasonCode.UNREACHABLE, fault=_words(error))
            return Handed(receipt(result, reason), is_over=is_over)
        return Handed(answered(result, _words(error)), is_over=is_over)
    except (AnymailError, ValueError) as error:  # raised before anything is handed over
        reason = make_reason(ReasonCode.MESSAGE_INVALID, fault=f"{error}")
        return Handed(receipt(SendResult.FAILED, reason))
    statuses = email.anymail_status.status  # type: ignore[attr-defined]
    if n_taken and statuses and statuses <= {"sent", "queued"}:
        return Handed(receipt(SendResult.SENT))
    if statuses and statuses <= {"rejected", "invalid", "failed"}:
        is_bounce = "failed" not in statuses
        return Handed(answered(SendResult.FAILED, _statuses(email), is_bounce=is_bounce))
    return Handed(receipt(SendResult.UNKNOWN, Reason(ReasonCode.NOT_CONFIRMED)))


def _read_error(error: AnymailAPIError) -> tuple[SendResult, bool]:
    """What an error of the provider's API says of the message, and whether the session is over."""
    status = error.status_code
    if status is None:
        return (SendResult.LATER if _never_left(error) else SendResult.UNKNOWN), True
    if status in NOT_OURS or (status == 503 and "Retry-After" in error.response.headers):
        return SendResult.LATER, True
    if status in (408, 425):
        return SendResult.LATER, False
    if status // 100 == 4:
        return SendResult.FAILED, False
    return SendResult.UNKNOWN, True


def _never_left(error: Exception) -> bool:
    """Whether the connection failed before the request was written."""
    if isinstance(error, ConnectTimeout):
        return True
    cause = error.__cause__.args[0] if error.__cause__ and error.__cause__.args else None
    reason = cause.reason if isinstance(cause, MaxRetryError) else None
    if isinstance(reason, SSLError):  # a wrong certificate is surely before, others perhaps
        return bool(reason.args) and isinstance(reason.args[0], SSLCertVerificationError)
    return isinstance(reason, NewConnectionError)


def _statuses(email: EmailMessage) -> str:
    return ", ".join(sorted(email.anymail_status.status or ()))  # type: ignore[attr-defined]


def _words(error: AnymailAPIError) -> str:
    """What the provider said, or what went wrong; never the request, which holds the API key."""
    if error.response is not None:
        return f"HTTP {error.status_code} {error.response.text}"
    return error.describe_cause() or f"{error}"


def _as_email(message: Message, now: datetime) -> EmailMessage:
    email = as_email(message, now)
    for header in ("Message-ID", "Date"):  # the provider's own, by which it reports
        email.extra_headers.pop(header, None)
    email.metadata = {  # type: ignore[attr-defined]
        "delivery": str(message.key),
        "day": message.as_of.isoformat(),
    }
    email.tags = [slugify(message.campaign)[:TAG_LENGTH] or "campaign"]  # type: ignore[attr-defined]
    return email
