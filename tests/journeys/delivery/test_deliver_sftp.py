"""Files by SFTP: complete, once, and to nobody but the host we know."""

import csv
from datetime import timedelta
from io import StringIO

import pytest

from journeys.delivery import outbox
from journeys.delivery.channels.sftp import read_host_key, read_private_key
from journeys.delivery.deliver_messages import deliver_messages
from journeys.models import Delivery, SftpTarget
from tests.factories import NOW
from tests.journeys.routes import let_time_pass, make_deliveries, route, statuses
from tests.journeys.sftp_peer import PASSWORD, SftpPeer, new_key, running_sftp_peer

pytestmark = pytest.mark.django_db


@pytest.fixture
def peer(tmp_path):
    with running_sftp_peer(tmp_path) as peer:
        yield peer


def send_to(peer: SftpPeer, *, secret: str = PASSWORD, **fields) -> SftpTarget:
    defaults = {
        "name": "Letter shop",
        "host": "127.0.0.1",
        "port": peer.port,
        "username": "shop",
        "host_key": peer.host_key_line,
    }
    target = SftpTarget(**defaults | fields)
    target.set_secret(secret)
    target.save()
    route("post", "sftp", target=target)
    return target


def rows(peer: SftpPeer) -> list[str]:
    """The keys that the other side finds."""
    return [
        row["key"]
        for file in sorted(peer.folder.glob("*.csv"))
        for row in csv.DictReader(StringIO(file.read_bytes().decode()))
    ]


@pytest.mark.parametrize("by", ["password", "key"])
@pytest.mark.parametrize("knows_posix_rename", [True, False])
def test_a_batch_is_one_complete_file(peer: SftpPeer, by, knows_posix_rename):
    peer.knows_posix_rename = knows_posix_rename
    send_to(peer, secret=PASSWORD if by == "password" else peer.user_key_file.read_text())
    deliveries = make_deliveries(30, "post", body="To {{ customer.first_name }}")
    seen: list[str] = []
    peer.before_rename = lambda: seen.extend(each.name for each in peer.folder.iterdir())

    assert deliver_messages(now=NOW, owner="a")["sent"] == 30

    [file] = peer.folder.iterdir()
    assert file.name == f"post_{Delivery.objects.earliest('pk').batch}.csv"
    assert rows(peer) == [str(each.key) for each in deliveries]
    assert "To Anna" in file.read_text()
    assert [name[0] for name in seen] == ["."]  # while it was written, under another name
    assert set(peer.logins) == {"shop"}


def reason_it_waits() -> str:
    make_deliveries(2, "post")
    assert deliver_messages(now=NOW, owner="a")["new"] == 2
    return Delivery.objects.latest("pk").reason_text


def test_a_host_with_another_key_gets_no_credentials(peer: SftpPeer, tmp_path):
    other = new_key(tmp_path / "other")
    send_to(peer, host_key=f"host {other.get_name()} {other.get_base64()}")

    assert "does not match" in reason_it_waits()

    assert not peer.logins
    assert not list(peer.folder.iterdir())


def test_a_wrong_password_makes_messages_wait(peer: SftpPeer):
    send_to(peer, secret="wrong")

    reason = reason_it_waits()

    assert "Authentication failed" in reason
    assert "wrong" not in reason


def test_a_host_that_is_not_there_makes_messages_wait(peer: SftpPeer):
    send_to(peer, port=9)

    assert "refused" in reason_it_waits()


def test_a_folder_that_is_not_there_makes_messages_wait(peer: SftpPeer):
    send_to(peer, folder="elsewhere")

    assert "No such file" in reason_it_waits()


def test_a_target_that_is_not_active_makes_messages_wait(peer: SftpPeer):
    send_to(peer, is_active=False)

    assert "not active" in reason_it_waits()
    assert not peer.sessions
    for hours in range(1, 24):
        assert deliver_messages(now=NOW + timedelta(hours=hours), owner="a")["new"] == 2
    assert Delivery.objects.latest("pk").attempts == 0

    SftpTarget.objects.update(is_active=True)
    assert deliver_messages(now=NOW + timedelta(days=1), owner="a")["sent"] == 2


def test_a_batch_repeated_after_a_crash_replaces_its_file(peer: SftpPeer, monkeypatch):
    send_to(peer)
    make_deliveries(3, "post")

    def die(*args, **kwargs):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(outbox, "record_receipts", die)
        with pytest.raises(KeyboardInterrupt):
            deliver_messages(now=NOW, owner="lost")
    [file] = peer.folder.iterdir()
    before = file.read_bytes()

    let_time_pass()
    assert deliver_messages(now=NOW, owner="a")["sent"] == 3

    assert [each.read_bytes() for each in peer.folder.iterdir()] == [before]


@pytest.mark.parametrize("moment", ["before_rename", "after_rename"])
def test_a_connection_lost_in_the_act_ends_in_one_file(peer: SftpPeer, moment):
    send_to(peer)
    make_deliveries(3, "post")
    setattr(peer, moment, peer.hang_up)

    assert deliver_messages(now=NOW, owner="a")["new"] == 3
    assert statuses() == {"attempting": 3}
    assert not any(deliver_messages(now=NOW, owner="a").values())  # the back-off holds

    setattr(peer, moment, lambda: None)
    let_time_pass()
    assert deliver_messages(now=NOW + timedelta(minutes=5), owner="a")["sent"] == 3
    assert len(rows(peer)) == len(set(rows(peer))) == 3


def test_host_keys_are_read_with_the_host_or_without(peer: SftpPeer):
    for line in (
        peer.host_key_line,
        peer.host_key_line.removeprefix("127.0.0.1 "),
        f"[host.example]:2222,1.2.3.4 {peer.host_key_line.removeprefix('127.0.0.1 ')} comment",
    ):
        assert read_host_key(line) == peer.host_key
    for nonsense in ("", "ssh-ed25519", "host ssh-ed25519 AAAA", "# host:22 SSH-2.0", "a b c d"):
        with pytest.raises(ValueError, match="The host key is not valid"):
            read_host_key(nonsense)


def test_a_private_key_that_cannot_be_read_is_refused(peer: SftpPeer):
    assert read_private_key(peer.user_key_file.read_text()) == peer.user_key
    for text in ("-----BEGIN NONSENSE-----", "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n"):
        with pytest.raises(ValueError, match="cannot be read"):
            read_private_key(text)
