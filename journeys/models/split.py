from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _


class SplitSearchState(models.Model):
    """Progress of the search for a split of one micro-segment: a year of weekly looks.

    A level below 5 % is spent over the year and all its cuts; then a new search begins with new
    cuts, later contacts and a level of its own.
    """

    micro_segment = models.OneToOneField(
        "segments.MicroSegment",
        models.CASCADE,
        related_name="+",
        verbose_name=_("micro-segment"),
    )
    started_on = models.DateField(_("started on"))
    through = models.DateField(
        _("up to"), help_text=_("Includes outcomes measured up to this day.")
    )
    feature_names = ArrayField(models.CharField(max_length=40), verbose_name=_("features"))
    state = models.BinaryField(_("state"))

    class Meta:
        verbose_name = _("split search")
        verbose_name_plural = _("split searches")

    def __str__(self) -> str:
        return f"{self.micro_segment} {self.started_on}"


class SplitAttempt(models.Model):
    """One attempt to split one micro-segment, whatever came of it. Never changed."""

    class Result(models.TextChoices):
        WAITING = "waiting", _("too few new messages")
        NOTHING = "nothing", _("nothing found")
        SPLIT = "split", _("split")

    as_of = models.DateField(_("day"), db_index=True)
    micro_segment = models.ForeignKey(
        "segments.MicroSegment", models.CASCADE, related_name="+", verbose_name=_("micro-segment")
    )
    result = models.CharField(_("result"), max_length=8, choices=Result)
    n_contacts = models.PositiveIntegerField(_("new messages"))
    week = models.PositiveSmallIntegerField(
        _("week"), null=True, help_text=_("Week of the search's year.")
    )
    n_cuts = models.PositiveIntegerField(
        _("cuts"), default=0, help_text=_("Cuts with enough messages on both sides.")
    )
    statistic = models.FloatField(
        _("statistic"), null=True, help_text=_("The largest value of all cuts, as a two-sided z.")
    )
    critical = models.FloatField(
        _("critical value"), null=True, help_text=_("Above this value the segment is split.")
    )
    level_spent = models.FloatField(
        _("significance level used"),
        null=True,
        help_text=_("Share of the year's level used by this week."),
    )
    feature = models.CharField(_("feature"), max_length=40, blank=True)
    threshold = models.FloatField(_("threshold"), null=True)

    class Meta:
        verbose_name = _("split attempt")
        verbose_name_plural = _("split attempts")
        constraints = [
            models.UniqueConstraint(
                fields=["micro_segment", "as_of"], name="one_split_attempt_a_day"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.as_of}: {self.micro_segment}, {self.get_result_display()}"


class SplitProof(models.Model):
    """What a split rests on, and what later contacts, which did not choose it, say of it.

    Effects above the cut less those below, per contact, in cents; a list has one number for each
    of `actions`, where 0 stands for all others. Weighted scores and their variances add up.
    """

    split = models.OneToOneField(
        "segments.SegmentSplit", models.CASCADE, related_name="+", verbose_name=_("split")
    )
    attempt = models.OneToOneField(
        SplitAttempt, models.CASCADE, related_name="+", verbose_name=_("attempt")
    )
    actions = ArrayField(models.BigIntegerField(), verbose_name=_("actions"))
    found_score = ArrayField(models.FloatField())
    found_variance = ArrayField(models.FloatField())
    found_information = ArrayField(models.FloatField())
    later_score = ArrayField(models.FloatField())
    later_variance = ArrayField(models.FloatField())
    later_information = ArrayField(models.FloatField())
    n_later = models.PositiveIntegerField(_("messages since then"), default=0)
    through = models.DateField(_("up to"))

    class Meta:
        verbose_name = _("split evidence")
        verbose_name_plural = _("split evidence")

    def __str__(self) -> str:
        return str(self.split)
