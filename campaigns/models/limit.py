from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from segments.channel_labels import channel_choices, outbound_choices


class Weekday(models.IntegerChoices):
    """ISO numbers of the days of the week."""

    MONDAY = 1, _("Monday")
    TUESDAY = 2, _("Tuesday")
    WEDNESDAY = 3, _("Wednesday")
    THURSDAY = 4, _("Thursday")
    FRIDAY = 5, _("Friday")
    SATURDAY = 6, _("Saturday")
    SUNDAY = 7, _("Sunday")


def _one_of(first: str, second: str) -> models.Q:
    """Exactly one of two foreign keys is set."""
    return models.Q(**{first: None}) ^ models.Q(**{second: None})


class Exclusion(models.Model):
    """After a message of one campaign or tag, another is blocked for some days.

    Days are calendar days of the organisation. Messages in test and control block alike;
    transactional campaigns neither block nor are blocked. A message keeps the tags that its
    campaign had when it was decided.
    """

    name = models.CharField(_("name"), max_length=100)
    campaign = models.ForeignKey(
        "campaigns.Campaign",
        models.CASCADE,
        related_name="excludes",
        null=True,
        blank=True,
        verbose_name=_("after campaign"),
    )
    tag = models.ForeignKey(
        "campaigns.Tag",
        models.CASCADE,
        related_name="excludes",
        null=True,
        blank=True,
        verbose_name=_("or after tag"),
    )
    excluded_campaign = models.ForeignKey(
        "campaigns.Campaign",
        models.CASCADE,
        related_name="excluded_by",
        null=True,
        blank=True,
        verbose_name=_("blocks campaign"),
    )
    excluded_tag = models.ForeignKey(
        "campaigns.Tag",
        models.CASCADE,
        related_name="excluded_by",
        null=True,
        blank=True,
        verbose_name=_("or blocks tag"),
    )
    days = models.PositiveSmallIntegerField(
        _("days"),
        help_text=_(
            "Days, starting with the day the message left: 2 days from Monday block "
            "Monday and Tuesday. Transactional campaigns neither block nor are blocked."
        ),
    )
    both_ways = models.BooleanField(
        _("both ways"),
        default=False,
        help_text=_("A message from the blocked side also blocks the other side for as many days."),
    )

    class Meta:
        verbose_name = _("exclusion")
        verbose_name_plural = _("exclusions")
        constraints = [
            models.CheckConstraint(
                condition=_one_of("campaign", "tag"),
                name="exclusion_by_campaign_or_tag",
                violation_error_message=_("Choose either a campaign or a tag that blocks."),
            ),
            models.CheckConstraint(
                condition=_one_of("excluded_campaign", "excluded_tag"),
                name="exclusion_of_campaign_or_tag",
                violation_error_message=_("Choose either a campaign or a tag to block."),
            ),
        ]

    def __str__(self) -> str:
        return self.name


class FrequencyCap(models.Model):
    """At most so many contacts in a window; of several caps the strictest wins.

    Sends and withheld messages of control members count alike, from the moment they are reserved,
    at the moment they are planned for; one planned for later is inside every window. A contact
    carries the tags that its campaign had when it was decided. What is sent in addition to the
    day's campaign is neither counted nor held back.
    """

    class Scope(models.TextChoices):
        ALL = "all", _("all messages")
        CHANNEL = "channel", _("a channel")
        TAG = "tag", _("a campaign tag")

    class Window(models.TextChoices):
        HOURS = "hours", _("rolling hours")
        DAYS = "days", _("rolling days (24 hours each)")
        DAY = "day", _("calendar day")
        WEEK = "week", _("calendar week")
        MONTH = "month", _("calendar month")

    name = models.CharField(_("name"), max_length=100)
    scope = models.CharField(
        _("scope"),
        max_length=7,
        choices=Scope,
        default=Scope.ALL,
        help_text=_("Messages that count, and that are held back once the cap is reached."),
    )
    channel = models.CharField(_("channel"), choices=channel_choices, blank=True)
    tag = models.ForeignKey(
        "campaigns.Tag",
        models.CASCADE,
        related_name="caps",
        null=True,
        blank=True,
        verbose_name=_("tag"),
    )
    limit = models.PositiveSmallIntegerField(
        _("limit"),
        null=True,
        blank=True,
        help_text=_(
            "Messages allowed in the window; control members count too. 0 blocks all. If "
            "several caps apply, each must have room."
        ),
    )
    window = models.CharField(
        _("window"),
        max_length=5,
        choices=Window,
        default=Window.DAYS,
        help_text=_(
            "Rolling: the hours or days before the decision. Calendar: from midnight in "
            "the customer's time zone."
        ),
    )
    length = models.PositiveSmallIntegerField(
        _("length"),
        default=7,
        help_text=_("For rolling windows: the number of hours or days."),
    )
    week_starts_on = models.PositiveSmallIntegerField(
        _("week starts on"),
        choices=Weekday,
        default=Weekday.MONDAY,
        help_text=_("First day of a calendar week."),
    )
    counts_transactional = models.BooleanField(
        _("counts transactional messages"),
        default=False,
        help_text=_(
            "Transactional messages count towards the cap too, but are never held back by it."
        ),
    )
    is_active = models.BooleanField(_("active"), default=True)

    class Meta:
        verbose_name = _("frequency cap")
        verbose_name_plural = _("frequency caps")
        constraints = [
            models.CheckConstraint(
                condition=models.Q(scope="all", channel="", tag=None)
                | (models.Q(scope="channel", tag=None) & ~models.Q(channel=""))
                | models.Q(scope="tag", channel="", tag__isnull=False),
                name="cap_scope_is_complete",
                violation_error_message=_("Select the channel or tag that the scope requires."),
            ),
            models.CheckConstraint(
                condition=models.Q(length__gte=1),
                name="cap_length_positive",
                violation_error_message=_("A rolling window must be at least 1 long."),
            ),
            models.CheckConstraint(
                condition=models.Q(week_starts_on__gte=1, week_starts_on__lte=7),
                name="cap_week_starts_on_a_weekday",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class MinimumGap(models.Model):
    """After a contact, none may follow for some hours; of several gaps the longest wins.

    Counted as caps count: from the planned moment, test and control alike. Transactional messages
    and what is sent in addition to the day's campaign neither start a gap nor wait for it.
    """

    name = models.CharField(_("name"), max_length=100)
    channel = models.CharField(
        _("channel"),
        choices=channel_choices,
        blank=True,
        help_text=_("Applies between messages on this channel. Empty: between any two messages."),
    )
    hours = models.PositiveSmallIntegerField(
        _("hours"),
        help_text=_(
            "Hours that must pass between two messages. Test and control count alike; "
            "transactional messages neither wait nor count."
        ),
    )
    is_active = models.BooleanField(_("active"), default=True)

    class Meta:
        verbose_name = _("minimum gap")
        verbose_name_plural = _("minimum gaps")
        constraints = [
            models.CheckConstraint(
                condition=models.Q(hours__gte=1),
                name="gap_lasts_an_hour",
                violation_error_message=_("A minimum gap must be at least one hour."),
            ),
        ]

    def __str__(self) -> str:
        return self.name


class QuietHours(models.Model):
    """Hours of the day in which nothing is sent; what falls into them waits for their end.

    After the wait it is checked again. See campaigns.numerics.quiet_hours for days on which the
    clocks change. Transactional messages are sent all the same, and answers given.
    """

    name = models.CharField(_("name"), max_length=100)
    channel = models.CharField(
        _("channel"),
        choices=outbound_choices,
        blank=True,
        help_text=_(
            "Empty: all outbound channels. The most specific quiet hours apply: channel "
            "and country, then country, then channel."
        ),
    )
    country = models.CharField(
        _("country"),
        max_length=2,
        blank=True,
        validators=[RegexValidator("^[A-Z]{2}$", _("Use two capital letters, such as DE."))],
        help_text=_("The customer's country as an ISO 3166 code. Empty: all countries."),
    )
    starts_at = models.TimeField(
        _("starts at"),
        help_text=_(
            "The customer's local time. Messages wait until quiet hours end and are then "
            "checked again; transactional messages do not wait."
        ),
    )
    ends_at = models.TimeField(
        _("ends at"),
        help_text=_("Sending resumes at this time; if earlier than the start, on the next day."),
    )
    weekdays = ArrayField(
        models.PositiveSmallIntegerField(choices=Weekday),
        verbose_name=_("weekdays"),
        default=list,
        blank=True,
        help_text=_(
            "Days on which quiet hours start, 1 (Monday) to 7. Hours after midnight "
            "belong to the day they start on. Empty: every day."
        ),
    )
    is_active = models.BooleanField(_("active"), default=True)

    class Meta:
        verbose_name = _("quiet hours")
        verbose_name_plural = _("quiet hours")
        constraints = [
            models.CheckConstraint(
                condition=~models.Q(starts_at=models.F("ends_at")),
                name="quiet_hours_end_another_time",
                violation_error_message=_("Quiet hours must not start and end at the same time."),
            ),
            models.CheckConstraint(
                condition=models.Q(weekdays__contained_by=list(Weekday.values)),
                name="quiet_hours_on_weekdays",
                violation_error_message=_("Use 1 (Monday) to 7 for weekdays."),
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        self.weekdays = sorted(set(self.weekdays or []))
        for field in ("starts_at", "ends_at"):
            moment = getattr(self, field)
            if moment and (moment.second or moment.microsecond):
                raise ValidationError(
                    {field: _("Quiet hours must start and end on a full minute.")}
                )
