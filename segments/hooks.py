"""What this app makes known, to itself and to others."""

from segments.imports.import_customers import CUSTOMERS
from segments.imports.import_events import EVENTS
from segments.imports.import_suppressions import SUPPRESSIONS
from segments.imports.spec import IMPORTS


def connect() -> None:
    IMPORTS.add(CUSTOMERS, EVENTS, SUPPRESSIONS)
