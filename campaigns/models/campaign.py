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
            "Customers may decline it on their preference page; they then get no campaign "
            "with this tag."
        ),
    )
    title = models.CharField(
        _("title"), max_length=100, blank=True, help_text=_("Of a topic, as customers read it.")
    )

    class Meta:
        verbose_name = _("tag")
        verbose_name_plural = _("tags")
        ordering = ["name"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(is_topic=False) | ~models.Q(title=""),
                name="topic_has_title",
                violation_error_message=_("A topic needs a title that customers understand."),
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
        STEP = "step", _("as a step of journey maps")

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
        help_text=_("Empty: every customer."),
    )
    rank = models.PositiveSmallIntegerField(
        _("rank"),
        null=True,
        blank=True,
        help_text=_("1 goes first. Empty is Auto: the engine decides for each customer."),
    )
    starts_on = models.DateField(_("starts on"))
    ends_on = models.DateField(
        _("ends on"), null=True, blank=True, help_text=_("Last day, included.")
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
    trigger_kind = models.CharField(
        _("event"),
        max_length=40,
        blank=True,
        help_text=_(
            "Of a campaign that an event starts: the kind, “cart” say. It is decided within a "
            "minute of the event, under the same limits as any other."
        ),
    )
    repeat_after_days = models.PositiveSmallIntegerField(
        _("repeat after days"),
        null=True,
        blank=True,
        default=30,
        help_text=_(
            "Calendar days of the organisation until the same customer may get it again, the day "
            "of the contact included; 0: whenever it is possible. Empty: never again. Holds for "
            "transactional campaigns, too; steps of journey maps repeat as their map says."
        ),
    )
    duration_days = models.PositiveSmallIntegerField(
        _("duration in days"),
        default=0,
        help_text=_(
            "Calendar days of the organisation, the day on which the message left included, in "
            "which other campaigns leave the customer alone, also when this one is paused or over: "
            "not those that ignore it, that are sent in addition, or that are transactional."
        ),
    )
    ignores_durations = models.BooleanField(
        _("ignores all durations"),
        default=False,
        help_text=_(
            "May be sent although another campaign's duration is running, whichever it is."
        ),
    )
    ignores_durations_of = models.ManyToManyField(
        "self",
        symmetrical=False,
        blank=True,
        related_name="duration_ignored_by",
        verbose_name=_("ignores the duration of"),
        help_text=_("May be sent although the duration of one of these campaigns is running."),
    )
    transactional = models.BooleanField(
        _("transactional"),
        default=False,
        help_text=_(
            "A message that is owed, such as a receipt: outside of caps, exclusions, durations, "
            "minimum gaps and quiet hours. They neither hold it back nor start from it; it takes "
            "no slot, and the global holdout gets it, too. It counts in caps that count "
            "transactional messages. What holds it back: missing consent, a topic of its own that "
            "the customer declined, its control share, a used-up budget or volume that it counts "
            "in, and in the day's run missing data, unless it is to be run anyway."
        ),
    )
    exempt_from_caps = models.BooleanField(
        _("exempt from caps"),
        default=False,
        help_text=_(
            "No frequency cap holds it back. Its contacts still count in the caps of others; "
            "minimum gaps and quiet hours still apply."
        ),
    )
    not_counted_by_caps = models.BooleanField(
        _("not counted by caps"),
        default=False,
        help_text=_(
            "Its contacts from now on count in no frequency cap, not even in one that counts "
            "transactional messages. Caps still hold it back; contacts still start minimum gaps."
        ),
    )
    send_time_per_person = models.BooleanField(
        _("send time per person"),
        default=False,
        help_text=_(
            "Sent at the hour, within 24 hours of the decision, at which the customer is likeliest "
            "to open or click, learned from the hours of the week at which that happened before; "
            "of a customer who seldom does, at which all customers do. Never in quiet hours."
        ),
    )
    expires_after_hours = models.PositiveSmallIntegerField(
        _("expires after hours"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(24 * 30)],
        help_text=_(
            "Hours after the planned moment until when the message may still leave; later it is "
            "not sent. Empty: until the end of the organisation's next day; a transactional one "
            "then never expires."
        ),
    )
    run_anyway = models.BooleanField(
        _("run anyway"),
        default=False,
        help_text=_(
            "On a day whose customer data is missing, the day's run leaves others out; this one is "
            "decided on the latest data that there is. In real time it makes no difference: there "
            "all campaigns are decided on data of the day before at the oldest, or none."
        ),
    )
    control_share = models.FloatField(
        _("control share"),
        default=0.1,
        validators=[MinValueValidator(0), MaxValueValidator(0.9)],
        help_text=_("Of the chosen customers, kept without the message to measure its effect."),
    )
    in_addition = models.BooleanField(
        _("in addition"),
        default=False,
        help_text=_(
            "Sent beside the day's campaign: takes no slot. Frequency caps, minimum gaps and "
            "durations neither hold it back nor count it. Consent, repetition, exclusions and "
            "quiet hours hold for it."
        ),
    )
    fixed_action = models.ForeignKey(
        "campaigns.Action",
        models.SET_NULL,
        related_name="+",
        null=True,
        blank=True,
        editable=False,
        verbose_name=_("mix set to"),
        help_text=_("The one action that is sent. Empty: the engine learns the mix."),
    )
    tags = models.ManyToManyField(Tag, blank=True, related_name="campaigns", verbose_name=_("tags"))

    objects = CampaignQuerySet.as_manager()

    class Meta:
        verbose_name = _("campaign")
        verbose_name_plural = _("campaigns")
        ordering = ["name"]
        permissions = [
            ("launch_campaign", _("Can launch, pause and end campaigns")),
            ("proof_campaign", _("Can send proofs of campaigns' messages")),
            ("fix_mix", _("Can set the mix of a campaign's actions by hand")),
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
            text = _("%(days)s: weekdays are 1 (Monday) to 7.")
            if highest == 31:
                text = _("%(days)s: days of the month are 1 to 31.")
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
                return day.day in self.recurs_on
        return True

    def problems(self) -> list[str]:
        """What keeps the campaign from running, in sentences; empty when it may run."""
        found = []
        if not self.actions.exists():
            found.append(str(_("It has no action.")))
        for action in self.actions.all():
            found += action.problems()
        if self.in_addition or self.transactional:
            text = _(
                "Action “%s” answers whoever comes to us, and an answer is one message: its "
                "campaign can neither be sent in addition nor be transactional."
            )
            found += [
                str(text % one.name)
                for one in self.actions.all()
                if one.is_active and one.is_inbound
            ]
        if self.fixed_action and not self.fixed_action.is_active:
            text = _("Its mix is set to “%s”, which is not active: nothing is sent.")
            found.append(str(text % self.fixed_action.name))
        if (
            self.recurrence in (self.Recurrence.WEEKLY, self.Recurrence.MONTHLY)
            and not self.recurs_on
        ):
            found.append(str(_("It recurs, but on no day: fill in “recurs on”.")))
        if self.recurrence == self.Recurrence.EVENT and not self.trigger_kind:
            found.append(str(_("It starts when an event arrives: say which kind.")))
        return found

    def missing_links(self) -> list[str]:
        """Which actions' messages would fail for want of an address, in sentences."""
        return [text for one in self.actions.all() if one.is_active for text in one.missing_links()]
