from django.db import models
from django.utils.translation import gettext_lazy as _

from campaigns.numerics.rulebook_entries import MINIMUM_EVIDENCE


class MinimumEvidence(models.Model):
    """What must be known of each action before the mix of a campaign's actions may leave even.

    One row without a campaign is for all that have none of their own. What is known of an action
    counts over all micro-segments, because the model shares strength between them.
    """

    campaign = models.OneToOneField(
        "campaigns.Campaign",
        models.CASCADE,
        related_name="minimum_evidence",
        null=True,
        blank=True,
        verbose_name=_("campaign"),
        help_text=_("Empty: all campaigns without a setting of their own."),
    )
    n_test = models.PositiveIntegerField(
        _("messages"),
        default=MINIMUM_EVIDENCE[0],
        help_text=_(
            "Messages per action with a known outcome; older ones count less. Until each "
            "action has as many, the mix stays even."
        ),
    )
    n_test_responders = models.PositiveIntegerField(
        _("conversions"),
        default=MINIMUM_EVIDENCE[1],
        help_text=_("How many of these customers converted."),
    )
    n_control = models.PositiveIntegerField(
        _("control customers"),
        default=MINIMUM_EVIDENCE[2],
        help_text=_("Customers per action in control with a known outcome."),
    )
    n_control_responders = models.PositiveIntegerField(
        _("control conversions"),
        default=MINIMUM_EVIDENCE[3],
        help_text=_("How many of the control customers converted anyway."),
    )

    class Meta:
        verbose_name = _("minimum evidence")
        verbose_name_plural = _("minimum evidence")
        constraints = [
            models.UniqueConstraint(
                fields=["campaign"],
                nulls_distinct=False,
                name="minimum_evidence_once",
                violation_error_message=_("There is already a setting for this. Edit that one."),
            ),
        ]

    def __str__(self) -> str:
        return str(self.campaign or _("all campaigns"))

    @property
    def counts(self) -> tuple[int, int, int, int]:
        """Test, its responders, control, its responders."""
        return self.n_test, self.n_test_responders, self.n_control, self.n_control_responders
