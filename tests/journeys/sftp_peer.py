"""A real SFTP server on loopback, over a folder, that misbehaves on demand."""

import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import paramiko
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from paramiko import AUTH_FAILED, AUTH_SUCCESSFUL, OPEN_SUCCEEDED, SFTP_OK, SFTPServer

PASSWORD = "a password with ünicode"


def new_key(path: Path) -> paramiko.Ed25519Key:
    content = Ed25519PrivateKey.generate().private_bytes(
        Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()
    )
    path.write_bytes(content)
    return paramiko.Ed25519Key(filename=str(path))


class SftpPeer:
    def __init__(self, folder: Path, keys: Path) -> None:
        self.folder = folder
        self.host_key = new_key(keys / "host")
        self.user_key_file = keys / "user"
        self.user_key = new_key(self.user_key_file)
        self.knows_posix_rename = True
        self.before_rename: Callable[[], None] = lambda: None
        self.after_rename: Callable[[], None] = lambda: None
        self.logins: list[str] = []
        self.sessions: list[paramiko.Transport] = []
        self.port = 0

    @property
    def host_key_line(self) -> str:
        return f"127.0.0.1 {self.host_key.get_name()} {self.host_key.get_base64()}"

    def hang_up(self) -> None:
        for session in self.sessions:
            session.close()


class _Login(paramiko.ServerInterface):
    def __init__(self, peer: SftpPeer) -> None:
        self.peer = peer

    def check_auth_password(self, username: str, password: str) -> int:
        self.peer.logins.append(username)
        return AUTH_SUCCESSFUL if password == PASSWORD else AUTH_FAILED

    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:
        self.peer.logins.append(username)
        return AUTH_SUCCESSFUL if key == self.peer.user_key else AUTH_FAILED

    def get_allowed_auths(self, username: str) -> str:
        return "password,publickey"

    def check_channel_request(self, kind: str, chanid: int) -> int:
        return OPEN_SUCCEEDED


class _Files(paramiko.SFTPServerInterface):
    def __init__(self, server: _Login) -> None:
        self.peer = server.peer

    def _real(self, path: str) -> Path:
        return self.peer.folder / path.lstrip("/")

    def list_folder(self, path):
        try:
            return [
                paramiko.SFTPAttributes.from_stat(file.stat(), file.name)
                for file in self._real(path).iterdir()
            ]
        except OSError as error:
            return SFTPServer.convert_errno(error.errno)

    def stat(self, path):
        try:
            return paramiko.SFTPAttributes.from_stat(self._real(path).stat())
        except OSError as error:
            return SFTPServer.convert_errno(error.errno)

    def open(self, path, flags, attr):
        try:
            file = os.fdopen(os.open(self._real(path), flags, 0o640), "wb")
        except OSError as error:
            return SFTPServer.convert_errno(error.errno)
        handle = paramiko.SFTPHandle(flags)
        handle.writefile = file
        return handle

    def remove(self, path):
        self._real(path).unlink()
        return SFTP_OK

    def rename(self, oldpath, newpath):
        if self._real(newpath).exists():
            return paramiko.SFTP_FAILURE
        return self.posix_rename(oldpath, newpath, always=True)

    def posix_rename(self, oldpath, newpath, always=False):
        if not (self.peer.knows_posix_rename or always):
            return paramiko.SFTP_OP_UNSUPPORTED
        self.peer.before_rename()
        self._real(oldpath).rename(self._real(newpath))
        self.peer.after_rename()
        return SFTP_OK


@contextmanager
def running_sftp_peer(folder: Path) -> Iterator[SftpPeer]:
    (folder / "in").mkdir(parents=True)
    (folder / "keys").mkdir()
    peer = SftpPeer(folder / "in", folder / "keys")

    def serve() -> None:
        while True:
            try:
                client, _address = listener.accept()
            except OSError:
                return
            session = paramiko.Transport(client)
            session.add_server_key(peer.host_key)
            session.set_subsystem_handler("sftp", SFTPServer, _Files)
            peer.sessions.append(session)
            try:
                session.start_server(server=_Login(peer))
            except (paramiko.SSHException, EOFError):
                continue

    with socket.create_server(("127.0.0.1", 0)) as listener:
        peer.port = listener.getsockname()[1]
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield peer
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            peer.hang_up()
            thread.join(timeout=5)
