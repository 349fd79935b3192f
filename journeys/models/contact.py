from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _

from campaigns.models import Arm
from segments.channel_labels import channel_choices


class Contact(models.Model):
    """A customer's slot taken by an action: by its message, or by a control's withheld one.

    The ledger that caps and exclusions count and that reports and learning read. A row is never
    changed. Partitioned by month of `as_of`.
    """

    class Source(models.TextChoices):
        DECISION = "decision", _("decision")
        IMPORT = "import", _("import")

    as_of = models.DateField(_("day"))
    reserved_at = models.DateTimeField(_("reserved at"))
    customer = models.ForeignKey(
        "segments.Customer",
        models.CASCADE,
        related_name="+",
        db_constraint=False,
        db_index=False,
        verbose_name=_("customer"),
    )
    campaign = models.ForeignKey(
        "campaigns.Campaign",
        models.PROTECT,
        related_name="+",
        db_constraint=False,
        db_index=False,
        verbose_name=_("campaign"),
    )
    action = models.ForeignKey(
        "campaigns.Action",
        models.PROTECT,
        related_name="+",
        db_constraint=False,
        db_index=False,
        verbose_name=_("action"),
    )
    channel = models.CharField(_("channel"), choices=channel_choices)
    tags = ArrayField(
        models.BigIntegerField(),
        verbose_name=_("tags"),
        default=list,
        help_text=_("The campaign's tags at that moment. Later edits do not change counts."),
    )
    takes_slot = models.BooleanField(_("takes a slot"), default=True)
    counted = models.BooleanField(
        _("counted by caps"),
        default=True,
        db_default=True,
        help_text=_("Setting of the campaign at that moment."),
    )
    transactional = models.BooleanField(
        _("transactional"),
        default=False,
        db_default=False,
        help_text=_("Setting of the campaign at that moment."),
    )
    arm = models.CharField(_("group"), max_length=9, choices=Arm)
    is_control = models.BooleanField(_("control"))
    assignment_prob = models.FloatField(
        _("assignment probability"),
        null=True,
        help_text=_("Probability of this action. Empty: unknown."),
    )
    control_share = models.FloatField(
        _("control share"),
        null=True,
        help_text=_("Probability of control for this action. Empty: unknown."),
    )
    mix_action_ids = ArrayField(
        models.BigIntegerField(),
        verbose_name=_("actions of the mix"),
        null=True,
        help_text=_(
            "Actions of the campaign that took part in the draw. Empty: only one was possible."
        ),
    )
    mix_shares = ArrayField(
        models.FloatField(),
        verbose_name=_("shares of the mix"),
        null=True,
        help_text=_("Probability of each of these actions, in the same order."),
    )
    micro_segment = models.ForeignKey(
        "segments.MicroSegment",
        models.PROTECT,
        related_name="+",
        null=True,
        db_constraint=False,
        db_index=False,
        verbose_name=_("micro-segment"),
    )
    source = models.CharField(_("source"), max_length=8, choices=Source, default=Source.DECISION)
    key = models.UUIDField(
        _("key"), help_text=_("Identifies the message, so that it is stored only once.")
    )

    class Meta:
        verbose_name = _("message")
        verbose_name_plural = _("messages")
        # In the database: unique (key, as_of); index (customer, reserved_at), (campaign, as_of).

    def __str__(self) -> str:
        return f"{self.customer}, {self.as_of}: {self.action}"


class Outcome(models.Model):
    """What a contacted or control customer did within the goal's window, once it has closed.

    Partitioned by month of `as_of`, the day of the contact.
    """

    contact = models.OneToOneField(
        Contact,
        models.CASCADE,
        related_name="outcome",
        db_constraint=False,
        verbose_name=_("message"),
    )
    as_of = models.DateField(_("day of the message"))
    measured_on = models.DateField(_("measured on"))
    n_responses = models.PositiveIntegerField(
        _("conversions"), help_text=_("Number of goal events.")
    )
    margin_cents = models.BigIntegerField(_("margin in cents"))
    clv_change_cents = models.FloatField(_("change in predicted value"))
    value_cents = models.FloatField(_("value in cents"), help_text=_("As defined by the goal."))

    class Meta:
        verbose_name = _("outcome")
        verbose_name_plural = _("outcomes")
        # In the database: unique (contact, as_of); index (measured_on).

    def __str__(self) -> str:
        return str(self.contact)
