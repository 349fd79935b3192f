"""What we say next."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class JourneysConfig(AppConfig):
    name = "journeys"
    verbose_name = _("Decisions and deliveries")

    def ready(self) -> None:
        from journeys.delivery import tracking  # noqa: F401 - listens to e-mail service providers
        from journeys.delivery.erase_messages import erase_reasons, erase_scripts
        from journeys.explain import queue_dry_run  # noqa: F401 - follows when an approval is asked for
        from journeys.learning import import_contacts  # noqa: F401 - registers its kind of import
        from journeys.maps import approve_map  # noqa: F401 - adds maps to what a second person approves
        from segments.customers.erase_customer import also_erase

        also_erase(erase_reasons)
        also_erase(erase_scripts)
