from django.core.validators import MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from journeys.models.reason import Reason, ReasonCode, reason_choices
from journeys.querysets import DeliveryQuerySet
from segments.channel_labels import channel_choices
from segments.channels import CALL, CHANNELS, EMAIL


class ChannelRoute(models.Model):
    """By which way the messages of a channel leave."""

    class Transport(models.TextChoices):
        SMTP = "smtp", _("e-mail server")
        ANYMAIL = "anymail", _("e-mail service provider")
        FILE_DROP = "file_drop", _("CSV file drop")
        SFTP = "sftp", _("CSV by SFTP")
        WEBHOOK = "webhook", _("webhook")
        CALL_LIST = "call_list", _("call list")

    channel = models.CharField(_("channel"), choices=channel_choices, unique=True)
    transport = models.CharField(_("transport"), max_length=10, choices=Transport)
    endpoint = models.ForeignKey(
        "journeys.WebhookEndpoint",
        models.PROTECT,
        null=True,
        blank=True,
        related_name="routes",
        verbose_name=_("webhook endpoint"),
        help_text=_("For webhooks: where the messages go."),
    )
    target = models.ForeignKey(
        "journeys.SftpTarget",
        models.PROTECT,
        null=True,
        blank=True,
        related_name="routes",
        verbose_name=_("SFTP target"),
        help_text=_("For SFTP: where the files go."),
    )
    is_open = models.BooleanField(_("open"), default=True, help_text=_("If closed, messages wait."))
    max_per_minute = models.PositiveIntegerField(
        _("messages per minute"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text=_(
            "Maximum number handed over per clock minute, by all workers together. The "
            "others wait, earliest due first. Empty: no limit."
        ),
    )

    class Meta:
        verbose_name = _("channel route")
        verbose_name_plural = _("channel routes")
        constraints = [
            models.CheckConstraint(
                condition=models.Q(channel=EMAIL) | ~models.Q(transport="smtp"),
                name="smtp_carries_email",
                violation_error_message=_("The e-mail server can only be used for e-mail."),
            ),
            models.CheckConstraint(
                condition=models.Q(channel=EMAIL) | ~models.Q(transport="anymail"),
                name="anymail_carries_email",
                violation_error_message=_(
                    "An e-mail service provider can only be used for e-mail."
                ),
            ),
            models.CheckConstraint(
                condition=models.Q(channel=CALL) | ~models.Q(transport="call_list"),
                name="call_list_carries_calls",
                violation_error_message=_("The call list can only be used for calls."),
            ),
            models.CheckConstraint(
                condition=models.Q(transport="webhook", endpoint__isnull=False)
                | ~models.Q(transport="webhook") & models.Q(endpoint=None),
                name="webhook_has_endpoint",
                violation_error_message=_(
                    "Choose an endpoint for a webhook, and none for other transports."
                ),
            ),
            models.CheckConstraint(
                condition=models.Q(transport="sftp", target__isnull=False)
                | ~models.Q(transport="sftp") & models.Q(target=None),
                name="sftp_has_target",
                violation_error_message=_(
                    "Choose a target for SFTP, and none for other transports."
                ),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_channel_display()} → {self.get_transport_display()}"

    @property
    def peer_id(self) -> int | None:
        """Which endpoint or target; None where the transport knows but one other side."""
        return self.endpoint_id or self.target_id

    @classmethod
    def for_channel(cls, channel: str) -> "ChannelRoute":
        """The route of a channel; where no row says otherwise, the default one."""
        route = cls.objects.filter(channel=channel).first()
        return route or cls(channel=channel, transport=CHANNELS[channel].default_transport)


class RouteMinute(models.Model):
    """Messages of a channel that were handed over in a minute, while its route had a limit."""

    channel = models.CharField(_("channel"), choices=channel_choices)
    minute = models.DateTimeField(_("minute"))
    n_messages = models.PositiveIntegerField(_("messages"), default=0)

    class Meta:
        verbose_name = _("route minute")
        verbose_name_plural = _("route minutes")
        constraints = [
            models.UniqueConstraint(fields=["channel", "minute"], name="minute_once_per_channel")
        ]

    def __str__(self) -> str:
        return f"{self.channel}, {self.minute}: {self.n_messages}"


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
        verbose_name=_("message"),
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
    channel = models.CharField(_("channel"), choices=channel_choices)
    key = models.UUIDField(
        _("key"),
        help_text=_("Idempotency key: a uuid5 of run, customer, campaign and channel."),
    )
    status = models.CharField(_("status"), max_length=10, choices=Status, default=Status.NEW)
    transport = models.CharField(
        _("transport"),
        max_length=10,
        choices=ChannelRoute.Transport,
        blank=True,
        db_default="",
        default="",
        help_text=_(
            "The transport used. It determines whether a message can be repeated after a crash."
        ),
    )
    peer_id = models.PositiveBigIntegerField(
        _("endpoint or target"),
        null=True,
        blank=True,
        help_text=_("The endpoint or target used. A repeat goes to the same one."),
    )
    batch = models.UUIDField(
        _("batch"),
        null=True,
        blank=True,
        help_text=_("Messages claimed together. A repeat keeps the same batch."),
    )
    owner = models.CharField(_("owner"), max_length=80, blank=True)
    lease_until = models.DateTimeField(
        _("lease until"),
        null=True,
        blank=True,
        help_text=_("End of the owner's lease, while the delivery is claimed or attempting."),
    )
    due_at = models.DateTimeField(
        _("due at"),
        help_text=_("Not sent before this time: planned, held by a limit, or to be retried."),
    )
    expires_at = models.DateTimeField(
        _("expires at"),
        null=True,
        blank=True,
        help_text=_("Not sent after this time. Empty: never expires."),
    )
    attempted_at = models.DateTimeField(_("last attempt at"), null=True, blank=True)
    unclear_since = models.DateTimeField(
        _("unclear since"),
        null=True,
        blank=True,
        help_text=_("Time of the first attempt without a clear answer. No repeats after one day."),
    )
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0)
    reason_code = models.SmallIntegerField(
        _("reason"),
        choices=reason_choices,
        null=True,
        blank=True,
        help_text=_("Why it was not sent, waits, failed or is unclear."),
    )
    reason_params = models.JSONField(
        _("parameters of the reason"),
        default=dict,
        db_default=models.Value({}, models.JSONField()),
        blank=True,
    )
    sent_at = models.DateTimeField(_("sent at"), null=True, blank=True)

    objects = DeliveryQuerySet.as_manager()

    class Meta:
        verbose_name = _("delivery")
        verbose_name_plural = _("deliveries")
        # In the database: unique (key, as_of), (contact, as_of); indexes on the day, on what waits
        # by channel and due_at, on what is being attempted by batch, on the customer and
        # attempted_at, on the reason and id where there is one.

    def __str__(self) -> str:
        return f"{self.key}"

    @property
    def reason(self) -> Reason | None:
        if self.reason_code is None:
            return None
        return Reason(ReasonCode(self.reason_code), self.reason_params)

    @reason.setter
    def reason(self, reason: Reason | None) -> None:
        self.reason_code = reason.code if reason else None
        self.reason_params = dict(reason.params) if reason else {}

    @property
    def reason_text(self) -> str:
        """The sentence, in the reader's language; empty where there is no reason."""
        return str(self.reason or "")
