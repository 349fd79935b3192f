from django.db import models
from django.utils.translation import gettext_lazy as _

from journeys.querysets import CallQuerySet


class CallResult(models.TextChoices):
    """What came of a call."""

    WAITING = "waiting", _("waiting")
    REACHED = "reached", _("reached")
    NOT_REACHED = "not_reached", _("not reached")
    REFUSED = "refused", _("refused")


class Call(models.Model):
    """A call that somebody is to make, and what came of it."""

    key = models.UUIDField(
        _("key"), unique=True, help_text=_("Key of the delivery, so that each call is listed once.")
    )
    as_of = models.DateField(_("day"), db_index=True)
    customer = models.ForeignKey(
        "segments.Customer", models.CASCADE, related_name="+", verbose_name=_("customer")
    )
    action = models.ForeignKey(
        "campaigns.Action", models.PROTECT, related_name="+", verbose_name=_("action")
    )
    script = models.TextField(_("script"))
    listed_at = models.DateTimeField(_("listed at"))
    outcome = models.CharField(
        _("outcome"), max_length=11, choices=CallResult, default=CallResult.WAITING
    )
    settled_at = models.DateTimeField(_("completed at"), null=True, blank=True)
    settled_by = models.CharField(_("completed by"), max_length=150, blank=True)

    objects = CallQuerySet.as_manager()

    class Meta:
        verbose_name = _("call")
        verbose_name_plural = _("calls")
        constraints = [
            models.CheckConstraint(
                condition=models.Q(outcome="waiting", settled_at=None)
                | ~models.Q(outcome="waiting") & models.Q(settled_at__isnull=False),
                name="call_settled_at",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.key}"
