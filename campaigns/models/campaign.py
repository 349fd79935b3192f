from calendar import monthrange
from collections.abc import Iterator
from datetime import date

from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from campaigns.querysets import CampaignQuerySet


class Tag(models.Model):
    """A word that groups campaigns, so that caps and exclusions can speak of the group."""

    name = models.SlugField(_("name"), max_length=40, unique=True)
    is_topic = models.BooleanField(
        _("topic"),
        default=False,
        help_text=_(
            "Customers can opt out of it on their preference page. They then get no "
            "campaign with this tag."
        ),
    )
    title = models.CharField(
        _("title"),
        max_length=100,
        blank=True,
        help_text=_("For topics: the name that customers see."),
    )

    class Meta:
        verbose_name = _("tag")
        verbose_name_plural = _("tags")
        ordering = ["name"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(is_topic=False) | ~models.Q(title=""),
                name="topic_has_title",
                violation_error_message=_("A topic needs a title for customers."),
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Campaign(models.Model):
    """A target group, a schedule and a goal, with one or more actions to choose from."""

    class Status(models.TextChoices):
        DRAFT = "draft", _("draft")
        ACTIVE = "active", _("active")
        PAUSED = "paused", _("paused")
        ENDED = "ended", _("ended")

    class Recurrence(models.TextChoices):
        ONCE = "once", _("once, on the first day")
        DAILY = "daily", _("every day")
        WEEKLY = "weekly", _("on weekdays")
        MONTHLY = "monthly", _("on days of the month")
        EVENT = "event", _("when an event arrives")
        STEP = "step", _("as a step of journeys")

    name = models.CharField(_("name"), max_length=100, unique=True)
    status = models.CharField(_("status"), max_length=8, choices=Status, default=Status.DRAFT)
    goal = models.ForeignKey(
        "campaigns.Goal", models.PROTECT, related_name="campaigns", verbose_name=_("goal")
    )
    target_group = models.ForeignKey(
        "segments.TargetGroup",
        models.PROTECT,
        related_name="+",
        null=True,
        blank=True,
        verbose_name=_("target group"),
        help_text=_("Empty: all customers."),
    )
    rank = models.PositiveSmallIntegerField(
        _("priority"),
        null=True,
        blank=True,
        help_text=_("1 goes first. Empty means Auto: the engine decides for each customer."),
    )
    starts_on = models.DateField(_("starts on"))
    ends_on = models.DateField(
        _("ends on"), null=True, blank=True, help_text=_("Last day of the campaign, inclusive.")
    )
    recurrence = models.CharField(
        _("recurrence"), max_length=8, choices=Recurrence, default=Recurrence.DAILY
    )
    recurs_on = ArrayField(
        models.PositiveSmallIntegerField(),
        verbose_name=_("recurs on"),
        default=list,
        blank=True,
        help_text=_("Weekdays 1 (Monday) to 7, or days of the month 1 to 31."),
    )
    skips_short_months = models.BooleanField(
        _("skip shorter months"),
        default=False,
        db_default=False,
        help_text=_(
            "Off: days 29 to 31 mean the last day of a shorter month, in February the "
            "28th or 29th. On: the campaign does not run in such a month."
        ),
    )
    trigger_kind = models.CharField(
        _("event"),
        max_length=40,
        blank=True,
        help_text=_(
            "For campaigns started by an event: the event kind, such as “cart”. Decided "
            "within a minute, under the same limits as any campaign."
        ),
    )
    repeat_after_days = models.PositiveSmallIntegerField(
        _("repeat after days"),
        null=True,
        blank=True,
        default=30,
        help_text=_(
            "Days until the same customer can get it again; the day of the message "
            "counts. 0: as soon as possible. Empty: never again."
        ),
    )
    duration_days = models.PositiveSmallIntegerField(
        _("cool-down in days"),
        default=0,
        help_text=_(
            "Days, starting with the day the message left, in which other campaigns are "
            "not sent to the customer."
        ),
    )
    ignores_durations = models.BooleanField(
        _("ignores other campaigns' cool-down"),
        default=False,
        help_text=_("Can be sent during the cool-down of any other campaign."),
    )
    ignores_durations_of = models.ManyToManyField(
        "self",
        symmetrical=False,
        blank=True,
        related_name="duration_ignored_by",
        verbose_name=_("ignores the cool-down of"),
        help_text=_("Can be sent during the cool-down of these campaigns."),
    )
    transactional = models.BooleanField(
        _("transactional"),
        default=False,
        help_text=_(
            "A message that customers expect, such as a receipt. It bypasses limits and "
            "quiet hours and also goes to the global control group."
        ),
    )
    exempt_from_caps = models.BooleanField(
        _("exempt from caps"),
        default=False,
        help_text=_(
            "Frequency caps never hold it back, but its messages still count. Minimum "
            "gaps and quiet hours apply."
        ),
    )
    not_counted_by_caps = models.BooleanField(
        _("not counted by caps"),
        default=False,
        help_text=_(
            "From now on its messages count towards no frequency cap. Caps still hold it "
            "back, and its messages still start minimum gaps."
        ),
    )
    send_time_per_person = models.BooleanField(
        _("personal send time"),
        default=False,
        help_text=_(
            "Sent within 24 hours of the decision, at the hour when the customer is most "
            "likely to open or click. Never in quiet hours."
        ),
    )
    expires_after_hours = models.PositiveSmallIntegerField(
        _("expires after hours"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(24 * 30)],
        help_text=_(
            "Hours after the planned time during which the message can still be sent. "
            "Empty: until the end of the next day; transactional messages then never "
            "expire."
        ),
    )
    run_anyway = models.BooleanField(
        _("run anyway"),
        default=False,
        help_text=_(
            "If customer data is missing for a day, other campaigns are skipped and this "
            "one is decided on the latest data available."
        ),
    )
    control_share = models.FloatField(
        _("control share"),
        default=0.1,
        validators=[MinValueValidator(0), MaxValueValidator(0.9)],
        help_text=_(
            "Share of the chosen customers who do not get the message, so that "
            "its effect can be measured."
        ),
    )
    in_addition = models.BooleanField(
        _("can be sent alongside the day's campaign"),
        default=False,
        help_text=_(
            "Takes no slot; caps, gaps and cool-downs do not apply. Consent, repetition, "
            "exclusions and quiet hours do."
        ),
    )
    fixed_action = models.ForeignKey(
        "campaigns.Action",
        models.SET_NULL,
        related_name="+",
        null=True,
        blank=True,
        editable=False,
        verbose_name=_("mix fixed to"),
        help_text=_("Only this action is sent. Empty: the engine learns the mix."),
    )
    tags = models.ManyToManyField(Tag, blank=True, related_name="campaigns", verbose_name=_("tags"))

    objects = CampaignQuerySet.as_manager()

    class Meta:
        verbose_name = _("campaign")
        verbose_name_plural = _("campaigns")
        ordering = ["name"]
        permissions = [
            ("launch_campaign", _("Can launch, pause and end campaigns")),
            ("proof_campaign", _("Can make test sends of campaign messages")),
            ("fix_mix", _("Can fix the mix of a campaign's actions")),
        ]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(ends_on=None) | models.Q(ends_on__gte=models.F("starts_on")),
                name="campaign_ends_after_start",
                violation_error_message=_("A campaign cannot end before it starts."),
            ),
            models.CheckConstraint(
                condition=models.Q(control_share__gte=0, control_share__lte=0.9),
                name="campaign_control_share_in_range",
            ),
            models.CheckConstraint(
                condition=models.Q(rank=None) | models.Q(rank__gte=1), name="campaign_rank_from_one"
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        highest = {self.Recurrence.WEEKLY: 7, self.Recurrence.MONTHLY: 31}.get(
            self.Recurrence(self.recurrence) if self.recurrence else self.Recurrence.DAILY
        )
        days = self.recurs_on or []
        if highest is None:
            self.recurs_on = []
        elif wrong := [day for day in days if not 1 <= day <= highest]:
            text = _("%(days)s: use 1 (Monday) to 7 for weekdays.")
            if highest == 31:
                text = _("%(days)s: use 1 to 31 for days of the month.")
            listed = ", ".join(map(str, wrong))
            raise ValidationError({"recurs_on": text % {"days": listed}})
        else:
            self.recurs_on = sorted(set(days))

    @property
    def is_auto(self) -> bool:
        return self.rank is None

    def runs_on(self, day: date) -> bool:
        """Whether the schedule has an occurrence on a day; by event or step it may be any day."""
        if day < self.starts_on or (self.ends_on and day > self.ends_on):
            return False
        match self.recurrence:
            case self.Recurrence.ONCE:
                return day == self.starts_on
            case self.Recurrence.WEEKLY:
                return day.isoweekday() in self.recurs_on
            case self.Recurrence.MONTHLY:
                return day.day in self.days_in_month(day.year, day.month)
        return True

    def days_in_month(self, year: int, month: int) -> set[int]:
        """The days of a month on which a monthly campaign runs, whatever its first and last day."""
        last = monthrange(year, month)[1]
        days = self.recurs_on or []
        if self.skips_short_months:
            return {on for on in days if on <= last}
        return {min(on, last) for on in days}

    def monthly_days(self, since: date) -> Iterator[date]:
        """The coming days of a monthly campaign, up to two years ahead."""
        for n in range(since.month - 1, since.month + 23):
            year, month = since.year + n // 12, n % 12 + 1
            for day in sorted(self.days_in_month(year, month)):
                on = date(year, month, day)
                if on >= since and self.runs_on(on):
                    yield on

    def problems(self) -> list[str]:
        """What keeps the campaign from running, in sentences; empty when it may run."""
        faults = []
        if not self.actions.exists():
            faults.append(str(_("The campaign has no active action. Add one.")))
        for action in self.actions.all():
            faults += action.problems()
        if self.in_addition or self.transactional:
            text = _(
                "Action “%s” answers customers who come to us, one message at a time. "
                "Its campaign cannot be transactional or sent alongside the day's "
                "campaign."
            )
            faults += [
                str(text % active.name)
                for active in self.actions.all()
                if active.is_active and active.is_inbound
            ]
        if self.fixed_action and not self.fixed_action.is_active:
            text = _("The mix is fixed to “%s”, which is inactive, so nothing would be sent.")
            faults.append(str(text % self.fixed_action.name))
        if (
            self.recurrence in (self.Recurrence.WEEKLY, self.Recurrence.MONTHLY)
            and not self.recurs_on
        ):
            faults.append(str(_("The campaign has no days to run on. Fill in “recurs on”.")))
        if self.recurrence == self.Recurrence.EVENT and not self.trigger_kind:
            faults.append(
                str(_("The campaign starts when an event arrives. Fill in the event kind."))
            )
        return faults

    def missing_links(self) -> list[str]:
        """Which actions' messages would fail for want of an address, in sentences."""
        return [
            text
            for action in self.actions.all()
            if action.is_active
            for text in action.missing_links()
        ]
