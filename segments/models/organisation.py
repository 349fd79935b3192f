from datetime import date, datetime
from zoneinfo import ZoneInfo

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from optiengine.lib.days import validate_time_zone


class Organisation(models.Model):
    """The one brand that this database serves, and the numbers it sets for itself."""

    name = models.CharField(_("name"), max_length=100, default="OptiEngine")
    time_zone = models.CharField(
        _("time zone"),
        max_length=64,
        default="UTC",
        validators=[validate_time_zone],
        help_text=_("The engine's day begins at midnight here; also for customers without a zone."),
    )
    currency = models.CharField(_("currency"), max_length=3, default="EUR")
    new_days = models.PositiveSmallIntegerField(
        _("new for"), default=30, help_text=_("Days after the first order in which one is new.")
    )
    at_risk_days = models.PositiveSmallIntegerField(
        _("at risk after"), default=90, help_text=_("Days without an order until one is at risk.")
    )
    lapsed_days = models.PositiveSmallIntegerField(
        _("lapsed after"), default=180, help_text=_("Days without an order until one has lapsed.")
    )
    clv_horizon_weeks = models.PositiveSmallIntegerField(
        _("value horizon"),
        default=52,
        validators=[MinValueValidator(1), MaxValueValidator(260)],
        help_text=_("Weeks ahead over which customer lifetime value is added up."),
    )
    yearly_discount = models.FloatField(
        _("yearly discount"),
        default=0.1,
        validators=[MinValueValidator(0), MaxValueValidator(1)],
        help_text=_("What money a year from now is worth less than today: 0.1 is 10 %."),
    )
    half_life_days = models.PositiveSmallIntegerField(
        _("half-life of learning"),
        default=180,
        validators=[MinValueValidator(7), MaxValueValidator(3650)],
        help_text=_(
            "Days after which what a contact taught counts half. Shorter follows change sooner "
            "and knows less at any time. One for all campaigns, because they learn from each "
            "other; a change counts for all days that are kept, from the next learning on."
        ),
    )
    lock_time = models.TimeField(
        _("lock time"),
        null=True,
        blank=True,
        help_text=_(
            "No message of the day's run leaves before this time, in the organisation's zone; "
            "until then it can be stopped: a paused campaign or action sends nothing more. Empty: "
            "messages leave as soon as they are decided."
        ),
    )
    approval_audience = models.PositiveIntegerField(
        _("approval above"),
        null=True,
        blank=True,
        help_text=_(
            "Customers. Launching a campaign or journey map that more of them could get, and "
            "changing rules in force while more of them are known, needs the approval of a second "
            "person. Rules are also this number when it is raised or emptied, the time zone, the "
            "days of the life cycle, an earlier lock time, and what an active feature computes. "
            "Pausing, ending and the stop switch never wait. Empty: nobody has to approve."
        ),
    )
    sending_stopped = models.BooleanField(
        _("sending stopped"),
        default=False,
        help_text=_("The global stop switch: no message leaves while this is on."),
    )

    class Meta:
        verbose_name = _("organisation")
        verbose_name_plural = _("organisation")
        constraints = [
            models.CheckConstraint(condition=models.Q(pk=1), name="one_organisation"),
            models.CheckConstraint(
                condition=models.Q(new_days__lt=models.F("at_risk_days"))
                & models.Q(at_risk_days__lt=models.F("lapsed_days")),
                name="organisation_stages_in_order",
                violation_error_message=_("“New for” < “at risk after” < “lapsed after”."),
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @classmethod
    def current(cls) -> "Organisation":
        """The organisation of this database; its row is made at the first question."""
        return cls.objects.get_or_create(pk=1)[0]

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.time_zone)

    def today(self, now: datetime) -> date:
        """Which day it is for the engine, in the organisation's zone."""
        return now.astimezone(self.zone).date()
