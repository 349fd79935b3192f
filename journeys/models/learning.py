from django.db import models
from django.utils.translation import gettext_lazy as _


class UpliftDay(models.Model):
    """What one day's measured outcomes taught about one action: statistics that add up."""

    action = models.ForeignKey(
        "campaigns.Action", models.CASCADE, related_name="+", verbose_name=_("action")
    )
    measured_on = models.DateField(_("measured on"))
    scaling = models.ForeignKey(
        "journeys.UpliftScaling", models.PROTECT, related_name="+", verbose_name=_("scaling")
    )
    n_test = models.PositiveIntegerField(_("test"))
    n_control = models.PositiveIntegerField(_("control"))
    n_test_responders = models.IntegerField(_("test conversions"))  # less what was corrected
    n_control_responders = models.IntegerField(_("control conversions"))
    statistics = models.BinaryField(_("statistics"))

    class Meta:
        verbose_name = _("day of learning")
        verbose_name_plural = _("days of learning")
        constraints = [
            models.UniqueConstraint(fields=["action", "measured_on"], name="learned_once_a_day"),
        ]

    def __str__(self) -> str:
        return f"{self.action}, {self.measured_on}"


class UpliftScaling(models.Model):
    """How features are scaled before learning. Fixed, because statistics must add up."""

    feature_set = models.OneToOneField(
        "segments.FeatureSet", models.PROTECT, related_name="+", verbose_name=_("feature set")
    )
    fitted = models.JSONField(_("fitted"))
    winsor_cents = models.FloatField(
        _("largest value in cents"),
        null=True,
        help_text=_("Larger values, positive or negative, are capped at this amount."),
    )

    class Meta:
        verbose_name = _("feature scaling")
        verbose_name_plural = _("feature scalings")

    def __str__(self) -> str:
        return f"{_('scaling')} {self.feature_set}"


class UpliftTotal(models.Model):
    """All days of learning about one action, older ones discounted: what the model is fitted on.

    A sum kept up to date; it can be made anew from the days at any time.
    """

    action = models.OneToOneField(
        "campaigns.Action", models.CASCADE, related_name="+", verbose_name=_("action")
    )
    through = models.DateField(_("up to"), help_text=_("The last day included."))
    half_life_days = models.PositiveSmallIntegerField(
        _("half-life in days"), default=180, help_text=_("Days after which evidence counts half.")
    )
    scaling = models.ForeignKey(
        "journeys.UpliftScaling", models.PROTECT, related_name="+", verbose_name=_("scaling")
    )
    statistics = models.BinaryField(_("statistics"))

    class Meta:
        verbose_name = _("learning totals")
        verbose_name_plural = _("learning totals")

    def __str__(self) -> str:
        return f"{self.action}, {self.through}"


class UpliftModelVersion(models.Model):
    """The posterior that a run decides with; kept, so that the run can be replayed."""

    as_of = models.DateField(_("day"), db_index=True)
    scaling = models.ForeignKey(
        UpliftScaling, models.PROTECT, related_name="+", verbose_name=_("scaling")
    )
    payload = models.BinaryField(_("posterior"))
    evidence = models.JSONField(
        _("evidence"),
        help_text=_(
            "Per action: test messages, test conversions, control messages, control conversions."
        ),
    )
    n_contacts = models.PositiveIntegerField(_("messages learned from"))
    is_personal = models.BooleanField(
        _("personalisation pays off"),
        default=True,
        help_text=_(
            "Whether the best action for each customer is expected to beat the best "
            "single action for all. If not, average effects are used for everyone."
        ),
    )

    class Meta:
        verbose_name = _("uplift model")
        verbose_name_plural = _("uplift models")
        get_latest_by = ["as_of", "pk"]

    def __str__(self) -> str:
        return f"{_('uplift model')} {self.as_of}"
