"""Addresses as they are compared: by what they reach, whatever the spelling. No Django here.

    e-mail   small letters, NFC, domain in ASCII (IDNA by UTS 46), invisible characters off
    phone    E.164, by the country that the number is read in

An address that cannot be settled has the empty key: nothing is sent there, because nobody could
say whether it is suppressed. Dots and +tags of a mailbox stay: whether they name the same mailbox
is each provider's own affair.
"""

import re
import unicodedata
from collections.abc import Callable
from functools import lru_cache

import idna
import phonenumbers
from phonenumbers import PhoneMetadata, PhoneNumberFormat, ValidationResult

# What has no width of its own, inside a text: format characters, fillers, variation selectors.
INVISIBLE_CLASS = (
    r"\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e"
    r"\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff9-\ufffb"
)
BLANK_CLASS = (
    r"\u0009-\u000d\u001c-\u0020\u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
)
INVISIBLE = re.compile(f"[{INVISIBLE_CLASS}]")
SURROUNDING = re.compile(f"^[{INVISIBLE_CLASS}{BLANK_CLASS}]+|[{INVISIBLE_CLASS}{BLANK_CLASS}]+$")
# Latin letters and look-alikes within one label: exаmple.com with a Cyrillic letter.
MIXED_SCRIPTS_PATTERN = r"[a-z][^.]*[\u0370-\u052f]|[\u0370-\u052f][^.]*[a-z]"
MIXED_SCRIPTS = re.compile(MIXED_SCRIPTS_PATTERN, re.IGNORECASE)
MAX_EMAIL_KEY = 320  # characters: a domain grows by its encoding
MAX_PHONE_KEY = 20
NO_COUNTRY = "001"  # the library's region of calling codes such as +800
N_PREFIX = 4  # digits behind the + that name the calling code and the number's first digits
UNASSIGNED = re.compile(r"\+999[0-9]{6,12}")  # a calling code that belongs to nobody: for examples
MAX_PLAIN = 16  # characters of a number that is taken as it is, + included
_PLAIN_PHONE = re.compile(rf"\+[1-9][0-9]{{{N_PREFIX},{MAX_PLAIN - 2}}}", re.ASCII)


def email_key(written: str) -> str:
    """One text per mailbox, whatever its spelling; empty for what is no address."""
    address = SURROUNDING.sub("", INVISIBLE.sub("", written)).lower()
    if not address.isascii():
        address = unicodedata.normalize("NFC", address)
    local, _at, domain = address.rpartition("@")
    if not local or not domain or re.search(r"[\s\x00-\x1f\x7f]", address):
        return ""
    if not domain.isascii():
        if MIXED_SCRIPTS.search(domain):
            return ""
        try:
            domain = idna.encode(domain, uts46=True).decode()
        except UnicodeError:  # idna.IDNAError among it: no message could reach it
            return ""
    key = f"{local}@{domain}"
    return key if len(key) <= MAX_EMAIL_KEY else ""


def phone_key(written: str, country: str = "") -> str:
    """A number in E.164; empty for one that cannot be settled.

    country : ISO 3166, in which a number without country code is read; empty where unknown.
    """
    number = SURROUNDING.sub("", INVISIBLE.sub("", written)).lstrip("'’`")
    if not number or is_plain_phone(number):
        return number
    return _settled_phone(number, country.upper())


def is_plain_phone(number: str) -> bool:
    """Whether a number is in E.164 as it stands, by its calling code, first digits and length."""
    if not _PLAIN_PHONE.fullmatch(number):
        return False
    return bool(plain_lengths()[int(number[1 : 1 + N_PREFIX])] >> len(number) & 1)


@lru_cache(maxsize=1 << 17)
def _settled_phone(number: str, country: str) -> str:
    if "+" in number or "＋" in number:
        return _international(number)
    digits = phonenumbers.normalize_digits_only(number)
    readings = _national(number, digits, country) if _is_country(country) else set()
    if not readings and digits.startswith("00"):
        return _international(f"+{digits[2:]}")
    return readings.pop() if len(readings) == 1 else ""


def _international(number: str) -> str:
    """With its country code given the length settles it: new ranges come faster than releases."""
    if UNASSIGNED.fullmatch(number):
        return number  # written in full: it has one reading, though no network will take it
    try:
        parsed = phonenumbers.parse(number, None)
    except phonenumbers.NumberParseException:
        return ""
    if phonenumbers.is_possible_number_with_reason(parsed) != ValidationResult.IS_POSSIBLE:
        return ""
    return phonenumbers.format_number(parsed, PhoneNumberFormat.E164)


def _national(number: str, digits: str, country: str) -> set[str]:
    """The readings of a number without +; each a valid number of the country, or one by its IDD.

    Some write the country code without the +. Where the country has a trunk prefix that the number
    lacks, that is what they did; elsewhere both readings count.
    """
    readings = {_valid(number, country)} - {""}
    calling_code = str(phonenumbers.country_code_for_region(country))
    if digits.startswith(calling_code) and (without_plus := _valid(f"+{digits}", None)):
        trunk = phonenumbers.ndd_prefix_for_region(country, True)
        if trunk and not digits.startswith(trunk):
            return {without_plus}
        readings.add(without_plus)
    return readings


def _valid(number: str, country: str | None) -> str:
    try:
        parsed = phonenumbers.parse(number, country)
    except phonenumbers.NumberParseException:
        return ""
    if not phonenumbers.is_valid_number(parsed):
        return ""
    return phonenumbers.format_number(parsed, PhoneNumberFormat.E164)


def _is_country(code: str) -> bool:
    return code in phonenumbers.SUPPORTED_REGIONS


@lru_cache(maxsize=1)
def plain_lengths() -> tuple[int, ...]:
    """By the first N_PREFIX digits behind the +: the lengths, + included, as bits, of numbers that
    the library would leave as they are. 43 µs a number are too many for a file.

    Left out is what begins like a trunk prefix, which the library takes off, and what nobody has.
    """
    lengths = []
    for prefix in range(10**N_PREFIX):
        digits = str(prefix).zfill(N_PREFIX)
        bits = 0
        for n in (1, 2, 3):
            code, rest = int(digits[:n]), digits[n:]
            if digits[0] != "0" and code in phonenumbers.COUNTRY_CODE_TO_REGION_CODE:
                metadata = _metadata(code)
                if rest[0] not in first_digits(metadata.national_prefix_for_parsing or ""):
                    described = metadata.general_desc
                    for n_digits in described.possible_length if described else ():
                        if (n_all := 1 + n + n_digits) <= MAX_PLAIN:
                            bits |= 1 << n_all
                break  # no calling code begins like another
        lengths.append(bits)
    return tuple(lengths)


def _metadata(code: int) -> PhoneMetadata:
    region = phonenumbers.region_code_for_country_code(code)
    metadata = (
        PhoneMetadata.metadata_for_nongeo_region(code)
        if region == NO_COUNTRY
        else PhoneMetadata.metadata_for_region(region)
    )
    assert metadata is not None  # of every calling code that the library lists
    return metadata


def first_digits(pattern: str) -> set[str]:
    """The digits that a match of a trunk prefix's pattern may begin with."""
    return _Alternatives(pattern).first()


class _Alternatives:
    """As much of a regular expression as the library's trunk prefixes use, read from the left."""

    def __init__(self, pattern: str) -> None:
        self.pattern, self.at = pattern, 0

    def first(self) -> set[str]:
        return self._alternatives()[0]

    def _alternatives(self) -> tuple[set[str], bool]:
        """The digits that a match may begin with, and whether it may be empty."""
        first, is_empty = self._sequence()
        while self.pattern[self.at : self.at + 1] == "|":
            self.at += 1
            more, also_empty = self._sequence()
            first, is_empty = first | more, is_empty or also_empty
        return first, is_empty

    def _sequence(self) -> tuple[set[str], bool]:
        first: set[str] = set()
        is_empty = True
        while self.at < len(self.pattern) and self.pattern[self.at] not in "|)":
            atom, may_be_left_out = self._atom()
            if is_empty:
                first |= atom
            is_empty = is_empty and may_be_left_out
        return first, is_empty

    def _atom(self) -> tuple[set[str], bool]:
        rest = self.pattern[self.at :]
        if group := re.match(r"\((\?:)?", rest):
            self.at += group.end()
            first, is_empty = self._alternatives()
            self.at += 1  # the closing parenthesis
        elif member := re.match(r"\[([\d-]+)\]|\\d|\d|\$", rest):
            self.at += member.end()
            digits = member[1] or member[0]
            is_empty = digits == "$"
            kept = re.compile(f"[{digits}]") if digits != "$" else re.compile("x^")
            first = {digit for digit in "0123456789" if kept.match(digit)}
        else:
            raise ValueError(f"not understood at {self.at}: {self.pattern}")
        if repeat := re.match(r"\?|\*|\+|\{(\d+)(,\d*)?\}", self.pattern[self.at :]):
            self.at += repeat.end()
            is_empty = is_empty or repeat[0] in ("?", "*") or repeat[1] == "0"
        return first, is_empty


KEYS: dict[str, Callable[[str, str], str]] = {
    "email": lambda written, country: email_key(written),
    "phone": phone_key,
}
