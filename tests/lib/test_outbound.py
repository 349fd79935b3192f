"""Where we connect, and where we do not; and for how long."""

import socket
import ssl
import threading
import time
from collections.abc import Callable
from contextlib import closing, contextmanager

import pytest

from optiengine.lib import outbound
from optiengine.lib.outbound import (
    Connection,
    Destination,
    NoAnswer,
    NotSent,
    RefusedUrl,
    find,
    is_public,
)
from tests.certificates import self_signed


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/",  # not encrypted
        "ftp://example.com/",
        "file:///etc/passwd",
        "gopher://example.com",
        "https://",
        "https:///path",
        "https://user:password@example.com/",
        "https://user@example.com/",
        "https://example.com:22/",
        "https://example.com:99999/",
        "https://example.com:x/",
        "https://example.com/\r\nHost: other",
        "https://exa mple.com/",
        "https://exämple.com/",
        "https://[::1",
        "",
    ],
)
def test_what_is_no_address_of_a_web_server_is_refused(url):
    with pytest.raises(RefusedUrl):
        find(url, allow_private=True, allow_http=False)


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "127.1",
        "0x7f.1",
        "0177.0.0.1",
        "2130706433",
        "0.0.0.0",  # noqa: S104
        "localhost",
        "localhost.",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "224.0.0.1",
        "255.255.255.255",
        "[::1]",
        "[::]",
        "[::ffff:127.0.0.1]",
        "[::ffff:169.254.169.254]",
        "[64:ff9b::7f00:1]",
        "[2002:7f00:1::]",
        "[fe80::1]",
        "[fd00::1]",
        "[ff02::1]",
    ],
)
def test_nothing_private_is_connected_to(host, monkeypatch):
    monkeypatch.setattr(socket, "create_connection", lambda *args, **kw: pytest.fail("connected"))

    with pytest.raises((RefusedUrl, NotSent)) as refused:
        find(f"https://{host}/", allow_private=False, allow_http=False)

    assert "private network" in str(refused.value) or "not found" in str(refused.value)


def test_public_addresses_are_public():
    assert all(map(is_public, ["93.184.216.34", "2606:2800:220:1:248:1893:25c8:1946"]))


def answers(monkeypatch, *addresses: str) -> None:
    """Let every name resolve to these, one lookup after the other; the last one stays."""
    left = list(addresses)

    def look_up(host, port, **kwargs):
        addresses_now = left.pop(0) if len(left) > 1 else left[0]
        return [
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", (ip, port)) for ip in addresses_now.split()
        ]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)


def test_one_private_address_among_public_ones_is_enough_to_refuse(monkeypatch):
    answers(monkeypatch, "93.184.216.34 127.0.0.1")

    with pytest.raises(RefusedUrl):
        find("https://two.example/", allow_private=False, allow_http=False)


def test_a_host_name_is_resolved_only_once(monkeypatch):
    """DNS rebinding: public for the check, private for the connection."""
    answers(monkeypatch, "93.184.216.34", "127.0.0.1")
    destination = find("https://rebinds.example/", allow_private=False, allow_http=False)
    connected = []

    def connect(address, timeout):
        connected.append(address)
        raise ConnectionRefusedError

    monkeypatch.setattr(socket, "create_connection", connect)
    for _ in range(2):
        with pytest.raises(NotSent):
            Connection(destination, timeout_seconds=1).post(b"", {})

    assert connected == [("93.184.216.34", 443)] * 2


def drip_an_endless_line(client: socket.socket) -> None:
    client.recv(10_000)
    client.sendall(b"HTTP/1.1 200 OK\r\nX-Slow: ")
    for _ in range(100):
        client.sendall(b"x")
        time.sleep(0.1)


def say_nothing(client: socket.socket) -> None:
    time.sleep(10)


def flood(client: socket.socket) -> None:
    client.recv(10_000)
    client.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
    while True:
        client.sendall(b"x" * 65_536)


def nonsense(client: socket.socket) -> None:
    client.recv(10_000)
    client.sendall(b"\x00\xff\r\n\r\n")


@contextmanager
def peer(behave: Callable[[socket.socket], None]):
    """A raw server; ours is whatever it answers."""

    def serve() -> None:
        while True:
            try:
                client, _address = listener.accept()
            except OSError:
                return
            threading.Thread(target=work, args=[client], daemon=True).start()

    def work(client: socket.socket) -> None:
        with client:
            try:
                behave(client)
            except OSError:
                return

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=serve, daemon=True).start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)


def connection_to(port: int, *, is_tls: bool = False, timeout: float = 0.7) -> Connection:
    where = Destination("peer.example", port, is_tls, "/", ("127.0.0.1",))
    return Connection(where, timeout_seconds=timeout)


@pytest.mark.parametrize("behave", [drip_an_endless_line, say_nothing, nonsense])
def test_an_exchange_ends_in_time_however_slow_the_peer(behave):
    with peer(behave) as port, closing(connection_to(port)) as connection:
        start = time.monotonic()
        with pytest.raises(NoAnswer):
            connection.post(b"{}", {})

    assert time.monotonic() - start < 5  # the drip would take ten seconds, and twenty in all


def test_a_handshake_that_drips_ends_in_time():
    def drip_tls(client):
        client.recv(10_000)
        for byte in b"\x16\x03\x03\x40\x00" + b"\x00" * 200:
            client.sendall(bytes([byte]))
            time.sleep(0.1)

    with peer(drip_tls) as port, closing(connection_to(port, is_tls=True)) as connection:
        start = time.monotonic()
        with pytest.raises(NotSent):
            connection.post(b"{}", {})

    assert time.monotonic() - start < 5


def test_no_more_of_an_answer_is_read_than_64_kib():
    with peer(flood) as port, closing(connection_to(port)) as connection:
        answer = connection.post(b"{}", {})

    assert (answer.status, len(answer.body)) == (200, outbound.MAX_BYTES)


def test_a_certificate_that_nobody_vouches_for_is_refused_before_anything_is_sent(tmp_path):
    seen = []

    def serve_tls(client):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self_signed(tmp_path, "peer.example"))
        with context.wrap_socket(client, server_side=True) as tls:
            seen.append(tls.recv(10))

    with (
        peer(serve_tls) as port,
        closing(connection_to(port, is_tls=True)) as connection,
        pytest.raises(NotSent, match="certificate"),
    ):
        connection.post(b"{}", {})

    assert not any(seen)
