"""A person logs in through nginx with the configuration in deploy/, on whatever port it listens."""

import re
import shutil
import socket
import subprocess
from pathlib import Path

import pytest
import requests
from django.contrib.auth.models import User

from tests.certificates import self_signed

CONFIGURATION = Path(__file__).resolve().parent.parent / "deploy" / "nginx" / "optiengine.conf"
NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
STAFF, CUSTOMERS = "engage.example.com", "mail.example.com"


def test_each_proxied_location_sets_the_headers_that_the_server_trusts():
    text = CONFIGURATION.read_text()
    wanted = {
        "Host $http_host",  # with its port, which $host drops
        "X-Forwarded-Proto $scheme",
        "X-Forwarded-For $proxy_add_x_forwarded_for",
    }

    proxied = [block for block in re.findall(r"{([^{}]*)}", text) if "proxy_pass" in block]

    assert len(proxied) == 2
    for block in proxied:
        assert wanted <= set(re.findall(r"proxy_set_header (.*);", block))


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def proxy(live_server, settings, tmp_path):
    """nginx in front of the server: its port, and the certificate to trust."""
    if not NGINX:
        pytest.skip("nginx is not installed.")
    settings.ALLOWED_HOSTS = [STAFF, CUSTOMERS]
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    settings.SESSION_COOKIE_SECURE = settings.CSRF_COOKIE_SECURE = True
    certificate = self_signed(tmp_path, STAFF)
    port = free_port()
    text = CONFIGURATION.read_text()
    for pattern, replacement in {
        r"listen \[::\].*;": "",
        r"listen 80;": f"listen 127.0.0.1:{free_port()};",
        r"listen 443 ": f"listen 127.0.0.1:{port} ",
        r"server 127.0.0.1:8000;": f"server {live_server.thread.host}:{live_server.thread.port};",
        r"ssl_certificate .*;": f"ssl_certificate {certificate};",
        r"ssl_certificate_key .*;": f"ssl_certificate_key {certificate};",
    }.items():
        text, n_replaced = re.subn(pattern, replacement, text)
        assert n_replaced, pattern
    temporary = "\n".join(
        f"{kind}_temp_path {tmp_path}/{kind};"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (tmp_path / "nginx.conf").write_text(
        f"daemon off; pid {tmp_path}/pid; error_log stderr; worker_processes 1;\n"
        f"events {{}}\nhttp {{ access_log off; {temporary}\n{text}\n}}\n"
    )
    command = [NGINX, "-p", tmp_path, "-e", "stderr", "-c", tmp_path / "nginx.conf"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as nginx:
        try:
            wait_for(port, nginx)
            yield port, certificate
        finally:
            nginx.terminate()


def wait_for(port: int, nginx: "subprocess.Popen[str]") -> None:
    for _ in range(100):
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            try:
                nginx.wait(0.1)
            except subprocess.TimeoutExpired:
                continue
            assert nginx.stderr
            pytest.fail(nginx.stderr.read())
        else:
            return
    pytest.fail("nginx does not listen")


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("shows_port", [False, True], ids=["standard port", "another port"])
def test_people_log_in_through_nginx(proxy, shows_port):
    """A browser leaves out the port of https, 443, and shows any other."""
    port, certificate = proxy
    User.objects.create_superuser("anna", password="secret-of-the-test")
    host = f"{STAFF}:{port}" if shows_port else STAFF
    browser = requests.Session()
    browser.trust_env = False  # or REQUESTS_CA_BUNDLE would win
    browser.verify = str(certificate)
    browser.headers.update({"Host": host, "Origin": f"https://{host}"})
    address = f"https://127.0.0.1:{port}/admin/login/"

    browser.get(address)
    form = {
        "username": "anna",
        "password": "secret-of-the-test",
        "csrfmiddlewaretoken": browser.cookies["csrftoken"],
        "next": "/admin/",
    }
    answer = browser.post(address, data=form, allow_redirects=False)

    assert (answer.status_code, answer.headers["Location"]) == (302, "/admin/")
    assert "sessionid" in browser.cookies


@pytest.mark.django_db(transaction=True)
def test_the_customers_host_shows_nothing_of_the_admin(proxy):
    port, certificate = proxy

    def status_of(path):
        return requests.get(
            f"https://127.0.0.1:{port}{path}",
            headers={"Host": CUSTOMERS},
            verify=str(certificate),
            timeout=20,
            allow_redirects=False,
        ).status_code

    assert [status_of(path) for path in ("/", "/admin/", "/api/v1/", "/docs/")] == [404] * 4
    assert status_of("/static/optiengine/icon.svg") == 200
