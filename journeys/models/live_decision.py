from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _

from segments.channel_labels import channel_choices


class LiveDecision(models.Model):
    """Inputs of a real-time decision in addition to its run's rules: enough to explain and replay
    it.

    Partitioned by month of `as_of`.
    """

    class Reason(models.TextChoices):
        INBOUND = "inbound", _("requested")
        EVENT = "event", _("an event arrived")
        STEP = "step", _("a journey step was due")

    as_of = models.DateField(_("day"))
    decision_id = models.BigIntegerField(_("decision"))
    customer = models.ForeignKey(
        "segments.Customer",
        models.CASCADE,
        related_name="+",
        db_constraint=False,
        db_index=False,
        verbose_name=_("customer"),
    )
    reason = models.CharField(_("reason"), max_length=7, choices=Reason)
    channels = ArrayField(
        models.CharField(choices=channel_choices),
        verbose_name=_("channels"),
        default=list,
        help_text=_("Channels that could show the answer. Empty: all."),
    )
    trigger_kind = models.CharField(_("event"), max_length=40, blank=True)
    decided_at = models.DateTimeField(_("decided at"))
    seed = models.BigIntegerField(_("seed"))
    contact_watermark = models.BigIntegerField(_("message watermark"))
    features = ArrayField(
        models.FloatField(),
        verbose_name=_("features"),
        help_text=_("Values at the time of the decision, in the order of the feature set."),
    )
    micro_segment_id = models.BigIntegerField(_("micro-segment"))
    capacity_left = ArrayField(models.BigIntegerField(), verbose_name=_("capacity left"), null=True)
    shared = models.JSONField(
        _("shared addresses"),
        default=list,
        db_default=[],
        help_text=_("Customers who shared an address with the customer at that moment."),
    )
    request_key = models.CharField(
        _("request key"),
        max_length=100,
        help_text=_(
            "Idempotency key of the caller, or generated. The same key returns the same answer."
        ),
    )

    class Meta:
        verbose_name = _("real-time decision")
        verbose_name_plural = _("real-time decisions")
        # In the database: unique (decision_id, as_of), (request_key, as_of);
        # index (customer, as_of).

    def __str__(self) -> str:
        return f"{self.customer}, {self.decided_at:%Y-%m-%d %H:%M}"
