from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from campaigns.numerics.capacity import FROM_THE_BEGINNING
from segments.channel_labels import channel_choices

MOST = 10**14  # thousand times as many still fit into a column of the database


class CapacityLimit(models.Model):
    """A budget or a volume that all customers share: at most so much money, or messages, a period.

    What is sent counts, from the moment it is decided; a control's withheld message uses nothing.
    """

    class Measure(models.TextChoices):
        MONEY = "money", _("budget: cost of messages sent, in cents")
        CONTACTS = "contacts", _("volume: messages sent")

    class Scope(models.TextChoices):
        ALL = "all", _("all campaigns")
        CHANNEL = "channel", _("a channel")
        TAG = "tag", _("a campaign tag")
        CAMPAIGN = "campaign", _("a campaign")
        ACTION = "action", _("an action")

    class Period(models.TextChoices):
        DAY = "day", _("day")
        WEEK = "week", _("calendar week, from Monday")
        MONTH = "month", _("calendar month")
        WHOLE = FROM_THE_BEGINNING, _("from beginning to end")

    name = models.CharField(_("name"), max_length=100)
    measure = models.CharField(
        _("measure"), max_length=8, choices=Measure, default=Measure.CONTACTS
    )
    maximum = models.PositiveBigIntegerField(
        _("maximum"),
        validators=[MaxValueValidator(MOST)],
        help_text=_("Cents for a budget, messages for a volume limit. Never exceeded."),
    )
    minimum = models.PositiveBigIntegerField(
        _("minimum"),
        null=True,
        blank=True,
        validators=[MaxValueValidator(MOST)],
        help_text=_(
            "Empty: no minimum. The engine favours what the limit counts, at the least "
            "loss; the run shows when the minimum cannot be reached."
        ),
    )
    period = models.CharField(
        _("period"),
        max_length=5,
        choices=Period,
        default=Period.MONTH,
        help_text=_("Calendar periods in the organisation's time zone."),
    )
    is_even = models.BooleanField(
        _("spread evenly"),
        default=True,
        help_text=_(
            "Each run uses its day's share of what is left in the period. Otherwise "
            "everything can be used on the first day."
        ),
    )
    scope = models.CharField(_("scope"), max_length=8, choices=Scope, default=Scope.ALL)
    channel = models.CharField(_("channel"), choices=channel_choices, blank=True)
    tag = models.ForeignKey(
        "campaigns.Tag",
        models.PROTECT,
        related_name="+",
        null=True,
        blank=True,
        verbose_name=_("tag"),
    )
    campaign = models.ForeignKey(
        "campaigns.Campaign",
        models.PROTECT,
        related_name="+",
        null=True,
        blank=True,
        verbose_name=_("campaign"),
    )
    action = models.ForeignKey(
        "campaigns.Action",
        models.PROTECT,
        related_name="+",
        null=True,
        blank=True,
        verbose_name=_("action"),
    )
    is_active = models.BooleanField(_("active"), default=True)

    class Meta:
        verbose_name = _("budget or volume limit")
        verbose_name_plural = _("budgets and volume limits")
        ordering = ["name", "pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(scope="all", channel="", tag=None, campaign=None, action=None)
                | (Q(scope="channel", tag=None, campaign=None, action=None) & ~Q(channel=""))
                | Q(scope="tag", channel="", tag__isnull=False, campaign=None, action=None)
                | Q(scope="campaign", channel="", tag=None, campaign__isnull=False, action=None)
                | Q(scope="action", channel="", tag=None, campaign=None, action__isnull=False),
                name="capacity_scope_is_complete",
                violation_error_message=_("Select only what the scope requires."),
            ),
            models.CheckConstraint(
                condition=Q(minimum=None) | Q(minimum__lte=F("maximum")),
                name="capacity_minimum_below_maximum",
                violation_error_message=_("The minimum cannot be greater than the maximum."),
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        """What the scope does not ask for is dropped, so that a change of mind does no harm."""
        for field, nothing in {
            "channel": "",
            **dict.fromkeys(("tag", "campaign", "action")),
        }.items():
            if field != self.scope:
                setattr(self, field, nothing)
        if self.minimum and self.period == self.Period.WHOLE and not self._ends():
            text = _("A minimum needs an end date: choose a period, or a campaign that ends.")
            raise ValidationError({"minimum": text})

    def _ends(self) -> Any:
        campaign = self.action.campaign if self.action else self.campaign
        return campaign and campaign.ends_on
