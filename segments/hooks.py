"""What this app makes known, to itself and to others."""

from segments.customers.erase_customer import WHEN_ERASED
from segments.customers.write_customer import WHEN_KNOWN
from segments.events.waiting_facts import (
    ATTACHERS,
    attach_events,
    attach_events_of,
    forget_waiting,
)
from segments.imports.import_customers import CUSTOMERS
from segments.imports.import_events import EVENTS
from segments.imports.import_suppressions import SUPPRESSIONS
from segments.imports.spec import IMPORTS
from segments.imports.undo_import import forget_before_of


def connect() -> None:
    IMPORTS.add(CUSTOMERS, EVENTS, SUPPRESSIONS)
    ATTACHERS.add(attach_events)
    WHEN_KNOWN.add(attach_events_of)
    WHEN_ERASED.add(forget_waiting, forget_before_of)
