from django.db import models
from django.utils.translation import gettext_lazy as _

from segments.channel_labels import channel_choices


class Suppression(models.Model):
    """An address that is never written to by a channel, kept as a keyed hash: nobody can read it.

    It outlives the customer: customers imported with this address later are suppressed, too.
    """

    class Reason(models.TextChoices):
        BOUNCE = "bounce", _("address does not accept messages")
        COMPLAINT = "complaint", _("complaint")
        ERASURE = "erasure", _("erasure")
        REQUEST = "request", _("request")

    channel = models.CharField(_("channel"), choices=channel_choices)
    address_hash = models.BinaryField(_("hash of the address"), max_length=32)
    form = models.CharField(
        _("form"),
        max_length=6,
        blank=True,
        default="",
        db_default="",
        help_text=_("How the list that it came from had hashed the address, if it had."),
    )
    reason = models.CharField(_("reason"), max_length=9, choices=Reason)
    source = models.CharField(_("source"), max_length=100)
    since = models.DateTimeField(_("since"))

    class Meta:
        verbose_name = _("suppressed address")
        verbose_name_plural = _("suppressed addresses")
        permissions = [
            ("check_suppression", _("Can check whether an address is suppressed")),
            ("lift_suppression", _("Can lift the suppression of an address")),
        ]
        indexes = [
            models.Index(fields=["form"], name="suppression_form", condition=~models.Q(form="")),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["address_hash", "channel"], name="suppression_once_per_address"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_channel_display()}: {self.get_reason_display()}"
