"""Pages of the admin that belong to no table: they carry the permission to look at them."""

from django.utils.translation import gettext_lazy as _

from campaigns.models import ArmMembership
from journeys.models import Contact


class Uplift(Contact):
    """What messages changed: the uplift report over the ledger of contacts."""

    class Meta:
        proxy = True
        default_permissions = ("view",)
        verbose_name = _("uplift")
        verbose_name_plural = _("uplift")


class ArmWorth(ArmMembership):
    """What the engine is worth: optimised against baseline against holdout."""

    class Meta:
        proxy = True
        default_permissions = ("view",)
        verbose_name = _("optimised vs baseline vs holdout")
        verbose_name_plural = _("optimised vs baseline vs holdout")
