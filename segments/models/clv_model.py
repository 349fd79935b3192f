from django.db import models
from django.utils.translation import gettext_lazy as _


class ClvModel(models.Model):
    """The fitted purchase and spend models (BG/NBD and Gamma-Gamma) that value a customer."""

    fitted_on = models.DateField(_("fitted on"), db_index=True)
    n_customers = models.PositiveIntegerField(_("customers"))
    purchases = models.JSONField(
        _("BG/NBD"), help_text=_("Parameters r, alpha, a, b; time in weeks.")
    )
    spend = models.JSONField(
        _("Gamma-Gamma"), help_text=_("Parameters p, q, gamma; money in cents.")
    )
    log_likelihood = models.FloatField(_("log-likelihood"))

    class Meta:
        verbose_name = _("customer value model")
        verbose_name_plural = _("customer value models")
        get_latest_by = ["fitted_on", "pk"]

    def __str__(self) -> str:
        return f"{self.fitted_on} ({self.n_customers})"
