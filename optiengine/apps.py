"""Wiring: settings, urls, the admin site and the demo world."""

from typing import Any

from django.apps import AppConfig
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created
from django.utils.translation import gettext_lazy as _

# What a machine that vanished holds, advisory locks among it, is free half a minute later. By
# default the server would wait for two hours. Not as a parameter of the connection: that would
# take the place of PGOPTIONS.
NOTICE_LOSS = """
SET tcp_keepalives_idle = 15; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 3
"""


class OptiEngineConfig(AppConfig):
    name = "optiengine"
    verbose_name = _("OptiEngine")

    def ready(self) -> None:
        connection_created.connect(_notice_loss)


def _notice_loss(connection: BaseDatabaseWrapper, **_facts: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(NOTICE_LOSS)
