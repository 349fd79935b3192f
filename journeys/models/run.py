from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from journeys.decision_version import current_version
from journeys.querysets import DecisionRunQuerySet


class DecisionRun(models.Model):
    """One pass over all customers: for each, a campaign or none. Its inputs are pinned here.

    A live run pins what real-time decisions of a day rest on; another follows when rules change.
    """

    class Kind(models.TextChoices):
        DAILY = "daily", _("daily")
        LIVE = "live", _("in real time")

    class Status(models.TextChoices):
        WAITING = "waiting", _("waiting for the day's state")
        RUNNING = "running", _("running")
        DONE = "done", _("done")
        FAILED = "failed", _("failed")
        NOT_RUN = "not_run", _("not run")
        LIVE = "live", _("in real time")

    as_of = models.DateField(_("day"))
    kind = models.CharField(_("kind"), max_length=5, choices=Kind, default=Kind.DAILY)
    number = models.PositiveIntegerField(
        _("number"),
        default=0,
        help_text=_("For real-time runs: sequence number of the rule set within the day."),
    )
    decided_at = models.DateTimeField(
        _("decided at"), help_text=_("The time at which caps and windows are evaluated.")
    )
    seed = models.BigIntegerField(_("seed"))
    decision_version = models.PositiveSmallIntegerField(
        _("decision version"),
        default=current_version,
        help_text=_(
            "Version of the calculations that decided it. Only a release with "
            "the same version can replay it."
        ),
    )
    rulebook = models.JSONField(
        _("rulebook"),
        default=dict,
        help_text=_("Campaigns, actions, caps and exclusions at the time of the run."),
    )
    plan = models.ForeignKey(
        "campaigns.ArmPlan",
        models.PROTECT,
        related_name="+",
        null=True,
        verbose_name=_("global control group & baseline"),
    )
    state = models.ForeignKey(
        "segments.StateBuild", models.PROTECT, related_name="+", null=True, verbose_name=_("state")
    )
    model = models.ForeignKey(
        "journeys.UpliftModelVersion",
        models.PROTECT,
        related_name="+",
        null=True,
        verbose_name=_("model"),
    )
    status = models.CharField(_("status"), max_length=7, choices=Status, default=Status.WAITING)
    n_customers = models.PositiveIntegerField(_("customers"), default=0)
    counts = models.JSONField(
        _("counts"), default=dict, help_text=_("Reconciled when the run finishes.")
    )
    deliveries = models.JSONField(
        _("deliveries"),
        default=dict,
        help_text=_("The day's messages by status, counted after each delivery."),
    )
    run_anyway_by = models.CharField(
        _("run with older data by"),
        max_length=150,
        blank=True,
        help_text=_("The user who ran all campaigns on older customer data."),
    )
    prices = models.JSONField(
        _("prices"),
        default=dict,
        help_text=_("Quality of the capacity prices. Empty without limits."),
    )
    error = models.TextField(_("error"), blank=True)

    objects = DecisionRunQuerySet.as_manager()

    class Meta:
        verbose_name = _("decision run")
        verbose_name_plural = _("decision runs")
        ordering = ["-as_of"]
        constraints = [
            models.UniqueConstraint(
                fields=["as_of"], condition=Q(kind="daily"), name="one_daily_run_a_day"
            ),
            models.UniqueConstraint(
                fields=["as_of", "number"], condition=Q(kind="live"), name="live_run_once"
            ),
            models.CheckConstraint(
                condition=Q(kind="live", status="live") | (Q(kind="daily") & ~Q(status="live")),
                name="live_runs_are_live",
            ),
            models.CheckConstraint(
                condition=~Q(status__in=["running", "done", "live"])
                | Q(plan__isnull=False, state__isnull=False, model__isnull=False),
                name="run_inputs_are_pinned",
            ),
        ]

    def __str__(self) -> str:
        if self.kind == self.Kind.LIVE:
            return f"{_('real time')} {self.as_of}, {self.number}"
        return f"{_('run')} {self.as_of}"

    @property
    def is_of_this_version(self) -> bool:
        """Whether this code would decide it again as it was decided."""
        return self.decision_version == current_version()


class DecisionChunk(models.Model):
    """A block of customers of one run: the unit of work a worker claims, decides and commits.

    Leases and fences are on the database's clock. A worker whose lease ran out may still be
    alive; its commit checks the fence and finds that another took over.
    """

    run = models.ForeignKey(
        DecisionRun, models.CASCADE, related_name="chunks", verbose_name=_("run")
    )
    first_id = models.BigIntegerField(_("first customer"))
    last_id = models.BigIntegerField(_("last customer"))
    owner = models.CharField(_("owner"), max_length=80, blank=True)
    lease_until = models.DateTimeField(_("lease until"), null=True)
    fence = models.PositiveIntegerField(_("fence"), default=0)
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0)
    done = models.BooleanField(_("done"), default=False)
    n_decisions = models.PositiveIntegerField(_("decisions"), default=0)
    contact_watermark = models.BigIntegerField(
        _("message watermark"),
        null=True,
        help_text=_("Messages up to this ID were counted; later ones were not."),
    )
    capacity_left = ArrayField(
        models.BigIntegerField(),
        verbose_name=_("capacity left"),
        null=True,
        help_text=_("Capacity left of each limit when the chunk was decided."),
    )
    shared = models.JSONField(
        _("shared addresses"),
        default=list,
        db_default=[],
        help_text=_("Customers who shared an address when the chunk was decided."),
    )
    error = models.TextField(_("error"), blank=True)

    class Meta:
        verbose_name = _("run chunk")
        verbose_name_plural = _("run chunks")
        ordering = ["run", "first_id"]
        constraints = [
            models.UniqueConstraint(fields=["run", "first_id"], name="chunk_once_per_run"),
            models.CheckConstraint(condition=Q(first_id__lte=F("last_id")), name="chunk_in_order"),
        ]
        indexes = [
            models.Index(fields=["run", "lease_until"], condition=Q(done=False), name="chunk_open")
        ]

    def __str__(self) -> str:
        return f"{self.run_id}: {self.first_id}–{self.last_id}"
