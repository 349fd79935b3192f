"""What was said about consent; segments.customers.derive_consents derives from it what holds."""

from typing import Any

from django.db import models
from django.utils.translation import gettext_lazy as _

from segments.channel_labels import channel_choices
from segments.models.customer import Customer
from segments.models.import_job import ImportJob

SET_BITS = 12  # customers with the same id >> 12 share a row of FileConsents: 4,096 to a row


class ConsentSource(models.IntegerChoices):
    """By what a statement reached us."""

    FILE = 1, _("file")
    API = 2, _("API")
    UNSUBSCRIBE_PAGE = 3, _("unsubscribe page")
    PREFERENCE_PAGE = 4, _("preference page")
    FEEDBACK = 5, _("feedback from a provider")
    ADMIN = 6, _("admin")
    CALL_LIST = 7, _("call list")
    SIGN_UP = 8, _("confirmed sign-up")
    ERASURE = 9, _("erasure")
    EARLIER = 10, _("kept from before statements were stored")
    SHARED_ADDRESS = 11, _("another customer with the same address")


class ConsentStatement(models.Model):
    """One person's yes or no to a channel or a topic, and when it was said: append-only."""

    customer = models.ForeignKey(
        Customer,
        models.CASCADE,
        related_name="consent_statements",
        db_index=False,  # the index below begins with it
        # As of the other ledgers: writers take the ids by a join or from a locked row, and a
        # check of each row at commit is a tenth of a bulk import's time.
        db_constraint=False,
        verbose_name=_("customer"),
    )
    channel = models.CharField(
        _("channel"), blank=True, choices=channel_choices, help_text=_("Empty for a topic.")
    )
    topic = models.BigIntegerField(
        _("topic"), null=True, blank=True, help_text=_("Tag ID. Empty: the channel as a whole.")
    )
    says_yes = models.BooleanField(
        _("yes or no"), null=True, help_text=_("Unknown: the statement could not be read.")
    )
    said_at = models.DateTimeField(_("said at"))
    recorded_at = models.DateTimeField(_("recorded at"))
    kind = models.PositiveSmallIntegerField(_("by what"), choices=ConsentSource)
    source = models.CharField(_("source"), max_length=100)
    by_customer = models.BooleanField(
        _("by the customer"), help_text=_("Said by the customer in person, not by a system.")
    )
    brings_back = models.BooleanField(
        _("brings back"),
        help_text=_("A yes that counts even though the customer withdrew earlier."),
    )
    proof = models.JSONField(_("proof"), default=dict, blank=True)

    class Meta:
        verbose_name = _("consent statement")
        verbose_name_plural = _("consent statements")
        indexes = [
            models.Index(fields=["customer", "channel", "said_at"], name="consent_said"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(channel="", topic__isnull=False)
                | ~models.Q(channel="") & models.Q(topic__isnull=True),
                name="consent_to_a_channel_or_a_topic",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.customer_id}: {self.channel or self.topic} {self.says_yes}"


class CustomerBits(models.Field):
    """One bit for each customer of a block, by the lowest bits of the id."""

    def db_type(self, connection: Any) -> str:
        return f"bit({1 << SET_BITS})"


class FileConsents(models.Model):
    """What one file said about a channel, of the customers of one block: append-only.

    These are statements as well, and all of a file have the same time and source. A nightly file
    of a million customers says the same a million times; as bits it is kept in 125 kB a channel.
    """

    block = models.IntegerField(_("block"))
    channel = models.CharField(_("channel"), choices=channel_choices)
    says_yes = models.BooleanField(_("yes or no"), null=True)
    said_at = models.DateTimeField(_("said at"))
    recorded_at = models.DateTimeField(_("recorded at"))
    source = models.CharField(_("source"), max_length=100)
    import_job = models.ForeignKey(
        ImportJob,
        models.SET_NULL,
        null=True,
        related_name="+",
        verbose_name=_("import"),
    )
    customers = CustomerBits(_("customers"), editable=False)

    class Meta:
        verbose_name = _("consents of a file")
        verbose_name_plural = _("consents of files")
        indexes = [
            models.Index(
                fields=["block", "channel", "says_yes", "said_at"], name="file_consents_said"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.source}: {self.channel} {self.says_yes}"
