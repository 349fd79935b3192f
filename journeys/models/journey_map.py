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
        ALWAYS = "always", _("each time")

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
            "An event of the goal's kind after entry ends the journey, wherever the customer is. "
            "Empty: no goal ends it."
        ),
    )
    exit_rule = models.JSONField(
        _("exit rule"),
        default=dict,
        blank=True,
        help_text=_(
            "For whom the rule holds leaves: looked at before every move, and of waiting "
            "customers whenever their data or their state of the day changed. Empty: nobody."
        ),
    )
    reentry = models.CharField(
        _("re-entry"),
        max_length=6,
        choices=Reentry,
        default=Reentry.NEVER,
        help_text=_(
            "Whether a customer may come again. “Each time” lets each new event begin a journey "
            "beside one that is under way; otherwise, and always for entry by target group or "
            "date, a customer is in the map once at a time."
        ),
    )
    reentry_days = models.PositiveSmallIntegerField(
        _("re-entry after days"),
        null=True,
        blank=True,
        help_text=_("Full days of 24 hours since the customer's last journey here ended."),
    )
    control_share = models.FloatField(
        _("control share"),
        default=0.1,
        validators=[MinValueValidator(0), MaxValueValidator(0.9)],
        help_text=_(
            "Of those who enter: they go through the map, but every message is withheld, and "
            "counts against caps as if it had been sent. Drawn once per customer."
        ),
    )
    seed = models.BigIntegerField(_("seed"), default=new_seed, editable=False)
    running_since = models.DateTimeField(
        _("running since"), null=True, editable=False, help_text=_("What happened before is past.")
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
        verbose_name = _("journey map")
        verbose_name_plural = _("journey maps")
        ordering = ["name"]
        permissions = [("launch_journeymap", _("Can launch, pause and end journey maps"))]
        constraints = [
            models.CheckConstraint(
                condition=Q(reentry="after", reentry_days__gte=1)
                | ~Q(reentry="after") & Q(reentry_days=None),
                name="map_reentry_days_where_asked_for",
                violation_error_message=_(
                    "Say after how many days a customer may come again, for that choice alone."
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
        JourneyMap, models.CASCADE, related_name="versions", verbose_name=_("map")
    )
    number = models.PositiveIntegerField(_("number"))
    graph = models.JSONField(_("graph"), default=dict, help_text=_("Steps and links."))
    made_at = models.DateTimeField(_("made at"))
    made_by = models.CharField(_("made by"), max_length=150, blank=True)
    launched_at = models.DateTimeField(
        _("launched at"), null=True, help_text=_("Empty: a draft, overwritten by the next save.")
    )
    launched_by = models.CharField(_("launched by"), max_length=150, blank=True)

    class Meta:
        verbose_name = _("version of a map")
        verbose_name_plural = _("versions of maps")
        ordering = ["map", "-number"]
        constraints = [
            models.UniqueConstraint(fields=["map", "number"], name="map_version_once"),
        ]

    def __str__(self) -> str:
        return f"{self.map} v{self.number}"


class Traveller(models.Model):
    """One customer's way through one version of a map.

    Whoever writes a row holds the lock of the customer's block. References are not checked row by
    row, as of the other ledgers: writers take them from rows that they hold.
    """

    class Status(models.TextChoices):
        TRAVELLING = "travelling", _("travelling")
        DONE = "done", _("done")

    class Outcome(models.TextChoices):
        GOAL = "goal", _("goal reached")
        RULE = "rule", _("exit rule")
        END = "end", _("end of the map")
        BLOCKED = "blocked", _("message not possible")
        LEFT = "left", _("map ended or customer erased")

    map = models.ForeignKey(
        JourneyMap,
        models.PROTECT,
        related_name="travellers",
        db_index=False,
        db_constraint=False,
        verbose_name=_("map"),
    )
    version = models.ForeignKey(
        MapVersion,
        models.PROTECT,
        related_name="+",
        db_index=False,
        db_constraint=False,
        verbose_name=_("version"),
    )
    customer = models.ForeignKey(
        "segments.Customer",
        models.CASCADE,
        related_name="+",
        db_constraint=False,
        verbose_name=_("customer"),
    )
    entry_key = models.CharField(
        _("entry"), max_length=60, help_text=_("The event, day or year: it begins one journey.")
    )
    entered_at = models.DateTimeField(_("entered at"))
    counts_from = models.DateTimeField(
        _("counts from"),
        help_text=_("Events after it are the journey's: the event that began it, else the entry."),
    )
    step = models.CharField(_("step"), max_length=20)
    step_since = models.DateTimeField(_("at the step since"))
    due_at = models.DateTimeField(
        _("due at"), null=True, help_text=_("When to look again. Empty: done, or parked.")
    )
    status = models.CharField(_("status"), max_length=10, choices=Status, default=Status.TRAVELLING)
    outcome = models.CharField(_("outcome"), max_length=7, choices=Outcome, blank=True)
    done_at = models.DateTimeField(_("done at"), null=True)
    is_control = models.BooleanField(_("control"), default=False)
    campaign = models.ForeignKey(
        "campaigns.Campaign",
        models.PROTECT,
        related_name="+",
        null=True,
        db_constraint=False,
        db_index=False,
        verbose_name=_("campaign"),
        help_text=_("Of the send step that waits for a decision."),
    )
    at_once = models.BooleanField(
        _("at once"), default=False, db_default=False, help_text=_("Not only with the day's run.")
    )
    give_up_at = models.DateTimeField(
        _("gives up at"), null=True, help_text=_("When the send step stops waiting.")
    )
    fault = models.CharField(
        _("fault"), max_length=300, blank=True, help_text=_("Why it is parked, until resumed.")
    )

    class Meta:
        verbose_name = _("traveller")
        verbose_name_plural = _("travellers")
        constraints = [
            models.UniqueConstraint(
                fields=["map", "customer", "entry_key"], name="traveller_once_per_entry"
            ),
            models.CheckConstraint(
                condition=Q(status="travelling", outcome="", done_at=None)
                | Q(status="done", due_at=None, campaign=None, done_at__isnull=False)
                & ~Q(outcome=""),
                name="traveller_done_or_not",
            ),
            models.CheckConstraint(
                condition=Q(campaign=None) | Q(give_up_at__isnull=False),
                name="traveller_never_waits_for_ever",
            ),
        ]
        indexes = [
            models.Index(
                fields=["due_at"],
                condition=Q(status="travelling", due_at__isnull=False),
                name="traveller_due",
            ),
            models.Index(
                fields=["map"], condition=Q(status="travelling"), name="traveller_on_the_way"
            ),
            models.Index(fields=["map"], condition=~Q(fault=""), name="traveller_parked"),
            models.Index(
                fields=["customer"], condition=Q(campaign__isnull=False), name="traveller_to_send"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.map_id}: {self.customer_id}, {self.step}"


class StepPassage(models.Model):
    """A traveller left a step: when, by which port, or with what became of its message."""

    traveller = models.ForeignKey(
        Traveller,
        models.CASCADE,
        related_name="passages",
        db_constraint=False,
        verbose_name=_("traveller"),
    )
    version = models.ForeignKey(
        MapVersion,
        models.PROTECT,
        related_name="+",
        db_index=False,
        db_constraint=False,
        verbose_name=_("version"),
    )
    step = models.CharField(_("step"), max_length=20)
    arrived_at = models.DateTimeField(_("arrived at"))
    left_at = models.DateTimeField(_("left at"))
    result = models.CharField(
        _("result"),
        max_length=20,
        help_text=_("The port that was taken; sent, withheld or skipped; or the outcome."),
    )
    contact_id = models.BigIntegerField(_("contact"), null=True)
    probability = models.FloatField(
        _("probability"), null=True, help_text=_("P(this port), where the engine chose it.")
    )

    class Meta:
        verbose_name = _("passage")
        verbose_name_plural = _("passages")

    def __str__(self) -> str:
        return f"{self.traveller_id}: {self.step}, {self.result}"


class StepTally(models.Model):
    """Arrivals at, and departures from, the steps of a version; rows add up to live counts.

    Writers append, so that none waits for another; now and then rows are drawn together.
    """

    ARRIVED = "arrived"  # the one result that is no departure

    version = models.ForeignKey(
        MapVersion, models.CASCADE, related_name="tallies", verbose_name=_("version")
    )
    step = models.CharField(_("step"), max_length=20)
    result = models.CharField(_("result"), max_length=20)
    n = models.BigIntegerField(_("travellers"))

    class Meta:
        verbose_name = _("tally of a step")
        verbose_name_plural = _("tallies of steps")

    def __str__(self) -> str:
        return f"{self.version_id} {self.step} {self.result}: {self.n}"


class MapCursor(models.Model):
    """How far a map's entry was looked at: states of the day for a group, moments for dates."""

    map = models.OneToOneField(JourneyMap, models.CASCADE, related_name="+", verbose_name=_("map"))
    state_day = models.DateField(
        _("day of the state"), null=True, help_text=_("Whose target group was looked at last.")
    )
    dates_until = models.DateTimeField(_("dates looked at until"), null=True)
    exits_at = models.DateTimeField(_("exit rule looked at"), null=True)
    fault = models.CharField(
        _("fault"), max_length=300, blank=True, help_text=_("Why nobody can enter at present.")
    )

    class Meta:
        verbose_name = _("cursor of a map")
        verbose_name_plural = _("cursors of maps")

    def __str__(self) -> str:
        return str(self.map_id)
