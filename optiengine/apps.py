"""Wiring: settings, urls, the admin site and the demo world."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class OptiEngineConfig(AppConfig):
    name = "optiengine"
    verbose_name = _("OptiEngine")
