"""A real HTTP server on loopback that remembers what it took, and misbehaves on demand."""

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from json import loads
from typing import Any


@dataclass(frozen=True)
class Taken:
    path: str
    headers: dict[str, str]  # by lower-case names
    body: bytes

    @property
    def json(self) -> Any:
        return loads(self.body)

    @property
    def key(self) -> str:
        return self.headers["idempotency-key"]


Reply = tuple[int, dict[str, str], bytes]
OK: Reply = (200, {}, b"{}")


class HttpPeer:
    def __init__(self) -> None:
        self.taken: list[Taken] = []  # requests in order, repeats too
        # To the n-th request; it may also sleep, or raise, which cuts the connection.
        self.reply: Callable[[int, Taken], Reply] = lambda n, taken: OK
        self.n_connections = 0
        self.n_at_once = 0
        self.most_at_once = 0
        self.port = 0
        self.lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def times_taken(self) -> Counter[str]:
        return Counter(taken.key for taken in self.taken)


class Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, request, client_address) -> None:
        """A connection that ends is part of the story."""


def _handler(peer: HttpPeer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def setup(self) -> None:
            super().setup()
            with peer.lock:
                peer.n_connections += 1

        def do_POST(self) -> None:
            headers = {name.lower(): value for name, value in self.headers.items()}
            body = self.rfile.read(int(headers.get("content-length", 0)))
            taken = Taken(self.path, headers, body)
            with peer.lock:
                peer.taken.append(taken)
                number = len(peer.taken)
                peer.n_at_once += 1
                peer.most_at_once = max(peer.most_at_once, peer.n_at_once)
            try:
                status, more, answer = peer.reply(number, taken)
            finally:
                with peer.lock:
                    peer.n_at_once -= 1
            self.send_response(status)
            for name, value in ({"Content-Length": str(len(answer))} | more).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *args: Any) -> None:
            """Silence."""

    return Handler


@contextmanager
def running_http_peer() -> Iterator[HttpPeer]:
    peer = HttpPeer()
    server = Server(("127.0.0.1", 0), _handler(peer))
    peer.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=[0.01])
    thread.start()
    try:
        yield peer
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
