from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _

from campaigns.models import Arm


class Decision(models.Model):
    """What one run chose for one customer: a campaign's action, or none.

    Partitioned by month of `as_of`. Money is in cents; the parts are those of the chosen option.
    A live run may decide several times for a customer: each is an occasion of its own.
    """

    class Layer(models.TextChoices):
        HELD = "held", _("not sent")
        RANKED = "ranked", _("by priority")
        JOURNEY = "journey", _("journey step")
        AUTO = "auto", _("by value")
        BASELINE = "baseline", _("at random, baseline group")

    as_of = models.DateField(_("day"))
    run = models.ForeignKey(
        "journeys.DecisionRun",
        models.CASCADE,
        related_name="decisions",
        db_constraint=False,
        db_index=False,
        verbose_name=_("run"),
    )
    customer = models.ForeignKey(
        "segments.Customer",
        models.CASCADE,
        related_name="+",
        db_constraint=False,
        db_index=False,
        verbose_name=_("customer"),
    )
    occasion = models.BigIntegerField(
        _("occasion"), default=0, db_default=0, help_text=_("0 for the daily run.")
    )
    arm = models.CharField(_("group"), max_length=9, choices=Arm)
    layer = models.CharField(_("decided"), max_length=8, choices=Layer)
    campaign = models.ForeignKey(
        "campaigns.Campaign",
        models.PROTECT,
        related_name="+",
        null=True,
        db_constraint=False,
        db_index=False,
        verbose_name=_("campaign"),
    )
    action = models.ForeignKey(
        "campaigns.Action",
        models.PROTECT,
        related_name="+",
        null=True,
        db_constraint=False,
        db_index=False,
        verbose_name=_("action"),
    )
    is_control = models.BooleanField(_("control"), default=False)
    assignment_prob = models.FloatField(
        _("assignment probability"),
        help_text=_(
            "Probability with which the engine chose this option, for test and control alike."
        ),
    )
    response_prob = models.FloatField(
        _("conversion probability"),
        null=True,
        help_text=_("Probability that the customer converts if they get the message."),
    )
    value_now_cents = models.FloatField(
        _("value now"), default=0, help_text=_("Uplift within the window, before costs.")
    )
    value_later_cents = models.FloatField(_("value later"), default=0)
    slot_cost_cents = models.FloatField(_("slot cost"), default=0)
    price_cents = models.FloatField(
        _("capacity price"),
        default=0,
        db_default=0,
        help_text=_(
            "Price of the budgets and volume limits the message uses. Negative "
            "if a minimum favours it."
        ),
    )
    cost_cents = models.FloatField(_("cost"), default=0)
    verdicts = ArrayField(
        models.SmallIntegerField(),
        verbose_name=_("reasons"),
        help_text=_("One code per action of the run, in order."),
    )

    class Meta:
        verbose_name = _("decision")
        verbose_name_plural = _("decisions")
        # In the database: unique (run, customer, occasion, as_of); index (customer, as_of).

    def __str__(self) -> str:
        return f"{self.customer}, {self.as_of}"
