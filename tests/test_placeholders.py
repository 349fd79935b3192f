import pytest

from campaigns.models.action import PLACEHOLDERS
from optiengine.lib.placeholders import fill_in, unknown_placeholders
from tests.factories import make_action

VALUES = {"first_name": "Anna", "last_name": "", "offer": "$first_name for $5"}


@pytest.mark.parametrize(
    ("text", "filled_in"),
    [
        ("Hi $first_name!", "Hi Anna!"),
        ("Hi ${first_name}n!", "Hi Annan!"),
        ("Hi ${first_name|you}!", "Hi Anna!"),
        ("Dear ${last_name|dear customer},", "Dear dear customer,"),
        ("Dear $last_name,", "Dear ,"),
        ("$offer", "$first_name for $5"),  # a value is taken literally
        ("$$5, $5, 5 $", "$5, $5, 5 $"),
        ("$unknown ${unknown|x}", "$unknown ${unknown|x}"),
        ("two\nlines stay", "two\nlines stay"),
    ],
)
def test_placeholders_are_filled_in(text, filled_in):
    assert fill_in(text, VALUES) == filled_in


def test_a_value_stands_on_one_line():
    assert fill_in("$name", {"name": "a\r\nb\tc\x00\x1b\x85d  e\u2028f"}) == "a b c d e f"


def test_unknown_placeholders_are_named_once_in_order():
    text = "$nam ${first_name|$5} $$x ${city|town} $nam $first_name $5"

    assert unknown_placeholders(text, PLACEHOLDERS) == ["nam", "city"]


@pytest.mark.django_db
def test_a_campaign_is_told_which_placeholder_nobody_can_fill_in():
    action = make_action(subject="Hi $first_nam", body="${offer|something} for $customer_id")

    [problem] = action.problems()

    assert "$first_nam," in problem
    assert "$first_name, $last_name, $customer_id, $offer, $campaign" in problem
