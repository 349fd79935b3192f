"""What the mix of a campaign's actions was and what it showed, by day: sums that add up.

A row without a micro-segment is the total over all. Written in SQL by `record_mix`.
"""

from django.db import models
from django.utils.translation import gettext_lazy as _


class _OfCampaign(models.Model):
    """A campaign in a micro-segment, or in all of them."""

    campaign = models.ForeignKey(
        "campaigns.Campaign",
        models.CASCADE,
        related_name="+",
        db_index=False,
        verbose_name=_("campaign"),
    )
    micro_segment = models.ForeignKey(
        "segments.MicroSegment",
        models.PROTECT,
        related_name="+",
        null=True,
        db_index=False,
        verbose_name=_("micro-segment"),
        help_text=_("Empty: all micro-segments together."),
    )

    class Meta:
        abstract = True


class MixDay(_OfCampaign):
    """How one run shared out a campaign's contacts between its actions, the baseline arm apart."""

    as_of = models.DateField(_("day"), db_index=True)
    action = models.ForeignKey(
        "campaigns.Action",
        models.CASCADE,
        related_name="+",
        db_index=False,
        verbose_name=_("action"),
    )
    expected = models.FloatField(
        _("expected messages"),
        help_text=_("Sum of this action's probabilities over the campaign's messages."),
    )
    n_contacts = models.PositiveIntegerField(
        _("messages"), help_text=_("Control messages among them.")
    )

    class Meta:
        verbose_name = _("daily mix")
        verbose_name_plural = _("daily mixes")
        constraints = [
            models.UniqueConstraint(
                fields=["campaign", "micro_segment", "as_of", "action"],
                nulls_distinct=False,
                name="mix_once_a_day",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.as_of} {self.action_id}"


class ActionEvidence(_OfCampaign):
    """Contacts of an action whose outcome was measured on a day."""

    measured_on = models.DateField(_("measured on"), db_index=True)
    action = models.ForeignKey(
        "campaigns.Action",
        models.CASCADE,
        related_name="+",
        db_index=False,
        verbose_name=_("action"),
    )
    n_test = models.PositiveIntegerField(_("test"))
    # Differences to earlier days are among them, as faded by then as what they correct.
    n_test_responders = models.FloatField(_("test conversions"))
    n_control = models.PositiveIntegerField(_("control"))
    n_control_responders = models.FloatField(_("control conversions"))

    class Meta:
        verbose_name = _("daily evidence")
        verbose_name_plural = _("daily evidence")
        constraints = [
            models.UniqueConstraint(
                fields=["campaign", "micro_segment", "measured_on", "action"],
                nulls_distinct=False,
                name="evidence_once_a_day",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.measured_on} {self.action_id}"


class PairEvidence(_OfCampaign):
    """What a day's measured test contacts say about the difference between two actions.

    Of a contact with one of the two, let q be the probability that it had the first, of the
    two; h = q (1 - q); g = 1 - q if it had the first, else -q; y its value, winsorised. See
    `reports.numerics.mix` for what becomes of the sums.
    """

    measured_on = models.DateField(_("measured on"), db_index=True)
    first_action = models.ForeignKey(
        "campaigns.Action", models.CASCADE, related_name="+", db_index=False
    )
    second_action = models.ForeignKey(
        "campaigns.Action", models.CASCADE, related_name="+", db_index=False
    )
    n_first = models.PositiveIntegerField()
    n_second = models.PositiveIntegerField()
    h = models.FloatField()
    hy = models.FloatField()
    g = models.FloatField()
    gy = models.FloatField()
    g2 = models.FloatField()
    g2y = models.FloatField()
    g2y2 = models.FloatField()

    class Meta:
        verbose_name = _("daily comparison")
        verbose_name_plural = _("daily comparisons")
        constraints = [
            models.UniqueConstraint(
                fields=[
                    "campaign",
                    "micro_segment",
                    "measured_on",
                    "first_action",
                    "second_action",
                ],
                nulls_distinct=False,
                name="pair_once_a_day",
            ),
            models.CheckConstraint(
                condition=models.Q(first_action__lt=models.F("second_action")),
                name="pair_in_order",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.measured_on} {self.first_action_id}, {self.second_action_id}"
