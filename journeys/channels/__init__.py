"""Ways by which messages leave. A new one: a module beside these, and a line in TRANSPORTS.

The line's key is the route's `transport`, so ChannelRoute.Transport needs the same word.
"""

from collections.abc import Mapping

from journeys.channels.anymail import ServiceProvider
from journeys.channels.base import (
    Message,
    NotReady,
    Outcome,
    Receipt,
    SessionOver,
    Transport,
    Unreachable,
)
from journeys.channels.call_list import CallList
from journeys.channels.email import EmailServer
from journeys.channels.file_drop import FileDrop
from journeys.channels.sftp import SftpUpload
from journeys.channels.webhook import WebhookCalls

TRANSPORTS: Mapping[str, Transport] = {
    "smtp": EmailServer(),
    "anymail": ServiceProvider(),
    "file_drop": FileDrop(),
    "sftp": SftpUpload(),
    "webhook": WebhookCalls(),
    "call_list": CallList(),
}

__all__ = [
    "TRANSPORTS",
    "Message",
    "NotReady",
    "Outcome",
    "Receipt",
    "SessionOver",
    "Transport",
    "Unreachable",
]
