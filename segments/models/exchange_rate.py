from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.db import models
from django.utils.translation import gettext_lazy as _


class ExchangeRate(models.Model):
    """What one unit of another currency is worth in the organisation's, from a day on."""

    currency = models.CharField(
        _("currency"),
        max_length=3,
        validators=[RegexValidator("^[A-Z]{3}$", _("Use an ISO 4217 code such as USD."))],
        help_text=_("Currency as an ISO 4217 code, such as USD."),
    )
    valid_from = models.DateField(
        _("valid from"), help_text=_("Used for amounts from this day until the next rate.")
    )
    rate = models.DecimalField(
        _("rate"),
        max_digits=18,
        decimal_places=8,
        help_text=_("One unit of the currency, in the organisation's currency."),
    )

    class Meta:
        verbose_name = _("exchange rate")
        verbose_name_plural = _("exchange rates")
        ordering = ["currency", "-valid_from"]
        constraints = [
            models.UniqueConstraint(
                fields=["currency", "valid_from"], name="exchange_rate_once_per_day"
            ),
            models.CheckConstraint(
                condition=models.Q(rate__gt=0),
                name="exchange_rate_above_zero",
                violation_error_message=_("The rate must be above zero."),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.currency} {self.valid_from}: {self.rate}"

    def clean(self) -> None:
        from segments.models import Organisation

        if self.currency == Organisation.current().currency:
            raise ValidationError({"currency": _("This is the organisation's own currency.")})
