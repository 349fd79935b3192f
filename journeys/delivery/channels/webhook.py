"""Messages by HTTP, one request each, signed as Standard Webhooks specifies (standardwebhooks.com).

POST, `Content-Type: application/json`. Headers: `webhook-id`, the message's key, the same at every
repeat, and again as `Idempotency-Key`; `webhook-timestamp`, seconds since 1970 at which it was
handed over; `webhook-signature`, `v1,` and the base64 of HMAC-SHA-256 over id, timestamp and body
with a point between each. The body is the same at every repeat, unless what it says has changed:

    {"type": "message.send",            or "message.test": a proof or a test
     "data": {
       "key": "0b6c…",                  drop what you have seen under it: at least 24 hours long
       "day": "2026-03-01",             for which it was decided
       "channel": "sms",                one of segments.channels
       "customer_id": "A-1",            as your own systems know the customer
       "address": "+49 170 1",          e-mail or phone; empty for push and post
       "campaign": "Spring", "action": "Text", "offer": "10 % off",
       "subject": "", "text": "Hi Anna, 10 % off.",
       "html": ""}}                     of an e-mail that also has HTML

What the answer means:

| answer                             | the message                  | the session                  |
|------------------------------------|------------------------------|------------------------------|
| 2xx                                | sent                         |                              |
| 408, 425                           | later                        |                              |
| 409 (its key is being worked on)   | again, under the same key    |                              |
| 429; 503 with Retry-After          | later                        | over                         |
| 3xx, 401, 403, 404, 405, 407, 410  | later: not about the message | over                         |
| any other 4xx                      | failed                       |                              |
| 5xx, none in time, cut off         | again, under the same key    | over after 5 in a row        |
| no connection                      | later                        | over after 5 in a row        |
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from queue import Empty, SimpleQueue
from uuid import UUID

from django.conf import settings
from standardwebhooks import Webhook

from journeys.delivery.channels.base import (
    Message,
    NotReady,
    Receipt,
    Send,
    SendResult,
    Unreachable,
    receipt_of,
)
from journeys.delivery.channels.in_flight import N_THREADS, Handed, hand_over_all
from journeys.models import Reason, ReasonCode, make_reason
from journeys.models.peer import WebhookEndpoint
from optiengine.lib.outbound import (
    Answer,
    Connection,
    Destination,
    NoAnswer,
    NotSent,
    RefusedUrl,
    as_json,
    find,
)
from optiengine.lib.sealing import SealBroken

NOT_OURS = {401, 403, 404, 405, 407, 410}  # says nothing about the message: the endpoint is wrong


class WebhookCalls:
    takes_key = True
    batch_size = 1_000
    # Within the outbox's lease: at most 5 rounds of 8 messages, each of which takes 10 s at most.
    group_size = 40
    at_once = N_THREADS

    @contextmanager
    def open(self, peer_id: int | None) -> Iterator[Send]:
        endpoint = WebhookEndpoint.objects.filter(pk=peer_id or 0, is_active=True).first()
        if endpoint is None:
            raise NotReady(Reason(ReasonCode.ENDPOINT_INACTIVE))
        try:
            signer = Webhook(endpoint.secret)
            destination = find(
                endpoint.url,
                allow_private=settings.WEBHOOK_ALLOW_PRIVATE,
                allow_http=settings.WEBHOOK_ALLOW_HTTP,
            )
        except (RefusedUrl, SealBroken) as error:
            raise NotReady.because(error) from error
        except NotSent as error:
            raise Unreachable.because(error) from error
        with ThreadPoolExecutor(N_THREADS, "webhook") as threads:
            session = _Session(destination, signer, endpoint.timeout_seconds, threads)
            try:
                yield session.send
            finally:
                session.close()


class _Session:
    def __init__(
        self,
        destination: Destination,
        signer: Webhook,
        timeout_seconds: int,
        threads: ThreadPoolExecutor,
    ) -> None:
        self._destination, self._signer = destination, signer
        self._timeout_seconds, self._threads = timeout_seconds, threads
        self._idle: SimpleQueue[Connection] = SimpleQueue()

    def send(self, _batch: UUID, messages: Sequence[Message], now: datetime) -> Iterator[Receipt]:
        return hand_over_all(self._threads, lambda each: self._hand_over(each, now), messages)

    def close(self) -> None:
        while not self._idle.empty():
            self._idle.get().close()

    def _hand_over(self, message: Message, now: datetime) -> Handed:
        body = as_json(webhook_body(message))
        try:
            connection = self._idle.get_nowait()
        except Empty:
            connection = Connection(self._destination, timeout_seconds=self._timeout_seconds)
        try:
            answer = connection.post(body, _headers(self._signer, message.key, body, now))
        except NotSent as error:
            reason = make_reason(ReasonCode.UNREACHABLE, fault=f"{error}")
            receipt = Receipt(message.delivery_id, SendResult.LATER, reason)
            return Handed(receipt, is_failure=True)
        except NoAnswer as error:
            receipt = receipt_of(message.delivery_id, SendResult.AGAIN, f"{error}")
            return Handed(receipt, is_failure=True)
        finally:
            self._idle.put(connection)
        return read_answer(message.delivery_id, answer)


def read_answer(delivery_id: int, answer: Answer) -> Handed:
    """What an answer says of its message and of the endpoint: the table above."""
    status, is_over, is_failure = answer.status, False, False
    if status // 100 == 2:
        return Handed(Receipt(delivery_id, SendResult.SENT))
    is_busy = status == 429 or (status == 503 and "retry-after" in answer.headers)
    if is_busy or status // 100 == 3 or status in NOT_OURS:
        result, is_over = SendResult.LATER, True
    elif status in (408, 425):
        result = SendResult.LATER
    elif status == 409:
        result = SendResult.AGAIN
    elif status // 100 == 4:
        result = SendResult.FAILED
    else:
        result, is_failure = SendResult.AGAIN, True
    words = answer.body.decode(errors="replace").strip()
    receipt = receipt_of(delivery_id, result, f"HTTP {status} {words}".strip())
    return Handed(receipt, is_failure=is_failure, is_over=is_over)


def _headers(signer: Webhook, key: UUID, body: bytes, now: datetime) -> dict[str, str]:
    moment = now.astimezone(UTC)  # the library takes whatever zone it is given for UTC
    return {
        "Content-Type": "application/json",
        "User-Agent": "OptiEngine",
        "webhook-id": str(key),
        "webhook-timestamp": str(int(moment.timestamp())),
        "webhook-signature": signer.sign(str(key), moment, body.decode()),
        "Idempotency-Key": str(key),
    }


def webhook_body(message: Message) -> dict[str, object]:
    return {
        "type": "message.test" if message.is_test else "message.send",
        "data": {
            "key": str(message.key),
            "day": message.as_of.isoformat(),
            "channel": message.channel,
            "customer_id": message.customer_id,
            "address": message.address,
            "campaign": message.campaign,
            "action": message.action,
            "offer": message.offer,
            "subject": message.subject,
            "text": message.text,
            "html": message.html,
        },
    }
