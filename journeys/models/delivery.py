from django.db import models
from django.utils.translation import gettext_lazy as _

from journeys.querysets import DeliveryQuerySet
from segments.models import Channel


class ChannelRoute(models.Model):
    """By which way the messages of a channel leave."""

    class Transport(models.TextChoices):
        SMTP = "smtp", _("e-mail server")
        FILE_DROP = "file_drop", _("CSV file drop")

    channel = models.CharField(_("channel"), max_length=8, choices=Channel, unique=True)
    transport = models.CharField(_("transport"), max_length=10, choices=Transport)
    is_open = models.BooleanField(_("open"), default=True, help_text=_("Closed: messages wait."))

    class Meta:
        verbose_name = _("channel route")
        verbose_name_plural = _("channel routes")

    def __str__(self) -> str:
        return f"{self.get_channel_display()} → {self.get_transport_display()}"


class Delivery(models.Model):
    """A message in the outbox. Partitioned by month of `as_of`.

    new → claimed → attempting → sent | failed | unknown. What a re-check stops is suppressed.
    """

    class Status(models.TextChoices):
        NEW = "new", _("new")
        CLAIMED = "claimed", _("claimed")
        ATTEMPTING = "attempting", _("attempting")
        SENT = "sent", _("sent")
        FAILED = "failed", _("failed")
        UNKNOWN = "unknown", _("unknown")
        SUPPRESSED = "suppressed", _("suppressed")

    as_of = models.DateField(_("day"))
    contact = models.OneToOneField(
        "journeys.Contact",
        models.CASCADE,
        related_name="delivery",
        db_constraint=False,
        verbose_name=_("contact"),
    )
    customer = models.ForeignKey(
        "segments.Customer",
        models.CASCADE,
        related_name="+",
        db_constraint=False,
        db_index=False,
        verbose_name=_("customer"),
    )
    action = models.ForeignKey(
        "campaigns.Action",
        models.PROTECT,
        related_name="+",
        db_constraint=False,
        db_index=False,
        verbose_name=_("action"),
    )
    channel = models.CharField(_("channel"), max_length=8, choices=Channel)
    key = models.UUIDField(
        _("key"), help_text=_("uuid5(run, customer, campaign, channel): repeats are dropped by it.")
    )
    status = models.CharField(_("status"), max_length=10, choices=Status, default=Status.NEW)
    owner = models.CharField(_("owner"), max_length=80, blank=True)
    lease_until = models.DateTimeField(_("lease until"), null=True, blank=True)
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0)
    reason = models.CharField(
        _("reason"), max_length=200, blank=True, help_text=_("Why it failed or was suppressed.")
    )
    sent_at = models.DateTimeField(_("sent at"), null=True, blank=True)

    objects = DeliveryQuerySet.as_manager()

    class Meta:
        verbose_name = _("delivery")
        verbose_name_plural = _("deliveries")
        # In the database: unique (key, as_of), (contact, as_of); index (status, channel).

    def __str__(self) -> str:
        return f"{self.key}"
