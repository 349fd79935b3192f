from django.db import models
from django.utils.translation import gettext_lazy as _


class WaitingTrigger(models.Model):
    """An event that starts campaigns, until the decision about it is made."""

    event_id = models.BigIntegerField(_("event"), unique=True)
    customer = models.ForeignKey(
        "segments.Customer",
        models.CASCADE,
        related_name="+",
        db_constraint=False,
        verbose_name=_("customer"),
    )
    kind = models.CharField(_("kind"), max_length=40)
    occurred_at = models.DateTimeField(_("occurred at"))

    class Meta:
        verbose_name = _("event to answer")
        verbose_name_plural = _("events to answer")

    def __str__(self) -> str:
        return f"{self.kind} {self.event_id}"
