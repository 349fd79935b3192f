"""CSV files by SFTP: what the file drop writes, put into a folder of another machine.

The file appears under its name at once, complete (see csv_file). A host whose key is not the one
in the target's row is sent nothing. A batch that is repeated after a crash, or after a connection
that broke in the act, has the same name and replaces its file.
"""

import posixpath
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from io import BytesIO, StringIO
from socket import create_connection
from uuid import UUID, uuid4

from django.utils.translation import gettext_noop
from paramiko import (
    ECDSAKey,
    Ed25519Key,
    PasswordRequiredException,
    PKey,
    RejectPolicy,
    RSAKey,
    SFTPClient,
    SSHClient,
    SSHException,
)
from paramiko.hostkeys import HostKeyEntry, InvalidHostKey

from journeys.delivery.channels.base import (
    Message,
    NotReady,
    Receipt,
    Send,
    SendResult,
    SessionOver,
    Unreachable,
)
from journeys.delivery.channels.csv_file import as_csv, file_name
from journeys.models import Reason, ReasonCode, make_reason
from journeys.models.peer import SftpTarget
from optiengine.lib.sealing import SealBroken

TIMEOUT_SECONDS = 10  # of the connection, of each step of the greeting, and of any silence
PRIVATE_KEY = "-----BEGIN"


class SftpUpload:
    takes_key = True
    batch_size = 5_000
    group_size = at_once = 5_000  # the whole batch is one file

    @contextmanager
    def open(self, peer_id: int | None) -> Iterator[Send]:
        target = SftpTarget.objects.filter(pk=peer_id or 0, is_active=True).first()
        if target is None:
            raise NotReady(Reason(ReasonCode.TARGET_INACTIVE))
        with closing(SSHClient()) as client:
            try:
                sftp = _connect(client, target)
            except (ValueError, SealBroken) as error:  # what the target's row holds is of no use
                raise NotReady.because(error) from error
            except (OSError, SSHException, EOFError) as error:
                raise Unreachable.because(f"{error}" or type(error).__name__) from error
            yield lambda batch, messages, _now: _send(sftp, target.folder, batch, messages)


def read_host_key(line: str) -> PKey:
    """The key in a line as known_hosts and ssh-keyscan write it, with the host or without.

    Raises ValueError.
    """
    words = line.split()
    for start in range(len(words) - 1):
        try:
            entry = HostKeyEntry.from_line(" ".join(["host", *words[start : start + 2]]))
        except (InvalidHostKey, SSHException, ValueError):  # not base64, or not a key
            continue
        if entry and entry.key:
            return entry.key
    raise ValueError(
        gettext_noop("The host key is not valid. Copy the line that ssh-keyscan prints.")
    )


def read_private_key(text: str) -> PKey:
    """A private key without a pass phrase, of any kind. Raises ValueError."""
    for kind in (Ed25519Key, ECDSAKey, RSAKey):
        try:
            return kind.from_private_key(StringIO(text))
        except PasswordRequiredException:
            break
        except (SSHException, ValueError, IndexError):
            continue
    raise ValueError(gettext_noop("The private key cannot be read or needs a passphrase."))


def _connect(client: SSHClient, target: SftpTarget) -> SFTPClient:
    key, secret = read_host_key(target.host_key), target.secret
    name = target.host if target.port == 22 else f"[{target.host}]:{target.port}"
    client.get_host_keys().add(name, key.get_name(), key)
    client.set_missing_host_key_policy(RejectPolicy())
    is_key = secret.lstrip().startswith(PRIVATE_KEY)
    client.connect(
        target.host,
        port=target.port,
        username=target.username,
        password=None if is_key else secret,
        pkey=read_private_key(secret) if is_key else None,
        sock=create_connection((target.host, target.port), timeout=TIMEOUT_SECONDS),
        timeout=TIMEOUT_SECONDS,
        banner_timeout=TIMEOUT_SECONDS,
        auth_timeout=TIMEOUT_SECONDS,
        channel_timeout=TIMEOUT_SECONDS,
        allow_agent=False,  # never log in with keys of the user who started the worker
        look_for_keys=False,
    )
    sftp = client.open_sftp()
    if channel := sftp.get_channel():
        channel.settimeout(TIMEOUT_SECONDS)
    return sftp


def _send(
    sftp: SFTPClient, folder: str, batch: UUID, messages: Sequence[Message]
) -> Iterator[Receipt]:
    name = file_name(batch, messages)
    part = posixpath.join(folder, f".{name}.{uuid4().hex}")
    try:
        _remove_leftovers(sftp, folder, f".{name}.")
        sftp.putfo(BytesIO(as_csv(messages)), part)  # asks for its size afterwards
    except (OSError, SSHException, EOFError) as error:  # nothing is there under its name
        raise Unreachable.because(f"{error}" or type(error).__name__) from error
    try:
        _rename(sftp, part, posixpath.join(folder, name))
    except (OSError, SSHException, EOFError) as error:
        reason = make_reason(ReasonCode.FILE_UNCLEAR, fault=f"{error}")
        for message in messages:
            yield Receipt(message.delivery_id, SendResult.AGAIN, reason)
        raise SessionOver from error
    for message in messages:
        yield Receipt(message.delivery_id, SendResult.SENT)


def _remove_leftovers(sftp: SFTPClient, folder: str, prefix: str) -> None:
    """A worker that was given up must not rename an older version over ours."""
    for name in sftp.listdir(folder):
        if name.startswith(prefix):
            sftp.remove(posixpath.join(folder, name))


def _rename(sftp: SFTPClient, part: str, name: str) -> None:
    """In one step where the server can (OpenSSH), else by removing what a rename would not."""
    try:
        sftp.posix_rename(part, name)
    except OSError as error:
        if "unsupported" not in str(error).lower():
            raise
        if posixpath.basename(name) in sftp.listdir(posixpath.dirname(name)):
            sftp.remove(name)
        sftp.rename(part, name)
