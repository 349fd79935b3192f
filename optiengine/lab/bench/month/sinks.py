"""A mail server and a webhook endpoint on loopback that write down all that reaches them.

    python -m optiengine.lab.bench.month.sinks

prints its ports as JSON and serves until its standard input ends. A line of MONTH_FOLDER/arrived
is written before the other side gets its answer:

    {"at": seconds since 1970 of the simulated clock, "by": "smtp" | "http", "key": …, "to": …,
     "what": "taken" | "repeated" | "refused", …}

Both misbehave, for some messages by chance that hangs on the address or key alone: refusals for
good and for now, answers that come too late, connections that break after a message was taken.
"""

import json
import os
import sys
import threading
import time
from asyncio import Server
from collections import Counter
from email import message_from_bytes, policy
from hashlib import blake2b
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from optiengine.lab.bench.month.clock import SharedClock, clock_of_environment

TOO_LATE = 1.6  # seconds: longer than the endpoint's time-out of one


def luck(*parts: object) -> float:
    """In [0, 1), always the same for the same parts."""
    text = ":".join(map(str, parts)).encode()
    return int.from_bytes(blake2b(text, digest_size=6).digest(), "big") / 2**48


class Record:
    """What arrived, in order, in a file that outlives us."""

    def __init__(self, path: Path, clock: SharedClock) -> None:
        self._file = path.open("ab", buffering=0)
        self._clock = clock
        self._lock = threading.Lock()
        self._seen: Counter[str] = Counter()

    def write(self, by: str, key: str, what: str, **more: object) -> None:
        with self._lock:
            at = self._clock.now().timestamp()
            line = json.dumps({"at": at, "by": by, "key": key, "what": what, **more})
            self._file.write(line.encode() + b"\n")

    def times(self, key: str) -> int:
        """How often this has been asked before."""
        with self._lock:
            self._seen[key] += 1
            return self._seen[key] - 1


class MailServer:
    def __init__(self, record: Record) -> None:
        self.record = record

    async def handle_RCPT(
        self,
        server: SMTP,
        session: Session,
        envelope: Envelope,
        address: str,
        rcpt_options: list[str],
    ) -> str:
        if luck("no mailbox", address) < 0.01:
            self.record.write("smtp", "", "refused", to=address, answer=550)
            return "550 5.1.1 no such mailbox"
        if luck("busy", address, self.record.times(f"busy {address}")) < 0.03:
            self.record.write("smtp", "", "refused", to=address, answer=451)
            return "451 4.3.2 come again later"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Session, envelope: Envelope) -> str:
        assert isinstance(envelope.content, bytes)
        message = message_from_bytes(envelope.content, policy=policy.default)
        key = str(message["Message-ID"]).strip("<>").partition("@")[0]
        leave = str(message["List-Unsubscribe"] or "").split(",")[0].strip(" <>")
        what = "repeated" if self.record.times(key) else "taken"
        for to in envelope.rcpt_tos:
            self.record.write("smtp", key, what, to=to, leave=leave)
        if luck("cut", key) < 0.004:
            server.transport.abort()
        return "250 OK"


class _AnyPort(Controller):
    """Listens where the system lets it; the stock class greets itself at the port it asked for."""

    def _trigger_server(self) -> None:
        assert isinstance(self.server, Server)
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()


class _WebServer(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A connection that ends is part of the story."""


def _endpoint(record: Record) -> type[BaseHTTPRequestHandler]:
    class Endpoint(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            key, data = self.headers["idempotency-key"], json.loads(body)["data"]
            status, seconds, more = _mood(key, record.times(key))
            facts = {"to": data["address"], "customer": data["customer_id"]}
            facts["channel"] = data["channel"]
            if status == 200:
                what = "repeated" if record.times(f"taken {key}") else "taken"
                record.write("http", key, what, **facts)
            else:
                record.write("http", key, "refused", answer=status, **facts)
            time.sleep(seconds)
            self.send_response(status)
            for name, value in {"Content-Length": "2", **more}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *args: Any) -> None:
            """Silence."""

    return Endpoint


def _mood(key: str, n_before: int) -> tuple[int, float, dict[str, str]]:
    """Status, seconds until it is said, and headers of an answer."""
    u = luck("mood", key, n_before)
    if u < 0.01:
        return 500, 0, {}
    if u < 0.015:
        return 429, 0, {"Retry-After": "60"}
    if u < 0.025:
        return 200, TOO_LATE, {}
    if luck("unknown device", key) < 0.005:
        return 422, 0, {}
    return 200, 0, {}


def serve(folder: Path) -> None:
    record = Record(folder / "arrived", clock_of_environment())
    mail = _AnyPort(MailServer(record), hostname="127.0.0.1", port=0)
    mail.start()
    web = _WebServer(("127.0.0.1", 0), _endpoint(record))
    threading.Thread(target=web.serve_forever, args=[0.05], daemon=True).start()
    print(json.dumps({"smtp": mail.port, "http": web.server_address[1]}), flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    serve(Path(os.environ["MONTH_FOLDER"]))
