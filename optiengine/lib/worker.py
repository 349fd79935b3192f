"""Who works: the name under which a process claims work."""

import os
import secrets
import socket


def worker_name() -> str:
    """Another one at every call: host, process, and a part that no restart repeats. 80 signs."""
    return f"{socket.gethostname()[:50]}:{os.getpid()}:{secrets.token_hex(4)}"
