"""Addresses are compared by what they reach."""

import re
import unicodedata

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from segments.addresses import (
    BLANK_CLASS,
    INVISIBLE_CLASS,
    N_PREFIX,
    email_key,
    first_digits,
    is_plain_phone,
    phone_key,
    plain_lengths,
)


@pytest.mark.parametrize(
    "spelling",
    [
        "anna@example.com",
        " Anna@Example.COM ",
        "ANNA@EXAMPLE.COM\n",
        "an\u200bna@example.com",
        "\ufeffanna@example.com\u00a0",
        "anna@exam\u00adple.com",
    ],
)
def test_one_mailbox_has_one_key(spelling):
    assert email_key(spelling) == "anna@example.com"


@pytest.mark.parametrize(
    ("written", "key"),
    [
        # The example of RFC 3492 and DENIC: bücher is xn--bcher-kva.
        ("Anna@Bücher.example", "anna@xn--bcher-kva.example"),
        ("anna@xn--bcher-kva.example", "anna@xn--bcher-kva.example"),
        ("info@mu\u0308ller.de", "info@xn--mller-kva.de"),  # u and its two dots apart
        ("info@MÜLLER.de", "info@xn--mller-kva.de"),
        ("info@straße.de", "info@xn--strae-oqa.de"),  # UTS 46, as browsers do
        ("josé@example.com", "josé@example.com"),
        ("jose\u0301@example.com", "josé@example.com"),
        ("anna@exаmple.com", ""),  # a Cyrillic letter among Latin ones
        ("anna@" + "x" * 70 + "é.example", ""),  # a label has at most 63 characters
        ("anna", ""),
        ("@example.com", ""),
        ("anna@", ""),
        ("anna maria@example.com", ""),
        ("", ""),
    ],
)
def test_an_e_mail_address_is_compared_in_small_letters_and_ascii_domain(written, key):
    assert email_key(written) == key


@pytest.mark.parametrize(
    ("written", "country", "key"),
    [
        ("+4917010000009", "", "+4917010000009"),
        ("+49 (170) 1000-0009", "", "+4917010000009"),
        ("+49 (0)170 10000009", "", "+4917010000009"),
        ("＋４９ １７０ 10000009", "", "+4917010000009"),
        ("'+4917010000009", "", "+4917010000009"),
        ("004917010000009", "", "+4917010000009"),
        ("004917010000009", "DE", "+4917010000009"),
        ("017010000009", "DE", "+4917010000009"),
        ("0170/1000 00 09", "de", "+4917010000009"),
        ("4917010000009", "DE", "+4917010000009"),  # the + was lost
        ("17010000009", "DE", "+4917010000009"),  # a spreadsheet took the zero
        ("017010000009\u202c", "DE", "+4917010000009"),  # a mark of text direction
        ("017010000009", "", ""),  # of which country?
        ("4917010000009", "", ""),
        ("020 7946 0018", "GB", "+442079460018"),
        ("011 91234-5678", "BR", "+5511912345678"),
        ("(11) 91234-5678", "BR", "+5511912345678"),
        ("912 345 678", "PT", "+351912345678"),
        ("(202) 555-0100", "US", "+12025550100"),
        ("0049 170 1234567", "US", "+491701234567"),
        ("02 1234 5678", "IT", "+390212345678"),  # Italy keeps the zero
        ("8 916 123-45-67", "RU", "+79161234567"),
        ("call me", "DE", ""),
        ("1", "DE", ""),
        ("+1 555", "", ""),
        ("", "DE", ""),
        ("0170 1234567", "ZZ", ""),
    ],
)
def test_a_phone_number_is_compared_in_e164(written, country, key):
    assert phone_key(written, country) == key


def by_the_library(number: str) -> str:
    parsed = phonenumbers.parse(number, None)
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)


def test_every_plain_beginning_and_length_is_what_the_library_says():
    """Each beginning with each length that is taken as it is, filled with all of one digit."""
    for prefix, lengths in enumerate(plain_lengths()):
        for length in range(17):
            if lengths >> length & 1:
                for digit in "09":
                    number = f"+{prefix}{digit * (length - 1 - N_PREFIX)}"
                    assert by_the_library(number) == number
                    assert phonenumbers.is_possible_number(phonenumbers.parse(number, None))


@given(st.from_regex(r"\A\+[1-9][0-9]{5,14}\Z"))
def test_a_plain_number_is_what_the_library_says(number):
    if is_plain_phone(number):
        assert by_the_library(number) == number
        assert (
            phonenumbers.is_possible_number_with_reason(phonenumbers.parse(number, None))
            == phonenumbers.ValidationResult.IS_POSSIBLE
        )


@given(
    st.sampled_from(["DE", "GB", "BR", "PT", "US", "IT", "FR", "AT", "CH", "NL"]),
    st.sampled_from(["{}", " {} ", "\u200e{}", "{}\u00a0"]),
    st.sampled_from([0, 1, 2, 3]),  # E.164, international, national, RFC 3966
    st.sampled_from([phonenumbers.PhoneNumberType.MOBILE, phonenumbers.PhoneNumberType.FIXED_LINE]),
)
def test_every_spelling_of_the_library_has_the_same_key(country, around, spelling, kind):
    number = phonenumbers.example_number_for_type(country, kind)
    written = around.format(phonenumbers.format_number(number, spelling))

    e164 = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    assert phone_key(written, country) == e164


@given(st.text())
def test_any_text_has_a_key_or_none(text):
    for key in (email_key(text), phone_key(text, "DE")):
        assert key == key.strip()
    assert email_key(email_key(text)) == email_key(text)


def test_the_commonest_mobile_numbers_take_the_quick_way():
    for number in ("+4917010000009", "+33612000002", "+351912345678", "+447911123456"):
        assert is_plain_phone(number)
    assert not is_plain_phone("+490170123456")  # with the trunk prefix, which does not belong there
    assert is_plain_phone("+5511912345678")


@pytest.mark.parametrize(
    ("pattern", "digits"),
    [
        ("0", "0"),
        ("0|180020", "01"),
        ("(?:0|90)(?:(1[245]|2[1-35])(\\d{10,11}))?", "09"),
        ("0?(?:(11|2)15)?", "012"),
        ("([89]\\d{5})$", "89"),
        ("", ""),
    ],
)
def test_the_first_digits_of_a_trunk_prefix(pattern, digits):
    assert first_digits(pattern) == set(digits)


def test_every_trunk_prefix_of_the_library_is_understood():
    assert sum(1 for lengths in plain_lengths() if lengths) > 7_000


def test_format_characters_of_unicode_are_invisible_or_blank():
    unseen = re.compile(f"[{INVISIBLE_CLASS}{BLANK_CLASS}]")
    for code in range(0x10000):
        character = chr(code)
        if unicodedata.category(character) == "Zs" or (
            unicodedata.category(character) == "Cf" and not 0x600 <= code < 0x900
        ):
            assert unseen.match(character), hex(code)


def test_numbers_of_examples_that_nobody_has_are_compared_as_written():
    assert phone_key("+99900000012") == "+99900000012"
    assert phone_key("+999 0000 0012") == ""
    assert phone_key("+999") == ""
