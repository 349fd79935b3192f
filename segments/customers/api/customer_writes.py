"""What partner systems may say of a customer: the shapes that imports accept, field by field."""

import re
import unicodedata
from datetime import date
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers

from optiengine.lib.days import known_zones
from optiengine.lib.fields import MomentField
from optiengine.lib.parameters import Strict
from segments.addresses import INVISIBLE, email_key
from segments.channels import CHANNELS
from segments.country_codes import country_of
from segments.shapes import EARLIEST_BIRTH, EMAIL_IDNA, MAX_EXTRA, PHONE, YEARLESS, language_tag

MAX_ATTRIBUTES = 100
MAX_PROOF = 20  # entries


class DayField(serializers.DateField):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(input_formats=["%Y-%m-%d"], required=False, allow_null=True, **kwargs)

    def to_internal_value(self, value: Any) -> date:
        day = super().to_internal_value(value)
        if not EARLIEST_BIRTH <= day <= self.context["today"]:
            raise serializers.ValidationError(_("The day must be between 1900 and today."))
        return day


def _text(max_length: int, pattern: str = r"^[^\n]*$", **kwargs: Any) -> serializers.RegexField:
    return serializers.RegexField(
        pattern, max_length=max_length, required=False, allow_blank=True, **kwargs
    )


class BirthField(DayField):
    """Also --03-14, where the year is not known."""

    def to_internal_value(self, value: Any) -> date:
        if isinstance(value, str) and re.fullmatch(r"--\d\d-\d\d", value, re.ASCII):
            return serializers.DateField.to_internal_value(self, f"{YEARLESS}{value[1:]}")
        return super().to_internal_value(value)


@extend_schema_serializer(
    description=gettext_lazy(
        "A customer's fields. Fields in the request replace stored values; the others stay."
    )
)
class CustomerWrite(Strict):
    email = _text(254)
    phone = _text(40)
    first_name = _text(100)
    last_name = _text(100)
    country = _text(2, "^[A-Za-z]{2}$", help_text=gettext_lazy("Country as an ISO 3166 code."))
    time_zone = _text(64, help_text=gettext_lazy("IANA time zone, such as Europe/Lisbon."))
    language = _text(10, "^[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,4})?$")
    birth_date = BirthField(
        help_text=gettext_lazy("YYYY-MM-DD, or --MM-DD if the year is unknown.")
    )
    registered_on = DayField()
    attributes = serializers.DictField(
        required=False,
        help_text=gettext_lazy(
            "All attributes by name: numbers, text, true or false. Replaces earlier ones."
        ),
    )

    def validate_email(self, address: str) -> str:
        address = unicodedata.normalize("NFC", INVISIBLE.sub("", address).strip())
        local, at, domain = address.rpartition("@")
        is_sound = len(local) <= 64 and ".." not in address and email_key(address)
        if address and not (is_sound and re.match(EMAIL_IDNA, address)):
            raise serializers.ValidationError(_("Enter a valid e-mail address."))
        return f"{local}{at}{domain.lower()}"

    def validate_phone(self, number: str) -> str:
        if number and not re.search(PHONE, number):
            raise serializers.ValidationError(_("Enter a valid phone number."))
        return number

    def validate_country(self, country: str) -> str:
        code = country_of(country) if country else ""
        if code is None:
            raise serializers.ValidationError(_("Unknown country. Use an ISO 3166 code."))
        return code

    def validate_time_zone(self, zone: str) -> str:
        if zone and zone not in known_zones():
            raise serializers.ValidationError(
                _("Unknown time zone. Use an IANA name such as Europe/Lisbon.")
            )
        return zone

    def validate_language(self, language: str) -> str:
        return language_tag(language)

    def validate_attributes(self, attributes: dict[str, Any]) -> dict[str, Any]:
        if len(attributes) > MAX_ATTRIBUTES:
            raise serializers.ValidationError(_("At most 100 attributes are allowed."))
        check = serializers.CharField(max_length=MAX_EXTRA, allow_blank=True)
        for name, value in attributes.items():
            check.run_validation(name)
            if isinstance(value, str):
                check.run_validation(value)
            elif not isinstance(value, int | float | None):
                text = _("%s must be a number, text, true or false.")
                raise serializers.ValidationError(text % name)
        return attributes


@extend_schema_serializer(
    description=gettext_lazy(
        "Consents that a customer gave or withdrew, with their source as proof."
    )
)
class ConsentsWrite(Strict):
    consents = serializers.DictField(
        child=serializers.BooleanField(),
        allow_empty=False,
        help_text=gettext_lazy("True or false by channel. Channels left out do not change."),
    )
    source = serializers.CharField(  # type: ignore[assignment]
        max_length=80,
        help_text=gettext_lazy("Where the customer gave or withdrew consent."),
    )
    at = MomentField(
        required=False,
        help_text=gettext_lazy(
            "When the customer gave or withdrew consent (default: now). Without it, a "
            "yes never ends a withdrawal by the customer."
        ),
    )
    by_customer = serializers.BooleanField(
        default=False,
        help_text=gettext_lazy("True if the customer did this in person, such as in your app."),
    )
    proof = serializers.DictField(
        child=serializers.CharField(max_length=MAX_EXTRA),
        required=False,
        help_text=gettext_lazy(
            "Evidence by name, such as wording, address and IP address. With `at` it ends an "
            "earlier withdrawal."
        ),
    )

    def validate_consents(self, consents: dict[str, bool]) -> dict[str, bool]:
        if unknown := consents.keys() - CHANNELS.keys():
            raise serializers.ValidationError(
                _("Unknown channel: %s.") % ", ".join(sorted(unknown))
            )
        return consents

    def validate_proof(self, proof: dict[str, str]) -> dict[str, str]:
        if len(proof) > MAX_PROOF:
            raise serializers.ValidationError(_("At most 20 entries are allowed."))
        check = serializers.CharField(max_length=100)
        for name in proof:
            check.run_validation(name)
        return proof

    def validate_at(self, moment: Any) -> Any:
        if moment > self.context["at"]:
            raise serializers.ValidationError(_("The time is in the future."))
        return moment
