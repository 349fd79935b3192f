from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from segments.feature_catalogue import BUILT_IN_NAMES


class FeatureDefinition(models.Model):
    """A number per customer and day that a user defined, from events or from an attribute."""

    class Aggregate(models.TextChoices):
        COUNT = "count", _("count")
        SUM = "sum", _("sum of amounts, in cents")
        DAYS_SINCE = "days_since", _("days since the last")
        ATTRIBUTE = "attribute", _("attribute of the customer")

    name = models.CharField(
        _("name"),
        max_length=40,
        unique=True,
        validators=[
            RegexValidator(r"^[a-z][a-z0-9_]*$", _("Use lower-case letters, digits and _ only."))
        ],
    )
    label = models.CharField(_("label"), max_length=80)
    aggregate = models.CharField(_("aggregate"), max_length=10, choices=Aggregate)
    event_kind = models.CharField(
        _("event kind"), max_length=40, blank=True, help_text=_("Empty for an attribute.")
    )
    window_days = models.PositiveSmallIntegerField(
        _("window in days"), null=True, blank=True, help_text=_("Empty: all time.")
    )
    property_name = models.CharField(
        _("property"),
        max_length=60,
        blank=True,
        help_text=_("Only count events with this property …, or the name of the attribute."),
    )
    property_value = models.CharField(
        _("has value"),
        max_length=100,
        blank=True,
        help_text=_(
            "… equal to this value. For an attribute: 1 if it has this value, otherwise 0."
        ),
    )
    is_active = models.BooleanField(_("active"), default=True)

    class Meta:
        verbose_name = _("feature")
        verbose_name_plural = _("features")
        ordering = ["name"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(property_name="", property_value="")
                | ~models.Q(property_name=""),
                name="feature_value_needs_property",
                violation_error_message=_("Enter a property to compare this value with."),
            ),
            models.CheckConstraint(
                condition=models.Q(aggregate="attribute", event_kind="", window_days=None)
                & ~models.Q(property_name="")
                | ~models.Q(aggregate="attribute") & ~models.Q(event_kind=""),
                name="feature_of_events_or_attribute",
                violation_error_message=_(
                    "For an attribute, enter its name as the property and leave event "
                    "kind and window empty. All other features need an event kind."
                ),
            ),
        ]

    def __str__(self) -> str:
        return self.label

    def clean(self) -> None:
        if self.name in BUILT_IN_NAMES:
            raise ValidationError({"name": _("A built-in feature already has this name.")})


class FeatureSet(models.Model):
    """The names of the features that a state's array holds, in order. Never changed."""

    names = ArrayField(models.CharField(max_length=40), verbose_name=_("names"), unique=True)
    created_on = models.DateField(_("created on"))

    class Meta:
        verbose_name = _("feature set")
        verbose_name_plural = _("feature sets")

    def __str__(self) -> str:
        return f"{self.pk}: {len(self.names)} features"
