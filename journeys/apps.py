"""What we say next."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class JourneysConfig(AppConfig):
    name = "journeys"
    verbose_name = _("Decisions and deliveries")

    def ready(self) -> None:
        from journeys.hooks import connect

        connect()
