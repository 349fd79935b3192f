from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from optiengine.lib.sealing import seal, unseal


class SealedSecret(models.Model):
    """What lets us in at another system; stored encrypted, never shown again."""

    sealed_secret = models.TextField(_("secret"), editable=False)

    class Meta:
        abstract = True

    @property
    def secret(self) -> str:
        """In plain; raises SealBroken."""
        return unseal(self.sealed_secret)

    def set_secret(self, secret: str) -> None:
        self.sealed_secret = seal(secret)


class WebhookEndpoint(SealedSecret):
    """A system that takes messages by HTTP, each signed as standardwebhooks.com specifies."""

    name = models.CharField(_("name"), max_length=100, unique=True)
    url = models.CharField(
        _("address"),
        max_length=500,
        help_text=_(
            "An https:// address. It cannot be changed later, so that repeats go to the "
            "same place. To use another address, create a new endpoint."
        ),
    )
    is_active = models.BooleanField(
        _("active"), default=True, help_text=_("If inactive, its messages wait.")
    )
    timeout_seconds = models.PositiveSmallIntegerField(
        _("time-out"),
        default=10,
        validators=[MinValueValidator(1), MaxValueValidator(10)],
        help_text=_("Seconds per message, including the connection (10 at most)."),
    )

    class Meta:
        verbose_name = _("webhook endpoint")
        verbose_name_plural = _("webhook endpoints")

    def __str__(self) -> str:
        return self.name


def validate_folder(folder: str) -> None:
    if any(ord(sign) < 0x20 for sign in folder):
        raise ValidationError(_("The folder name must not contain control characters."))


class SftpTarget(SealedSecret):
    """A folder on another machine, where files are put by SFTP."""

    name = models.CharField(_("name"), max_length=100, unique=True)
    host = models.CharField(_("host"), max_length=255)
    port = models.PositiveIntegerField(
        _("port"), default=22, validators=[MinValueValidator(1), MaxValueValidator(65535)]
    )
    username = models.CharField(_("user"), max_length=100)
    host_key = models.TextField(
        _("host key"),
        help_text=_(
            "The line that “ssh-keyscan host” prints. Check it with the operator of the "
            "host: nothing is sent to a host with another key."
        ),
    )
    folder = models.CharField(
        _("folder"),
        max_length=500,
        default=".",
        validators=[validate_folder],
        help_text=_("An existing folder. “.” is the login folder."),
    )
    is_active = models.BooleanField(
        _("active"), default=True, help_text=_("If inactive, its messages wait.")
    )

    class Meta:
        verbose_name = _("SFTP target")
        verbose_name_plural = _("SFTP targets")

    def __str__(self) -> str:
        return self.name
