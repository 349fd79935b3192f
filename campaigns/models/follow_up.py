from django.db import models
from django.utils.translation import gettext_lazy as _


class FollowUpOn(models.TextChoices):
    """For which customers of the earlier campaign the later one becomes possible."""

    ALL = "all", _("all customers")
    RESPONDERS = "responders", _("those who converted")
    NON_RESPONDERS = "non_responders", _("those who did not convert")


class FollowUp(models.Model):
    """A step of a series: one campaign becomes possible some days after another."""

    source = models.ForeignKey(
        "campaigns.Campaign", models.CASCADE, related_name="opens", verbose_name=_("after")
    )
    target = models.ForeignKey(
        "campaigns.Campaign",
        models.CASCADE,
        related_name="opened_by",
        verbose_name=_("follow-up campaign"),
        help_text=_("From now on, this campaign is only sent as a step of this series."),
    )
    after_days = models.PositiveSmallIntegerField(_("days after"), default=1)
    within_days = models.PositiveSmallIntegerField(
        _("possible for (days)"), default=30, help_text=_("Days for which it stays possible.")
    )
    outcome = models.CharField(_("for"), max_length=14, choices=FollowUpOn, default=FollowUpOn.ALL)

    class Meta:
        verbose_name = _("follow-up")
        verbose_name_plural = _("follow-ups")
        constraints = [
            models.UniqueConstraint(
                fields=["source", "target", "outcome"], name="follow_up_named_once"
            ),
            models.CheckConstraint(
                condition=models.Q(after_days__gte=1), name="follow_up_takes_a_day"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.source} → {self.target}"
