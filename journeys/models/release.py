"""What became of reservations whose messages never left: rows of their own, for contacts stay."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from journeys.models.reason import ReasonCode, reason_choices


class _Stopped(models.Model):
    """Ids are drawn from the contacts' own sequence, under the lock of the customer's block: so a
    decision's watermark says of contacts and of releases which of them it knew."""

    id = models.BigIntegerField(primary_key=True)
    as_of = models.DateField(_("day of the message"))
    action = models.ForeignKey(
        "campaigns.Action",
        models.PROTECT,
        related_name="+",
        db_constraint=False,
        db_index=False,
        verbose_name=_("action"),
    )
    reason_code = models.SmallIntegerField(_("reason"), choices=reason_choices)

    class Meta:
        abstract = True

    @property
    def reason_text(self) -> str:
        """Why, in the reader's language, in a few words; a delivery has the whole sentence."""
        return str(ReasonCode(self.reason_code).label)


class Release(_Stopped):
    """A reservation that no longer counts from a moment on: its message will not leave.

    Written by journeys.delivery.release_contacts, once for a contact, and never changed.
    """

    contact = models.OneToOneField(
        "journeys.Contact",
        models.CASCADE,
        related_name="release",
        db_constraint=False,
        verbose_name=_("message"),
    )
    customer = models.ForeignKey(
        "segments.Customer",
        models.CASCADE,
        related_name="+",
        db_constraint=False,
        verbose_name=_("customer"),
    )
    released_at = models.DateTimeField(_("released at"))

    class Meta:
        verbose_name = _("release")
        verbose_name_plural = _("releases")
        indexes = [models.Index(fields=["as_of", "action"], name="release_of_day")]

    def __str__(self) -> str:
        return f"{self.as_of}, {self.customer_id}: {self.reason_text}"


class StoppedDay(_Stopped):
    """An action's messages of a day, none of which left, for a reason that is not the customers'.

    Its controls are released with them, and neither are measured: nobody was treated. Contacts
    with a smaller id belong to it.
    """

    stopped_at = models.DateTimeField(_("stopped at"))

    class Meta:
        verbose_name = _("stopped day")
        verbose_name_plural = _("stopped days")
        constraints = [
            models.UniqueConstraint(fields=["as_of", "action"], name="day_stopped_once"),
        ]

    def __str__(self) -> str:
        return f"{self.as_of}, {self.action_id}: {self.reason_text}"
