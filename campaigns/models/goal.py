from django.core.validators import MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _


class Goal(models.Model):
    """What a campaign wants customers to do, and for how long after the contact it counts."""

    name = models.CharField(_("name"), max_length=80, unique=True)
    event_kind = models.CharField(
        _("event kind"),
        max_length=40,
        default="order",
        help_text=_("The event that counts as a conversion."),
    )
    window_days = models.PositiveSmallIntegerField(
        _("attribution window in days"),
        default=7,
        validators=[MinValueValidator(1)],
        help_text=_("Days after the message in which a conversion counts."),
    )
    value_per_event_cents = models.PositiveIntegerField(
        _("value per event in cents"),
        null=True,
        blank=True,
        help_text=_(
            "Value of one conversion. Empty: margin plus the change in predicted value, "
            "which makes campaigns comparable."
        ),
    )

    class Meta:
        verbose_name = _("goal")
        verbose_name_plural = _("goals")
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name
