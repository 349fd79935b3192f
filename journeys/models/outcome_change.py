from django.db import models
from django.utils.translation import gettext_lazy as _


class OutcomeChange(models.Model):
    """What late or corrected events changed of an outcome: from what to what, and on which day.

    The outcome stays as it was measured; readers fold the newest change up to their day into it.
    """

    contact = models.ForeignKey(
        "journeys.Contact",
        models.CASCADE,
        related_name="outcome_changes",
        db_constraint=False,
        verbose_name=_("message"),
    )
    as_of = models.DateField(_("day of the message"))
    changed_on = models.DateField(_("changed on"), db_index=True)
    n_responses_before = models.PositiveIntegerField(_("conversions before"))
    n_responses = models.PositiveIntegerField(_("conversions"))
    margin_cents_before = models.BigIntegerField(_("margin in cents before"))
    margin_cents = models.BigIntegerField(_("margin in cents"))
    value_cents_before = models.FloatField(_("value in cents before"))
    value_cents = models.FloatField(_("value in cents"))

    class Meta:
        verbose_name = _("late change of an outcome")
        verbose_name_plural = _("late changes of outcomes")
        constraints = [
            models.UniqueConstraint(fields=["contact", "changed_on"], name="changed_once_a_day"),
        ]

    def __str__(self) -> str:
        return f"{self.contact_id}: {self.value_cents_before:.0f} → {self.value_cents:.0f}"
