from decimal import Decimal

from django.core.exceptions import ValidationError
from django.core.validators import MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from optiengine.lib.placeholders import unknown_placeholders
from segments.models import Channel

PLACEHOLDERS = ("first_name", "last_name", "customer_id", "offer", "campaign")


class Action(models.Model):
    """One thing we can do for a customer: a message and offer through a channel, at a cost."""

    campaign = models.ForeignKey(
        "campaigns.Campaign", models.CASCADE, related_name="actions", verbose_name=_("campaign")
    )
    name = models.CharField(_("name"), max_length=80)
    channel = models.CharField(_("channel"), max_length=8, choices=Channel)
    cost_cents = models.DecimalField(
        _("cost in cents"),
        max_digits=10,
        decimal_places=3,
        default=Decimal(0),
        validators=[MinValueValidator(0)],
        help_text=_("Cost of one contact; of an offer's discount too, where it is known."),
    )
    offer = models.CharField(_("offer"), max_length=100, blank=True)
    subject = models.CharField(_("subject"), max_length=150, blank=True)
    body = models.TextField(
        _("text"),
        blank=True,
        help_text=_(
            "$first_name, $last_name, $customer_id, $offer and $campaign are filled in; "
            "${first_name|customer} says “customer” where the name is blank; $$ is a dollar sign."
        ),
    )
    is_active = models.BooleanField(_("active"), default=True)

    class Meta:
        verbose_name = _("action")
        verbose_name_plural = _("actions")
        ordering = ["campaign", "pk"]
        constraints = [
            models.UniqueConstraint(fields=["campaign", "name"], name="action_named_once"),
            models.CheckConstraint(
                condition=models.Q(cost_cents__gte=0), name="action_cost_positive"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.campaign}: {self.name}"

    def clean(self) -> None:
        for field in ("subject", "body"):
            if unknown := unknown_placeholders(getattr(self, field), PLACEHOLDERS):
                text = _("Not known: %(names)s. Known are %(all)s.")
                words = {
                    "names": ", ".join(f"${name}" for name in unknown),
                    "all": ", ".join(f"${name}" for name in PLACEHOLDERS),
                }
                raise ValidationError({field: text % words})

    def problems(self) -> list[str]:
        """What keeps the action from being sent, in sentences."""
        found = []
        if self.channel == "email" and not (self.subject and self.body):
            found.append(
                str(_("Action “%s” goes by e-mail and needs a subject and a text.") % self.name)
            )
        for name in unknown_placeholders(f"{self.subject} {self.body}", PLACEHOLDERS):
            text = _(
                "Action “%(action)s” asks for $%(name)s, which is not known. Known are %(all)s."
            )
            known = ", ".join(f"${known}" for known in PLACEHOLDERS)
            found.append(str(text % {"action": self.name, "name": name, "all": known}))
        return found
