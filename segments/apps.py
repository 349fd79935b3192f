"""Who the customer is."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class SegmentsConfig(AppConfig):
    name = "segments"
    verbose_name = _("Customers and segments")

    def ready(self) -> None:
        from segments.hooks import connect

        connect()
