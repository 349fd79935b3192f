"""Ways by which messages leave. A new one: a module beside these, and a line in TRANSPORTS.

The line's key is the route's `transport`, so ChannelRoute.Transport needs the same word.
"""

from collections.abc import Mapping

from journeys.channels.base import Message, Outcome, Receipt, SessionOver, Transport, Unreachable
from journeys.channels.email import EmailServer
from journeys.channels.file_drop import FileDrop

TRANSPORTS: Mapping[str, Transport] = {
    "smtp": EmailServer(),
    "file_drop": FileDrop(),
}

__all__ = [
    "TRANSPORTS",
    "Message",
    "Outcome",
    "Receipt",
    "SessionOver",
    "Transport",
    "Unreachable",
]
