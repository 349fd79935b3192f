import secrets

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _


class Arm(models.TextChoices):
    """Who is contacted how, so that the engine's own worth can be measured."""

    HOLDOUT = "holdout", _("global control group")
    BASELINE = "baseline", _("baseline group")
    OPTIMISED = "optimised", _("optimised group")


def new_salt() -> str:
    return secrets.token_hex(8)


class ArmPlan(models.Model):
    """How customers are shared out between the arms from a day on. Plans are never deleted."""

    starts_on = models.DateField(_("starts on"), unique=True)
    salt = models.CharField(max_length=40, default=new_salt, editable=False)
    holdout_share = models.FloatField(
        _("global control share"),
        default=0.05,
        help_text=_("Share of customers who get only transactional messages."),
    )
    baseline_share = models.FloatField(
        _("baseline share"),
        default=0.1,
        help_text=_("Share of customers decided by manual rank, otherwise at random."),
    )

    class Meta:
        verbose_name = _("global control group & baseline")
        verbose_name_plural = _("global control group & baseline")
        ordering = ["-starts_on"]
        constraints = [
            models.CheckConstraint(
                condition=Q(holdout_share__gte=0, baseline_share__gte=0)
                & Q(holdout_share__lte=1 - F("baseline_share")),
                name="arm_shares_add_up",
                violation_error_message=_(
                    "Shares must not be negative and must add up to at most 1."
                ),
            ),
        ]

    def __str__(self) -> str:
        return f"{_('global control group & baseline')} {self.starts_on}"


class ArmMembership(models.Model):
    """The arm a customer belongs to from a day on: history, never overwritten."""

    customer = models.ForeignKey(
        "segments.Customer", models.CASCADE, related_name="+", verbose_name=_("customer")
    )
    plan = models.ForeignKey(
        ArmPlan, models.PROTECT, related_name="memberships", verbose_name=_("plan")
    )
    arm = models.CharField(_("group"), max_length=9, choices=Arm)
    since = models.DateField(_("since"))

    class Meta:
        verbose_name = _("group membership")
        verbose_name_plural = _("group memberships")
        constraints = [
            models.UniqueConstraint(fields=["customer", "plan"], name="one_arm_a_plan"),
        ]

    def __str__(self) -> str:
        return f"{self.customer_id}: {self.get_arm_display()}"


class ArmChange(models.Model):
    """A customer's arm from a day on where it is not the one that was drawn: records were merged.

    The newest one up to a day holds on that day; before, that of the membership.
    """

    customer = models.ForeignKey(
        "segments.Customer", models.CASCADE, related_name="+", verbose_name=_("customer")
    )
    plan = models.ForeignKey(
        ArmPlan, models.PROTECT, related_name="changes", verbose_name=_("plan")
    )
    arm = models.CharField(_("group"), max_length=9, choices=Arm)
    since = models.DateField(_("since"))

    class Meta:
        verbose_name = _("change of group")
        verbose_name_plural = _("changes of group")
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(
                fields=["customer", "plan", "since"], name="one_change_of_arm_a_day"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.customer_id}: {self.get_arm_display()}"
