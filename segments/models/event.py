from datetime import timedelta

from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

MAX_AHEAD = timedelta(hours=24)  # by which a sender's clock may be ahead of ours


class EventKind(models.TextChoices):
    """Kinds that the engine itself understands; any other word is a custom kind."""

    ORDER = "order", _("order")
    RETURN = "return", _("return")
    VISIT = "visit", _("visit")
    OPEN = "open", pgettext_lazy("event", "open")
    CLICK = "click", _("click")
    UNSUBSCRIBE = "unsubscribe", _("unsubscribe")
    COMPLAINT = "complaint", _("complaint")
    BOUNCE = "bounce", _("bounce")


class EventCorrection(models.Model):
    """A customer and a moment of which an event said something else before, or says it now.

    Noted where events are changed or deleted, for the code that follows up what rests on them.
    """

    customer = models.ForeignKey(
        "segments.Customer", models.CASCADE, related_name="+", db_constraint=False, db_index=False
    )
    occurred_at = models.DateTimeField()

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.customer_id}: {self.occurred_at}"


class Event(models.Model):
    """One thing a customer did. Partitioned by month of `occurred_at`."""

    customer = models.ForeignKey(
        "segments.Customer",
        models.CASCADE,
        related_name="events",
        db_constraint=False,
        db_index=False,
        verbose_name=_("customer"),
    )
    kind = models.CharField(_("kind"), max_length=40)
    occurred_at = models.DateTimeField(_("occurred at"))
    amount_cents = models.BigIntegerField(
        _("amount in cents"),
        null=True,
        blank=True,
        help_text=_("Margin in cents, or revenue for orders whose margin is unknown."),
    )
    properties = models.JSONField(_("properties"), default=dict, blank=True)
    source = models.CharField(_("source"), max_length=40)
    external_id = models.CharField(_("event ID"), max_length=100)
    recorded_at = models.DateTimeField(_("recorded at"), auto_now_add=True)

    class Meta:
        verbose_name = _("event")
        verbose_name_plural = _("events")
        # In the database: unique (source, external_id, occurred_at), index (customer, occurred_at).

    def __str__(self) -> str:
        return f"{self.kind} {self.external_id}"
