from django.db import models
from django.utils.translation import gettext_lazy as _


class CapacityAccount(models.Model):
    """What one period of a budget or volume limit has used; the row is locked to spend from it.

    Counted in whole units that add up exactly: thousandths of a cent, or messages.
    """

    limit = models.ForeignKey(
        "campaigns.CapacityLimit", models.PROTECT, related_name="+", verbose_name=_("limit")
    )
    starts_on = models.DateField(_("period from"))
    used = models.BigIntegerField(_("used"), default=0)

    class Meta:
        verbose_name = _("capacity balance")
        verbose_name_plural = _("capacity balances")
        ordering = ["-starts_on", "limit"]
        constraints = [
            models.UniqueConstraint(fields=["limit", "starts_on"], name="account_once_per_period"),
        ]

    def __str__(self) -> str:
        return f"{self.limit_id}: {self.starts_on}"


class CapacityUse(models.Model):
    """One limit in one run: what there was, what it cost to use, what was used."""

    run = models.ForeignKey(
        "journeys.DecisionRun", models.CASCADE, related_name="capacity", verbose_name=_("run")
    )
    account = models.ForeignKey(
        CapacityAccount, models.PROTECT, related_name="uses", verbose_name=_("balance")
    )
    place = models.PositiveSmallIntegerField(
        _("position"), help_text=_("Position among the limits of the run.")
    )
    used_before = models.BigIntegerField(_("used before the run"))
    available = models.BigIntegerField(
        _("for this run"), help_text=_("This run's share of the remaining amount. Never exceeded.")
    )
    wanted = models.BigIntegerField(_("minimum for this run"), default=0)
    used = models.BigIntegerField(_("used by the run"), default=0)
    price = models.FloatField(
        _("price"), default=0, help_text=_("In cents per message, or per cent of the budget.")
    )
    subsidy = models.FloatField(_("subsidy"), default=0, help_text=_("The same, for a minimum."))
    short = models.FloatField(
        _("shortfall"),
        default=0,
        help_text=_("In cents or messages: the part of the minimum that could not be reached."),
    )

    class Meta:
        verbose_name = _("limit usage")
        verbose_name_plural = _("limit usage")
        ordering = ["run", "place"]
        constraints = [
            models.UniqueConstraint(fields=["run", "place"], name="limit_once_per_run"),
        ]

    def __str__(self) -> str:
        return f"{self.run_id}: {self.place}"
