from django.db import models
from django.utils.translation import gettext_lazy as _


class WaitingFact(models.Model):
    """An event or message of a customer who is not known yet: it waits until they are.

    What has waited too long keeps its row for a year, without what it says and of whom.
    """

    class Kind(models.TextChoices):
        EVENT = "event", _("event")
        CONTACT = "contact", _("message")

    kind = models.CharField(_("kind"), max_length=7, choices=Kind)
    source = models.CharField(_("source"), max_length=40)
    external_id = models.CharField(_("ID"), max_length=100)
    customer = models.CharField(
        _("customer ID"), max_length=100, blank=True, help_text=_("As the sender named them.")
    )
    email_key = models.CharField(_("compared e-mail"), max_length=320, blank=True)
    phone_key = models.CharField(_("compared phone"), max_length=40, blank=True)
    fact = models.JSONField(_("content"), default=dict)
    received_at = models.DateTimeField(_("received at"))
    expires_at = models.DateTimeField(
        _("waits until"),
        null=True,
        blank=True,
        help_text=_("Empty: without end. An unsubscribe is never forgotten."),
    )
    expired_at = models.DateTimeField(_("expired at"), null=True, blank=True)
    import_job = models.ForeignKey(
        "segments.ImportJob",
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("import"),
    )

    class Meta:
        verbose_name = _("fact waiting for its customer")
        verbose_name_plural = _("waiting for their customer")
        default_permissions = ("view", "delete")
        constraints = [
            models.UniqueConstraint(fields=["kind", "source", "external_id"], name="waits_once"),
            models.CheckConstraint(
                condition=~models.Q(customer="", email_key="", phone_key="", expired_at=None),
                name="waits_for_somebody",
            ),
        ]
        indexes = [
            models.Index(fields=["customer"], name="waiting_id", condition=~models.Q(customer="")),
            models.Index(
                fields=["email_key"], name="waiting_email", condition=~models.Q(email_key="")
            ),
            models.Index(
                fields=["phone_key"], name="waiting_phone", condition=~models.Q(phone_key="")
            ),
            models.Index(fields=["expires_at"], name="waiting_until"),
        ]

    def __str__(self) -> str:
        return f"{self.source}: {self.external_id}"
