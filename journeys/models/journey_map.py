import secrets

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from journeys.querysets import JourneyMapQuerySet


def new_seed() -> int:
    return secrets.randbits(62)


class JourneyMap(models.Model):
    """A time-delimited flow drawn by hand: who enters, what they go through, what ends it."""

    class Status(models.TextChoices):
        DRAFT = "draft", _("draft")
        ACTIVE = "active", _("active")
        PAUSED = "paused", _("paused")
        ENDED = "ended", _("ended")

    class Reentry(models.TextChoices):
        NEVER = "never", _("never")
        AFTER = "after", _("days after the last journey ended")
        ALWAYS = "always", _("every time")

    name = models.CharField(_("name"), max_length=100, unique=True)
    status = models.CharField(_("status"), max_length=6, choices=Status, default=Status.DRAFT)
    goal = models.ForeignKey(
        "campaigns.Goal",
        models.PROTECT,
        related_name="+",
        null=True,
        blank=True,
        verbose_name=_("goal"),
        help_text=_(
            "The journey ends for a customer when the goal's event happens. Empty: no goal."
        ),
    )
    exit_rule = models.JSONField(
        _("exit rule"),
        default=dict,
        blank=True,
        help_text=_(
            "Customers who match the rule leave. Checked before each step and whenever a "
            "customer's data changes. Empty: nobody."
        ),
    )
    reentry = models.CharField(
        _("re-entry"),
        max_length=6,
        choices=Reentry,
        default=Reentry.NEVER,
        help_text=_(
            "Whether customers can enter again. “Every time” also allows parallel passes "
            "for new events; otherwise a customer is in the journey once at a time."
        ),
    )
    reentry_days = models.PositiveSmallIntegerField(
        _("re-entry after days"),
        null=True,
        blank=True,
        help_text=_("Days of 24 hours since the customer last left this journey."),
    )
    control_share = models.FloatField(
        _("control share"),
        default=0.1,
        validators=[MinValueValidator(0), MaxValueValidator(0.9)],
        help_text=_(
            "Share of entrants who pass through the journey without messages. Withheld "
            "messages count towards caps. Drawn once per customer."
        ),
    )
    seed = models.BigIntegerField(_("seed"), default=new_seed, editable=False)
    running_since = models.DateTimeField(
        _("running since"),
        null=True,
        editable=False,
        help_text=_("Earlier events do not start the journey."),
    )
    active_version = models.ForeignKey(
        "journeys.MapVersion",
        models.PROTECT,
        related_name="+",
        null=True,
        editable=False,
        verbose_name=_("active version"),
    )

    objects = JourneyMapQuerySet.as_manager()

    class Meta:
        verbose_name = _("journey")
        verbose_name_plural = _("journeys")
        ordering = ["name"]
        permissions = [("launch_journeymap", _("Can launch, pause and end journeys"))]
        constraints = [
            models.CheckConstraint(
                condition=Q(reentry="after", reentry_days__gte=1)
                | ~Q(reentry="after") & Q(reentry_days=None),
                name="map_reentry_days_where_asked_for",
                violation_error_message=_(
                    "Enter the number of days only if re-entry is after a number of days."
                ),
            ),
            models.CheckConstraint(
                condition=Q(control_share__gte=0, control_share__lte=0.9),
                name="map_control_share_in_range",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class MapVersion(models.Model):
    """The drawing of a map. Once launched it never changes: travellers finish on theirs."""

    map = models.ForeignKey(
        JourneyMap, models.CASCADE, related_name="versions", verbose_name=_("journey")
    )
    number = models.PositiveIntegerField(_("number"))
    graph = models.JSONField(_("graph"), default=dict, help_text=_("Steps and links."))
    made_at = models.DateTimeField(_("created at"))
    made_by = models.CharField(_("created by"), max_length=150, blank=True)
    launched_at = models.DateTimeField(
        _("launched at"), null=True, help_text=_("Empty: a draft, which the next save overwrites.")
    )
    launched_by = models.CharField(_("launched by"), max_length=150, blank=True)

    class Meta:
        verbose_name = _("journey version")
        verbose_name_plural = _("journey versions")
        ordering = ["map", "-number"]
        constraints = [
            models.UniqueConstraint(fields=["map", "number"], name="map_version_once"),
        ]

    def __str__(self) -> str:
        return f"{self.map} v{self.number}"
