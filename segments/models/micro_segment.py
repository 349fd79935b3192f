from django.db import models
from django.utils.translation import gettext_lazy as _


class Stage(models.TextChoices):
    """Where a customer stands in the life cycle, by the days since the last order."""

    PROSPECT = "prospect", _("prospect")
    NEW = "new", _("new")
    ACTIVE = "active", _("active")
    AT_RISK = "at_risk", _("at risk")
    LAPSED = "lapsed", _("lapsed")
    REACTIVATED = "reactivated", _("reactivated")


class Segmentation(models.Model):
    """One fit of the behavioural clusters of all stages; kept, so that any day can be replayed."""

    fitted_on = models.DateField(_("fitted on"), db_index=True)
    feature_set = models.ForeignKey(
        "segments.FeatureSet", models.PROTECT, related_name="+", verbose_name=_("feature set")
    )
    clusters = models.JSONField(
        _("clusters"), help_text=_("Per stage: transformation, centres, criterion, segment ids.")
    )
    seed = models.BigIntegerField(_("seed"), default=0)

    class Meta:
        verbose_name = _("segmentation")
        verbose_name_plural = _("segmentations")
        get_latest_by = ["fitted_on", "pk"]

    def __str__(self) -> str:
        return f"{_('segmentation')} {self.fitted_on}"


class MicroSegment(models.Model):
    """A leaf of the segment tree: customers of one stage who behave alike. Its id is for ever."""

    stage = models.CharField(_("stage"), max_length=12, choices=Stage)
    name = models.CharField(_("name"), max_length=120)
    created_on = models.DateField(_("created on"))
    retired_on = models.DateField(_("retired on"), null=True, blank=True)

    class Meta:
        verbose_name = _("micro-segment")
        verbose_name_plural = _("micro-segments")
        ordering = ["stage", "name"]

    def __str__(self) -> str:
        return f"{self.get_stage_display()}: {self.name}"


class SegmentMove(models.Model):
    """A customer's move from one micro-segment to another, by the day it was seen."""

    customer = models.ForeignKey(
        "segments.Customer", models.CASCADE, related_name="moves", verbose_name=_("customer")
    )
    origin = models.ForeignKey(
        MicroSegment, models.PROTECT, related_name="+", null=True, verbose_name=_("from")
    )
    target = models.ForeignKey(MicroSegment, models.PROTECT, related_name="+", verbose_name=_("to"))
    moved_on = models.DateField(_("moved on"), db_index=True)

    class Meta:
        verbose_name = _("segment move")
        verbose_name_plural = _("segment moves")
        constraints = [
            models.UniqueConstraint(fields=["customer", "moved_on"], name="one_move_a_day"),
        ]

    def __str__(self) -> str:
        return f"{self.customer_id} → {self.target}"
