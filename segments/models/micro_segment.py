from django.db import models
from django.utils.translation import gettext_lazy as _


class Stage(models.TextChoices):
    """A customer's stage in the life cycle, by the days since the last order."""

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
        _("clusters"), help_text=_("Per stage: transformation, centres, criterion, segment IDs.")
    )
    seed = models.BigIntegerField(_("seed"), default=0)

    class Meta:
        verbose_name = _("segmentation")
        verbose_name_plural = _("segmentations")
        get_latest_by = ["fitted_on", "pk"]

    def __str__(self) -> str:
        return f"{_('segmentation')} {self.fitted_on}"


class MicroSegment(models.Model):
    """A leaf of the segment tree: customers of one stage who behave alike. Its id never changes."""

    stage = models.CharField(_("stage"), max_length=12, choices=Stage)
    name = models.CharField(_("name"), max_length=250)
    parent = models.ForeignKey(
        "self",
        models.PROTECT,
        related_name="children",
        null=True,
        blank=True,
        verbose_name=_("split from"),
        help_text=_("Empty: a behavioural cluster of its lifecycle stage."),
    )
    is_frozen = models.BooleanField(
        _("frozen"), default=False, help_text=_("No further splits are searched for.")
    )
    created_on = models.DateField(_("created on"))
    retired_on = models.DateField(
        _("retired on"),
        null=True,
        blank=True,
        help_text=_("From the next day, no customer is in it unless its split is undone."),
    )

    class Meta:
        verbose_name = _("micro-segment")
        verbose_name_plural = _("micro-segments")
        ordering = ["stage", "name"]

    def __str__(self) -> str:
        return f"{self.get_stage_display()}: {self.name}"


class SegmentSplit(models.Model):
    """A micro-segment divided in two by a readable cut; as long as it is not ended.

    It holds for the states of days after `made_on`, up to and including `ended_on`.
    """

    class End(models.TextChoices):
        UNDONE = "undone", _("undone by hand")
        CLUSTER = "cluster", _("its cluster was not found again")
        FEATURE = "feature", _("its feature is no longer computed")

    parent = models.ForeignKey(
        MicroSegment, models.PROTECT, related_name="splits", verbose_name=_("micro-segment")
    )
    feature = models.CharField(_("feature"), max_length=40)
    threshold = models.FloatField(
        _("threshold"),
        help_text=_("Above means greater than this value. Unknown values count as not above."),
    )
    below = models.OneToOneField(
        MicroSegment, models.PROTECT, related_name="+", verbose_name=_("not above")
    )
    above = models.OneToOneField(
        MicroSegment, models.PROTECT, related_name="+", verbose_name=_("above")
    )
    made_on = models.DateField(_("created on"))
    ended_on = models.DateField(_("ended on"), null=True, blank=True)
    end = models.CharField(_("reason for ending"), max_length=8, choices=End, blank=True)

    class Meta:
        verbose_name = _("split")
        verbose_name_plural = _("splits")
        permissions = [("undo_segmentsplit", _("Can undo a split"))]
        constraints = [
            models.UniqueConstraint(
                fields=["parent"],
                condition=models.Q(ended_on=None),
                name="one_split_at_a_time",
            ),
            models.CheckConstraint(
                condition=models.Q(ended_on=None, end="")
                | models.Q(ended_on__isnull=False) & ~models.Q(end=""),
                name="split_ends_for_a_reason",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.parent} → {self.feature} > {self.threshold:g}"


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
