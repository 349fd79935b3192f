from collections.abc import Iterable
from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import F, Func, Q, Value
from django.db.models.functions import Lower
from django.utils.translation import gettext_lazy as _

from optiengine.lib.days import validate_time_zone
from segments.addresses import KEYS, MAX_EMAIL_KEY, MAX_PHONE_KEY
from segments.channel_labels import channel_choices
from segments.models.organisation import Organisation
from segments.querysets import CustomerQuerySet
from segments.shapes import language_tag

KEY_COLUMNS = {"email": "email_key", "phone": "phone_key"}  # as an address is compared
KEY_FOLLOWS = {**KEY_COLUMNS, "country": "phone_key"}  # numbers may be read by the country
# Of addresses that could not be settled: characters other than digits do not count.
PHONE_DIGITS = Func(F("phone"), Value("+ ()./-"), Value(""), function="translate")
BLOCK_BITS = 12  # customers with the same id >> 12 share a lock: 4,096 to a block


class AddressKey(models.CharField):
    """An address of the same row as it is compared (segments.addresses); follows what is written.

    Writers in SQL set it themselves: segments.customers.settle_addresses.
    """

    def __init__(self, *, of: str = "", **kwargs: Any) -> None:
        defaults: dict[str, Any] = {
            "default": "",
            "db_default": "",
            "blank": True,
            "editable": False,
        }
        super().__init__(**{**defaults, **kwargs})
        self.of = of

    def deconstruct(self) -> Any:
        name, _path, args, kwargs = super().deconstruct()
        return name, "django.db.models.CharField", args, kwargs

    def pre_save(self, instance: models.Model, add: bool) -> str:
        written = getattr(instance, self.of)
        country = getattr(instance, "country", "")
        if written and self.of == "phone" and not country and not written.startswith("+"):
            country = Organisation.current().phone_country
        key = KEYS[self.of](written, country) if written else ""
        setattr(instance, self.attname, key)
        return key


class Customer(models.Model):
    """A person we may talk to, under the id that the customer's own systems use."""

    external_id = models.CharField(_("customer ID"), max_length=100, unique=True)
    email = models.CharField(_("e-mail"), max_length=254, blank=True)
    phone = models.CharField(_("phone"), max_length=40, blank=True)
    email_key = AddressKey(of="email", verbose_name=_("compared e-mail"), max_length=MAX_EMAIL_KEY)
    phone_key = AddressKey(of="phone", verbose_name=_("compared phone"), max_length=MAX_PHONE_KEY)
    first_name = models.CharField(_("first name"), max_length=100, blank=True)
    last_name = models.CharField(_("last name"), max_length=100, blank=True)
    country = models.CharField(
        _("country"), max_length=2, blank=True, help_text=_("Country as an ISO 3166 code.")
    )
    time_zone = models.CharField(
        _("time zone"), max_length=64, blank=True, validators=[validate_time_zone]
    )
    language = models.CharField(_("language"), max_length=10, blank=True)
    birth_date = models.DateField(
        _("birth date"),
        null=True,
        blank=True,
        help_text=_("A birthday without a year has the year 1604."),
    )
    registered_on = models.DateField(_("registered on"), null=True, blank=True)
    attributes = models.JSONField(_("attributes"), default=dict, blank=True)
    consents = ArrayField(
        models.CharField(choices=channel_choices),
        verbose_name=_("consents"),
        default=list,
        blank=True,
        help_text=_("Channels with consent."),
    )
    suppressed = models.BooleanField(
        _("suppressed"),
        default=False,
        help_text=_("Never contacted, for example after a complaint, bounce or erasure."),
    )
    suppressed_channels = ArrayField(
        models.CharField(choices=channel_choices),
        verbose_name=_("suppressed channels"),
        default=list,
        db_default=[],
        blank=True,
        editable=False,
        help_text=_("Channels whose address is suppressed."),
    )
    consents_unclear = ArrayField(
        models.CharField(choices=channel_choices),
        verbose_name=_("unclear consents"),
        default=list,
        db_default=[],
        blank=True,
        editable=False,
        help_text=_("Channels whose newest statement could not be read. Nothing is sent there."),
    )
    topics_declined = ArrayField(
        models.BigIntegerField(),
        verbose_name=_("topics opted out of"),
        default=list,
        db_default=[],
        blank=True,
        editable=False,
        help_text=_("Topics (campaign tags) the customer opted out of."),
    )
    erased_at = models.DateTimeField(_("erased at"), null=True, blank=True, editable=False)
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)
    updated_at = models.DateTimeField(_("updated at"), auto_now=True)

    objects = CustomerQuerySet.as_manager()

    class Meta:
        verbose_name = _("customer")
        verbose_name_plural = _("customers")
        indexes = [
            models.Index(Lower("external_id"), name="customer_id_lower"),
            models.Index(
                fields=["email_key"], name="customer_email_key", condition=~Q(email_key="")
            ),
            models.Index(
                fields=["phone_key"], name="customer_phone_key", condition=~Q(phone_key="")
            ),
            models.Index(
                PHONE_DIGITS,
                name="customer_phone_unsettled",
                condition=Q(phone_key="") & ~Q(phone=""),
            ),
            GinIndex(fields=["consents"], name="customer_consents"),
            GinIndex(
                fields=["topics_declined"],
                name="customer_topics_declined",
                condition=~Q(topics_declined=[]),
            ),
        ]

    def __str__(self) -> str:
        return self.external_id

    def save(self, *, update_fields: Iterable[str] | None = None, **kwargs: Any) -> None:
        """The compared addresses are written with what they are made of."""
        if update_fields is not None:
            update_fields = set(update_fields)
            update_fields |= {KEY_FOLLOWS[name] for name in update_fields & KEY_FOLLOWS.keys()}
        super().save(update_fields=update_fields, **kwargs)

    def clean(self) -> None:
        self.language = language_tag(self.language)

    def reached_by(self, column: str) -> str:
        """An address as it is compared; one that cannot be settled, as it is written."""
        return getattr(self, KEY_COLUMNS[column]) or getattr(self, column)

    @property
    def block(self) -> int:
        """The number of the lock under which this customer's contacts are counted and made."""
        return self.pk >> BLOCK_BITS


# What becomes of each column of a customer at erasure: a personal one is set to the value here, the
# others stay, for the reason given. A new column is named in exactly one of these; a new one in
# PROFILE also wants a field in imports and in the API.
PROFILE: dict[str, Any] = {  # what imports, the API and people in the admin say of a person
    "email": "",
    "phone": "",
    "first_name": "",
    "last_name": "",
    "country": "",
    "time_zone": "",
    "language": "",
    "birth_date": None,
    "registered_on": None,
    "attributes": {},
}
FROM_ADDRESSES: dict[str, Any] = {"email_key": "", "phone_key": ""}  # how they are compared
FROM_MESSAGES: dict[str, Any] = {  # what the person's answers and addresses brought
    "consents": [],
    "consents_unclear": [],
    "topics_declined": [],
    "suppressed_channels": [],
}
KEPT_AFTER_ERASURE = {
    "id": "decisions and counts speak of this number",
    "external_id": "imports that bring the person back are refused by it",
    "suppressed": "says that nobody may be contacted, not who it was",
    "erased_at": "proves the erasure",
    "created_at": "counts of customers by day stay right",
    "updated_at": "partner systems learn of the erasure by it",
}
