from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _


class SplitSearchState(models.Model):
    """Where the search for a split of one micro-segment stands: a year of weekly looks.

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
        _("through"), help_text=_("Outcomes measured up to this day are in it.")
    )
    feature_names = ArrayField(models.CharField(max_length=40), verbose_name=_("features"))
    state = models.BinaryField(_("state"))

    class Meta:
        verbose_name = _("search for a split")
        verbose_name_plural = _("searches for splits")

    def __str__(self) -> str:
        return f"{self.micro_segment} {self.started_on}"


class SplitAttempt(models.Model):
    """One attempt to split one micro-segment, whatever came of it. Never changed."""

    class Result(models.TextChoices):
        WAITING = "waiting", _("too few new contacts")
        NOTHING = "nothing", _("nothing found")
        SPLIT = "split", _("split")

    as_of = models.DateField(_("day"), db_index=True)
    micro_segment = models.ForeignKey(
        "segments.MicroSegment", models.CASCADE, related_name="+", verbose_name=_("micro-segment")
    )
    result = models.CharField(_("result"), max_length=8, choices=Result)
    n_contacts = models.PositiveIntegerField(_("new contacts"))
    week = models.PositiveSmallIntegerField(
        _("week"), null=True, help_text=_("Of the search's year: the look at its data.")
    )
    n_cuts = models.PositiveIntegerField(
        _("cuts"), default=0, help_text=_("With enough contacts on both sides.")
    )
    statistic = models.FloatField(
        _("statistic"), null=True, help_text=_("The largest of all cuts, as a two-sided z.")
    )
    critical = models.FloatField(
        _("critical value"), null=True, help_text=_("Above it the segment is split.")
    )
    level_spent = models.FloatField(
        _("level spent"), null=True, help_text=_("Of the year's, by this look.")
    )
    feature = models.CharField(_("feature"), max_length=40, blank=True)
    threshold = models.FloatField(_("threshold"), null=True)

    class Meta:
        verbose_name = _("attempt to split")
        verbose_name_plural = _("attempts to split")
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
    n_later = models.PositiveIntegerField(_("contacts since then"), default=0)
    through = models.DateField(_("through"))

    class Meta:
        verbose_name = _("proof of a split")
        verbose_name_plural = _("proofs of splits")

    def __str__(self) -> str:
        return str(self.split)
