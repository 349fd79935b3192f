"""Worlds with known truth, benchmarks and public data sets: nothing of the product imports this."""

from django.apps import AppConfig


class LabConfig(AppConfig):
    name = "optiengine.lab"
