"""By which numerics this code decides: a number that is stamped on every run."""

# Raised by one when the same stored inputs would come out differently: by another formula, draw,
# verdict, order of layers, or reading of what a run has stored. Never by accident: where it is not
# meant, tests/test_witness.py fails. When you raise it, add a row below and a line to CHANGELOG.md.
DECISION_VERSION = 1

# The newest release that decides by each version, so that a replay can say which one to install.
RELEASES = {1: "0.1.0"}


def current_version() -> int:
    """The version of a run that is made now."""
    return DECISION_VERSION
