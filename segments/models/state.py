from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _

from segments.models.micro_segment import Stage


class StateBuild(models.Model):
    """The record that every customer's state of one day is complete: the freshness gate."""

    as_of = models.DateField(_("day"), unique=True)
    feature_set = models.ForeignKey(
        "segments.FeatureSet", models.PROTECT, related_name="+", verbose_name=_("feature set")
    )
    clv_model = models.ForeignKey(
        "segments.ClvModel",
        models.PROTECT,
        related_name="+",
        null=True,
        verbose_name=_("customer value model"),
    )
    segmentation = models.ForeignKey(
        "segments.Segmentation", models.PROTECT, related_name="+", verbose_name=_("segmentation")
    )
    n_customers = models.PositiveIntegerField(_("customers"))

    class Meta:
        verbose_name = _("daily customer data")
        verbose_name_plural = _("daily customer data")
        ordering = ["-as_of"]

    def __str__(self) -> str:
        return str(self.as_of)


class CustomerState(models.Model):
    """What was known of a customer when a day began. Partitioned by month of `as_of`."""

    as_of = models.DateField(_("day"))
    customer = models.ForeignKey(
        "segments.Customer",
        models.CASCADE,
        related_name="states",
        db_constraint=False,
        db_index=False,
        verbose_name=_("customer"),
    )
    stage = models.CharField(_("stage"), max_length=12, choices=Stage)
    micro_segment = models.ForeignKey(
        "segments.MicroSegment",
        models.PROTECT,
        related_name="+",
        db_constraint=False,
        db_index=False,
        verbose_name=_("micro-segment"),
    )
    features = ArrayField(
        models.FloatField(),
        verbose_name=_("features"),
        help_text=_("In the order of the feature set; NaN if unknown."),
    )
    p_alive = models.FloatField(_("probability of being active"), null=True)
    clv_cents = models.FloatField(
        _("predicted value in cents"), help_text=_("Expected margin over the value horizon.")
    )

    class Meta:
        verbose_name = _("customer state")
        verbose_name_plural = _("customer states")
        # In the database: unique (customer, as_of), index (as_of, micro_segment).

    def __str__(self) -> str:
        return f"{self.customer_id} {self.as_of}"
