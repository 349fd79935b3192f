"""A real SMTP server on loopback that remembers what it took, and misbehaves on demand."""

from asyncio import Server
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from aiosmtpd.controller import Controller


class SmtpPeer:
    def __init__(self) -> None:
        self.taken: list[tuple[str, EmailMessage]] = []  # recipient and message, in order
        self.replies: dict[str, str] = {}  # to a recipient, instead of taking it
        self.messages_per_connection: int | None = None
        self.after_taking: Callable[[int, Any], None] = lambda n, server: None
        self.port = 0

    @property
    def recipients(self) -> list[str]:
        return [recipient for recipient, _message in self.taken]

    @property
    def times_taken(self) -> Counter[str]:
        """How often each Message-ID arrived."""
        return Counter(str(message["Message-ID"]) for _recipient, message in self.taken)

    async def handle_RCPT(self, server, session, envelope, address, rcpt_options) -> str:
        if session.__dict__.setdefault("n_taken", 0) == self.messages_per_connection:
            return "421 enough for one connection"
        if reply := self.replies.get(address):
            return reply
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope) -> str:
        session.n_taken += 1
        message = message_from_bytes(envelope.content, policy=policy.default)
        self.taken.append((envelope.rcpt_tos[0], message))
        self.after_taking(len(self.taken), server)
        return "250 OK"


class _AnyPort(Controller):
    """Listens where the system lets it; the stock class greets itself at the port it asked for."""

    def _trigger_server(self) -> None:
        assert isinstance(self.server, Server)
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()


@contextmanager
def running_smtp_peer() -> Iterator[SmtpPeer]:
    peer = SmtpPeer()
    controller = _AnyPort(peer, hostname="127.0.0.1", port=0)
    controller.start()
    try:
        peer.port = controller.port
        yield peer
    finally:
        controller.stop()
