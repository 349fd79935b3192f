from django.db import models
from django.utils.translation import gettext_lazy as _


class EvidenceCut(models.Model):
    """Up to a moment a customer teaches and is reported nothing: they were in two arms at once.

    Two records in different arms turned out to be one person, who got messages by both; or what
    was merged was separated again.
    """

    customer = models.ForeignKey(
        "segments.Customer", models.CASCADE, related_name="+", verbose_name=_("customer")
    )
    merge = models.ForeignKey(
        "segments.CustomerMerge", models.CASCADE, related_name="+", verbose_name=_("merge")
    )
    below = models.BigIntegerField(help_text=_("Messages with smaller numbers are no evidence."))
    up_to = models.DateTimeField(_("up to"))
    noted_on = models.DateField(
        _("noted on"), help_text=_("The day from which reports and learning leave them out.")
    )

    class Meta:
        verbose_name = _("evidence left out")
        verbose_name_plural = _("evidence left out")
        default_permissions = ()
        indexes = [models.Index(fields=["customer", "below"], name="evidence_cut")]

    def __str__(self) -> str:
        return f"{self.customer_id}: {self.up_to}"
