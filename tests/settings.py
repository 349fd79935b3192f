"""The settings of the tests: everything as installed, less what only costs time.

The tests have a data folder of their own, and in it an embedded server, unless DATABASE_URL names
another one: nothing here touches what `make demo` left. pytest-xdist starts processes that share
the server and have each a database and a folder; what a test starts inherits both.
"""

import os
import sys
from pathlib import Path

if "pytest" in sys.modules:
    ROOT = Path(__file__).resolve().parent.parent
    os.environ["DATA_DIR"] = str(
        ROOT / "var" / "tests" / os.environ.get("PYTEST_XDIST_WORKER", "main")
    )
# Workers share the processors by tests, not by threads; numpy reads this when it is imported.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
# Nobody needs the rows of a test after a power cut.
os.environ.setdefault("PGOPTIONS", "-c synchronous_commit=off")

from optiengine.settings import *  # noqa: F403

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]  # a strong one takes 0.3 s
