"""Pages of the admin that belong to no table: they carry the permission to look at them."""

from django.utils.translation import gettext_lazy as _

from campaigns.models import ArmMembership
from journeys.models import Contact
from segments.models import ClvModel, SegmentMove


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
        verbose_name = _("engine impact")
        verbose_name_plural = _("engine impact")


class ClvBacktest(ClvModel):
    """How the prediction of customers' value came true."""

    class Meta:
        proxy = True
        default_permissions = ("view",)
        verbose_name = _("predicted vs. actual value")
        verbose_name_plural = _("predicted vs. actual value")


class SegmentMigration(SegmentMove):
    """How customers move between micro-segments, and what these are worth by it."""

    class Meta:
        proxy = True
        default_permissions = ("view",)
        verbose_name = _("segment moves & value")
        verbose_name_plural = _("segment moves & value")
