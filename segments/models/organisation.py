from datetime import date, datetime
from zoneinfo import ZoneInfo

from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from optiengine.lib.countries import country_of_zone, validate_country
from optiengine.lib.days import day_of, validate_time_zone
from segments.models.event import EventKind


def default_return_kinds() -> list[str]:
    return ["chargeback", "refund"]


class Organisation(models.Model):
    """The one brand that this database serves, and the numbers it sets for itself."""

    name = models.CharField(_("name"), max_length=100, default="OptiEngine")
    time_zone = models.CharField(
        _("time zone"),
        max_length=64,
        default="UTC",
        validators=[validate_time_zone],
        help_text=_(
            "The engine's day starts at midnight in this zone. Also used for "
            "customers without a time zone."
        ),
    )
    country = models.CharField(
        _("country"),
        max_length=2,
        blank=True,
        validators=[validate_country],
        help_text=_(
            "Phone numbers without a country code are read in this country, unless the "
            "customer or the file names another. Empty: the country of the time zone."
        ),
    )
    ids_differ_by_case = models.BooleanField(
        _("IDs differ by case"),
        default=False,
        help_text=_(
            "IDs such as “a7” and “A7” are different customers. Otherwise the second one is "
            "rejected as a spelling of the first."
        ),
    )
    currency = models.CharField(_("currency"), max_length=3, default="EUR")
    new_days = models.PositiveSmallIntegerField(
        _("new for (days)"),
        default=30,
        help_text=_("Days after the first order in which a customer is new."),
    )
    at_risk_days = models.PositiveSmallIntegerField(
        _("at risk after (days)"),
        default=90,
        help_text=_("Days without an order until a customer is at risk."),
    )
    lapsed_days = models.PositiveSmallIntegerField(
        _("lapsed after (days)"),
        default=180,
        help_text=_("Days without an order until a customer has lapsed."),
    )
    clv_horizon_weeks = models.PositiveSmallIntegerField(
        _("value horizon"),
        default=52,
        validators=[MinValueValidator(1), MaxValueValidator(260)],
        help_text=_("Weeks over which customer lifetime value is predicted."),
    )
    yearly_discount = models.FloatField(
        _("yearly discount"),
        default=0.1,
        validators=[MinValueValidator(0), MaxValueValidator(1)],
        help_text=_("How much less money is worth in a year: 0.1 is 10 %."),
    )
    return_kinds = ArrayField(
        models.CharField(max_length=40),
        verbose_name=_("kinds of returns"),
        default=default_return_kinds,
        blank=True,
        size=20,
        help_text=_(
            "Event kinds that give money back, like “return”. Their amounts "
            "lower the margin, with or without a minus sign."
        ),
    )
    late_event_days = models.PositiveSmallIntegerField(
        _("late events count (days)"),
        default=90,
        validators=[MaxValueValidator(365)],
        help_text=_(
            "Days after the end of a window in which late or corrected events still "
            "change its outcome. 0: never."
        ),
    )
    half_life_days = models.PositiveSmallIntegerField(
        _("half-life of learning"),
        default=180,
        validators=[MinValueValidator(7), MaxValueValidator(3650)],
        help_text=_(
            "Days after which a message counts half in learning. A shorter half-life "
            "follows change faster but knows less. Applies to all campaigns."
        ),
    )
    waiting_days = models.PositiveSmallIntegerField(
        _("unknown customers: wait for (days)"),
        default=30,
        db_default=30,
        validators=[MinValueValidator(1), MaxValueValidator(365)],
        help_text=_(
            "Events and messages of customers who are not known yet are kept for this long, and "
            "stored as soon as the customer is known."
        ),
    )
    lock_time = models.TimeField(
        _("lock time"),
        null=True,
        blank=True,
        help_text=_(
            "Messages of the daily run are not sent before this time, so that they can "
            "still be stopped. Empty: sent as soon as they are decided."
        ),
    )
    approval_audience = models.PositiveIntegerField(
        _("approval above (customers)"),
        null=True,
        blank=True,
        help_text=_(
            "Launches and rule changes that affect more customers than this need "
            "approval by a second person. Empty: no approval needed."
        ),
    )
    sending_stopped = models.BooleanField(
        _("sending stopped"),
        default=False,
        help_text=_("The global stop switch. While it is on, no messages are sent."),
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
                violation_error_message=_(
                    "“New for” must be less than “at risk after”, "
                    "which must be less than “lapsed after”."
                ),
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @classmethod
    def current(cls) -> "Organisation":
        """The organisation of this database; its row is made at the first question."""
        return cls.objects.get_or_create(pk=1)[0]

    def clean(self) -> None:
        kinds = [kind.strip().lower() for kind in self.return_kinds or []]
        self.return_kinds = sorted({kind for kind in kinds if kind} - {EventKind.RETURN})
        if known := sorted(set(self.return_kinds) & set(EventKind.values)):
            text = _("%s cannot be a return: the engine gives this kind another meaning.")
            raise ValidationError({"return_kinds": text % ", ".join(known)})

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.time_zone)

    @property
    def phone_country(self) -> str:
        """ISO 3166: in which numbers without a country code are read; empty where unknown."""
        return self.country or country_of_zone(self.time_zone)

    def today(self, now: datetime) -> date:
        """Which day it is for the engine, in the organisation's zone."""
        return day_of(now, self.zone)
