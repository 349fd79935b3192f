from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from journeys.models.journey_map import JourneyMap, MapVersion


class Traveller(models.Model):
    """One customer's way through one version of a map.

    Code that writes a row holds the lock of the customer's block. References are not checked row by
    row, as of the other ledgers: writers take them from rows that they hold.
    """

    class Status(models.TextChoices):
        TRAVELLING = "travelling", _("in the journey")
        DONE = "done", _("done")

    class ExitReason(models.TextChoices):
        GOAL = "goal", _("goal reached")
        RULE = "rule", _("exit rule")
        END = "end", _("end of the journey")
        BLOCKED = "blocked", _("message not possible")
        LEFT = "left", _("journey ended, or customer erased or merged")

    map = models.ForeignKey(
        JourneyMap,
        models.PROTECT,
        related_name="travellers",
        db_index=False,
        db_constraint=False,
        verbose_name=_("journey"),
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
        _("entry"), max_length=60, help_text=_("The event, day or year that started this pass.")
    )
    entered_at = models.DateTimeField(_("entered at"))
    counts_from = models.DateTimeField(
        _("counts from"),
        help_text=_("Events after this time count for the pass."),
    )
    step = models.CharField(_("step"), max_length=20)
    step_since = models.DateTimeField(_("at the step since"))
    due_at = models.DateTimeField(
        _("due at"),
        null=True,
        help_text=_("When the participant is checked next. Empty: done or parked."),
    )
    status = models.CharField(_("status"), max_length=10, choices=Status, default=Status.TRAVELLING)
    outcome = models.CharField(_("outcome"), max_length=7, choices=ExitReason, blank=True)
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
        help_text=_("Campaign of the send step that waits for a decision."),
    )
    at_once = models.BooleanField(
        _("at once"),
        default=False,
        db_default=False,
        help_text=_("Decided at once, not only in the daily run."),
    )
    give_up_at = models.DateTimeField(
        _("stops waiting at"), null=True, help_text=_("When the send step stops waiting.")
    )
    fault = models.CharField(
        _("fault"), max_length=300, blank=True, help_text=_("Why the participant is parked.")
    )

    class Meta:
        verbose_name = _("participant")
        verbose_name_plural = _("participants")
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
        verbose_name=_("participant"),
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
        help_text=_("The exit taken, the result of the message, or the reason for leaving."),
    )
    contact_id = models.BigIntegerField(_("message"), null=True)
    probability = models.FloatField(
        _("probability"), null=True, help_text=_("Probability of this exit if the engine chose it.")
    )

    class Meta:
        verbose_name = _("step passage")
        verbose_name_plural = _("step passages")

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
    n = models.BigIntegerField(_("participants"))

    class Meta:
        verbose_name = _("step tally")
        verbose_name_plural = _("step tallies")

    def __str__(self) -> str:
        return f"{self.version_id} {self.step} {self.result}: {self.n}"


class MapCursor(models.Model):
    """How far a map's entry was looked at: states of the day for a group, moments for dates."""

    map = models.OneToOneField(
        JourneyMap, models.CASCADE, related_name="+", verbose_name=_("journey")
    )
    state_day = models.DateField(
        _("day of the customer data"),
        null=True,
        help_text=_("The day whose target group was checked last."),
    )
    dates_until = models.DateTimeField(_("dates checked until"), null=True)
    exits_at = models.DateTimeField(_("exit rule checked"), null=True)
    fault = models.CharField(
        _("fault"), max_length=300, blank=True, help_text=_("Why nobody can enter at the moment.")
    )

    class Meta:
        verbose_name = _("journey cursor")
        verbose_name_plural = _("journey cursors")

    def __str__(self) -> str:
        return str(self.map_id)
