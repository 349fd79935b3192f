"""Transports of messages. To add one: a module in this package, and a line in TRANSPORTS.

The line's key is the route's `transport`, so ChannelRoute.Transport needs the same word.
"""

from collections.abc import Mapping

from journeys.delivery.channels.anymail import ServiceProvider
from journeys.delivery.channels.base import (
    Message,
    NotReady,
    Receipt,
    SendResult,
    SessionOver,
    Transport,
    Unreachable,
)
from journeys.delivery.channels.call_list import CallList
from journeys.delivery.channels.email import EmailServer
from journeys.delivery.channels.file_drop import FileDrop
from journeys.delivery.channels.sftp import SftpUpload
from journeys.delivery.channels.webhook import WebhookCalls

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
    "Receipt",
    "SendResult",
    "SessionOver",
    "Transport",
    "Unreachable",
]
