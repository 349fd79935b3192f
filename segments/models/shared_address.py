from django.db import models
from django.utils.translation import gettext_lazy as _

MOST_SHARING = 20  # customers of one address; more do not live together: it is a placeholder


class SharedAddress(models.Model):
    """An address that several customers have: what is sent there counts for each of them.

    Its id is the lock under which these contacts are counted and made. Who has it follows from the
    customers' compared addresses. It is written only while nobody decides.
    """

    class Field(models.TextChoices):
        EMAIL = "email", _("e-mail")
        PHONE = "phone", _("phone")

    address_field = models.CharField(_("kind"), max_length=5, choices=Field)
    key = models.CharField(_("compared address"), max_length=320)
    n_customers = models.PositiveIntegerField(_("customers"))
    is_placeholder = models.BooleanField(
        _("placeholder"),
        default=False,
        help_text=_("More than 20 customers have it, so it is nobody's own address."),
    )
    since = models.DateTimeField(_("since"))

    class Meta:
        verbose_name = _("shared address")
        verbose_name_plural = _("shared addresses")
        constraints = [
            models.UniqueConstraint(fields=["address_field", "key"], name="shared_address_once"),
        ]

    def __str__(self) -> str:
        return f"{self.get_address_field_display()}: {self.n_customers}"
