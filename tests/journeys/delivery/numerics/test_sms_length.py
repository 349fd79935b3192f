"""By hand, from 3GPP TS 23.038 and 23.040: 160 or 70 in one message, 153 or 67 in parts."""

import pytest

from journeys.delivery.numerics.sms_length import sms_length


@pytest.mark.parametrize(
    ("text", "encoding", "n_units", "n_parts"),
    [
        ("", "GSM-7", 0, 1),
        ("a" * 160, "GSM-7", 160, 1),
        ("a" * 161, "GSM-7", 161, 2),
        ("ä" * 306, "GSM-7", 306, 2),
        ("a" * 307, "GSM-7", 307, 3),
        ("€" * 80, "GSM-7", 160, 1),  # two septets each
        ("€" * 81, "GSM-7", 162, 2),
        ("€" * 153, "GSM-7", 306, 3),  # 76 to a part, for none is parted: 76 + 76 + 1
        ("ê" * 70, "UCS-2", 70, 1),
        ("ê" * 71, "UCS-2", 71, 2),
        ("ê" + "a" * 134, "UCS-2", 135, 3),
        ("😀" * 35, "UCS-2", 70, 1),  # two units each
        ("😀" * 36, "UCS-2", 72, 2),
        ("😀" * 67, "UCS-2", 134, 3),  # 33 to a part: 33 + 33 + 1
    ],
)
def test_how_many_messages_a_text_is_sent_in(text, encoding, n_units, n_parts):
    length = sms_length(text)

    assert (length.encoding, length.n_units, length.n_parts) == (encoding, n_units, n_parts)


def test_the_costly_characters_are_named_once():
    assert sms_length("Olá ção ção é").costly == "áçã"
    assert sms_length("100 € für [Zoe]").costly == ""


def test_the_alphabet_has_its_127_signs():
    """128 places, of which one is the escape to the extension of ten."""
    from journeys.delivery.numerics import sms_length as module

    assert (len(module._BASIC), len(module._EXTENSION)) == (127, 10)
