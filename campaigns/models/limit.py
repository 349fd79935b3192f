from django.db import models
from django.utils.translation import gettext_lazy as _

from segments.models import Channel


def _one_of(first: str, second: str) -> models.Q:
    """Exactly one of two foreign keys is set."""
    return models.Q(**{first: None}) ^ models.Q(**{second: None})


class Exclusion(models.Model):
    """After a contact by one campaign or tag, another is shut out for some days."""

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
        verbose_name=_("shuts out campaign"),
    )
    excluded_tag = models.ForeignKey(
        "campaigns.Tag",
        models.CASCADE,
        related_name="excluded_by",
        null=True,
        blank=True,
        verbose_name=_("or shuts out tag"),
    )
    days = models.PositiveSmallIntegerField(
        _("days"), help_text=_("A contact on day 0 shuts out days 0 to this number, excluded.")
    )
    both_ways = models.BooleanField(_("both ways"), default=False)

    class Meta:
        verbose_name = _("exclusion")
        verbose_name_plural = _("exclusions")
        constraints = [
            models.CheckConstraint(
                condition=_one_of("campaign", "tag"),
                name="exclusion_by_campaign_or_tag",
                violation_error_message=_("Name either a campaign or a tag that shuts out."),
            ),
            models.CheckConstraint(
                condition=_one_of("excluded_campaign", "excluded_tag"),
                name="exclusion_of_campaign_or_tag",
                violation_error_message=_("Name either a campaign or a tag that is shut out."),
            ),
        ]

    def __str__(self) -> str:
        return self.name


class FrequencyCap(models.Model):
    """At most so many contacts in a window; of several caps the strictest wins.

    Sends and withheld messages of control members count alike, from the moment they are reserved.
    """

    class Scope(models.TextChoices):
        ALL = "all", _("all contacts")
        CHANNEL = "channel", _("a channel")
        TAG = "tag", _("a campaign tag")

    class Window(models.TextChoices):
        HOURS = "hours", _("rolling hours")
        DAYS = "days", _("rolling days (24 hours each)")
        DAY = "day", _("calendar day")
        WEEK = "week", _("calendar week, from Monday")
        MONTH = "month", _("calendar month")

    name = models.CharField(_("name"), max_length=100)
    scope = models.CharField(_("scope"), max_length=7, choices=Scope, default=Scope.ALL)
    channel = models.CharField(_("channel"), max_length=8, choices=Channel, blank=True)
    tag = models.ForeignKey(
        "campaigns.Tag",
        models.CASCADE,
        related_name="caps",
        null=True,
        blank=True,
        verbose_name=_("tag"),
    )
    limit = models.PositiveSmallIntegerField(
        _("limit"), help_text=_("Contacts allowed in the window; 0 allows none.")
    )
    window = models.CharField(_("window"), max_length=5, choices=Window, default=Window.DAYS)
    length = models.PositiveSmallIntegerField(
        _("length"),
        default=7,
        help_text=_("Of a rolling window, in hours or days. Calendar windows need none."),
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
                violation_error_message=_("Name the channel or the tag that the scope asks for."),
            ),
            models.CheckConstraint(
                condition=models.Q(length__gte=1),
                name="cap_length_positive",
                violation_error_message=_("A rolling window lasts at least 1."),
            ),
        ]

    def __str__(self) -> str:
        return self.name
