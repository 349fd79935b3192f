from django.core.validators import MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _


class TargetGroup(models.Model):
    """A rule over what is known of customers: who a campaign is for."""

    name = models.CharField(_("name"), max_length=100, unique=True)
    rule = models.JSONField(
        _("rule"), default=dict, blank=True, help_text=_("Empty: all customers.")
    )
    n_customers = models.IntegerField(
        _("customers"), null=True, blank=True, editable=False, validators=[MinValueValidator(0)]
    )
    counted_on = models.DateField(_("counted for"), null=True, blank=True, editable=False)

    class Meta:
        verbose_name = _("target group")
        verbose_name_plural = _("target groups")
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name
