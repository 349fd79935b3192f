"""HTTP to addresses that a user typed in: only to public ones, pinned, and bounded.

The name is resolved once for a destination. All of its addresses must be public, and connections
go to just these: a name that answers differently the next time (DNS rebinding) changes nothing.
The certificate is still that of the name. Redirects are not followed, proxies not used, and one
exchange takes as long as it may, connecting included, however slowly the other side drips.
"""

import json
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from ipaddress import IPv6Address, IPv6Network, ip_address
from threading import Timer
from time import monotonic
from urllib.parse import urlsplit

from django.utils.translation import gettext as _

MAX_BYTES = 64 * 1024  # of an answer that are read; the rest is not waited for
WEB_PORTS = {80, 443}
# Public in themselves, but a gateway may lead from them to private IPv4 addresses.
TRANSLATED = [IPv6Network(net) for net in ("64:ff9b::/96", "64:ff9b:1::/48", "2002::/16")]


class RefusedUrl(Exception):
    """We do not connect there; the sentence says why."""


class NotSent(Exception):
    """The connection failed before anything of the request left."""


class NoAnswer(Exception):
    """The request left, wholly or in part, and no complete answer came: perhaps it was taken."""


@dataclass(frozen=True)
class Destination:
    """Where a URL leads, checked."""

    host: str
    port: int
    is_tls: bool
    path: str
    addresses: tuple[str, ...]


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]  # by lower-case names
    body: bytes  # the first MAX_BYTES


def check_url(url: str, *, allow_http: bool) -> tuple[str, int, bool, str]:
    """Host, port, whether by TLS, and path with query. Raises RefusedUrl; resolves nothing."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise RefusedUrl(_("“%(url)s” is not a valid web address.") % {"url": url}) from None
    if parts.scheme not in ("http", "https") or not host:
        raise RefusedUrl(_("The address must start with https://, followed by a host."))
    if parts.scheme == "http" and not allow_http:
        raise RefusedUrl(_("The address must start with https://, because http is not encrypted."))
    if parts.username is not None or parts.password is not None:
        raise RefusedUrl(_("The address must not contain a user name or password."))
    if any(not 0x20 < ord(sign) < 0x7F for sign in url):
        raise RefusedUrl(_("The address must contain only ASCII characters and no spaces."))
    is_tls = parts.scheme == "https"
    port = port or (443 if is_tls else 80)
    if port < 1024 and port not in WEB_PORTS:
        raise RefusedUrl(
            _("Port %(port)d is not allowed. Use a port for web servers.") % {"port": port}
        )
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return host, port, is_tls, path


def find(url: str, *, allow_private: bool, allow_http: bool) -> Destination:
    """Resolve a URL's host and check where it leads. Raises RefusedUrl, or NotSent if unknown."""
    host, port, is_tls, path = check_url(url, allow_http=allow_http)
    try:
        resolved = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        text = _("The host “%(host)s” was not found: %(error)s")
        raise NotSent(text % {"host": host, "error": error}) from error
    addresses = tuple(dict.fromkeys(str(each[4][0]) for each in resolved))
    if not allow_private and not all(map(is_public, addresses)):
        text = _("“%(host)s” resolves to a private network. Only public addresses are allowed.")
        raise RefusedUrl(text % {"host": host})
    return Destination(host, port, is_tls, path, addresses)


def is_public(address: str) -> bool:
    """Whether an IP address is one of the open internet, and leads nowhere else."""
    ip = ip_address(address.partition("%")[0])
    if isinstance(ip, IPv6Address) and any(ip in net for net in TRANSLATED):
        return False
    return ip.is_global and not ip.is_multicast


class Connection:
    """One connection at a time to a destination, kept open from one request to the next."""

    def __init__(self, destination: Destination, *, timeout_seconds: float) -> None:
        self.destination = destination
        self.timeout_seconds = timeout_seconds
        self._http: HTTPConnection | None = None
        self._socket: socket.socket | None = None
        self._deadline = 0.0  # on the monotonic clock
        self._was_cut = False

    def post(self, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Post and read the answer, all within the time. Raises NotSent or NoAnswer."""
        self._deadline, self._was_cut = monotonic() + self.timeout_seconds, False
        timer = Timer(self.timeout_seconds, self._cut)
        timer.daemon = True
        timer.start()
        try:
            return self._exchange(self._connect(), body, headers)
        finally:
            timer.cancel()

    def close(self) -> None:
        http, self._http, self._socket = self._http, None, None
        if http:
            http.close()

    def _exchange(self, http: HTTPConnection, body: bytes, headers: Mapping[str, str]) -> Answer:
        try:
            http.request("POST", self.destination.path, body, dict(headers))
            response = http.getresponse()
            start = response.read(MAX_BYTES)
            if self._was_cut:  # which looks like the regular end of headers or body
                raise TimeoutError(_("it took too long"))
            if response.will_close or not response.isclosed():
                self.close()
        except (OSError, HTTPException, ValueError) as error:
            self.close()
            raise NoAnswer(_("There was no answer: %s") % _words(error)) from error
        names = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, names, start)

    def _connect(self) -> HTTPConnection:
        if self._http and not _was_closed(self._socket):
            return self._http
        self.close()
        where = self.destination
        try:
            self._socket = self._open_socket()
            if where.is_tls:
                context = ssl.create_default_context()
                # Without the handshake, which may drip: the timer must find the socket to cut it.
                self._socket = context.wrap_socket(
                    self._socket, server_hostname=where.host, do_handshake_on_connect=False
                )
                self._socket.do_handshake()
        except (OSError, ValueError) as error:
            if self._socket:
                self._socket.close()
                self._socket = None
            raise NotSent(_("There was no connection: %s") % _words(error)) from error
        self._http = HTTPConnection(where.host, where.port)
        self._http.default_port = 443 if where.is_tls else 80  # of the Host header
        self._http.auto_open = 0  # only to the address that was checked
        self._http.sock = self._socket
        return self._http

    def _open_socket(self) -> socket.socket:
        for address in self.destination.addresses:
            left = max(self._deadline - monotonic(), 0.01)
            try:
                return socket.create_connection((address, self.destination.port), timeout=left)
            except OSError as error:
                failure = error
        raise failure

    def _cut(self) -> None:
        """End what takes too long, from the timer's thread."""
        self._was_cut = True
        if cut := self._socket:
            try:
                socket.socket.shutdown(cut, socket.SHUT_RDWR)  # below TLS, which might wait
            except OSError:  # it ended meanwhile
                return


def _was_closed(sock: socket.socket | None) -> bool:
    """Whether the other side hung up while nothing was going on, which says nothing about us."""
    if sock is None or sock.fileno() < 0:
        return True
    sock.setblocking(False)
    try:
        return sock.recv(1) is not None  # the end, or something unasked for
    except (BlockingIOError, ssl.SSLWantReadError):
        return False
    except OSError:
        return True
    finally:
        sock.settimeout(None)


def _words(error: Exception) -> str:
    return str(error) or type(error).__name__


def as_json(content: object) -> bytes:
    """The same bytes for the same content: what is signed is what is sent."""
    return json.dumps(content, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode()
