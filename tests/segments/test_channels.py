"""A channel is declared in one place, and what is derived from it is complete."""

import re
from pathlib import Path

import pytest

from journeys.delivery.channels import TRANSPORTS
from journeys.delivery.send_proof import VALIDATORS
from segments.addresses import KEYS
from segments.channel_labels import channel_choices, channel_label
from segments.channels import (
    ADDRESS_FIELDS,
    CHANNELS,
    Channel,
    address_fields,
    inbound_channels,
    outbound_channels,
)
from segments.customers.address_hash import FORMER
from segments.customers.with_address import REFUSALS
from segments.models import Customer
from segments.models.customer import KEY_COLUMNS
from segments.state.load_batch import has_address_sql

ROOT = Path(__file__).parents[2]


def test_what_todays_channels_need():
    assert outbound_channels() == ("email", "sms", "push", "call", "post")
    assert inbound_channels() == ("web",)
    assert address_fields() == {"email": "email", "sms": "phone", "call": "phone"}
    assert [name for name, channel in CHANNELS.items() if channel.can_be_typed] == ["email", "sms"]
    assert has_address_sql("call") == "c.phone_key <> ''"
    assert has_address_sql("push") == "TRUE"


def test_an_entry_is_found_by_its_own_name_and_leaves_by_a_known_transport():
    for name, channel in CHANNELS.items():
        assert channel.name == name
        assert channel.default_transport in TRANSPORTS
        assert channel.address_field or not channel.can_be_typed


def test_every_column_of_addresses_can_be_compared_refused_and_typed():
    assert set(ADDRESS_FIELDS) <= {field.name for field in Customer._meta.get_fields()}
    assert KEYS.keys() == FORMER.keys() == KEY_COLUMNS.keys() == set(ADDRESS_FIELDS)
    assert REFUSALS.keys() == VALIDATORS.keys() == set(ADDRESS_FIELDS)


@pytest.mark.parametrize("name", ["", "Whats App", "x'; --", "a" * 21, "1st"])
def test_a_name_that_sql_or_a_file_could_misread_is_refused(name):
    with pytest.raises(ValueError, match="not the name of a channel"):
        Channel(name, "A channel")


def test_an_address_that_customers_do_not_have_is_refused():
    with pytest.raises(ValueError, match="no address of a customer: fax"):
        Channel("fax", "Fax", address_field="fax")


def test_labels_are_read_in_the_readers_language():
    assert channel_label("web") == "web page or agent"
    assert channel_label("pigeon") == "pigeon"
    assert [name for name, _label in channel_choices()] == list(CHANNELS)


def test_no_other_module_knows_a_channel_by_a_word_of_its_own():
    """Of the words that mean nothing else. Examples and the lab have worlds of their own."""
    word = re.compile(r"""["'](sms|push)["']""")
    for app in ("segments", "campaigns", "journeys", "reports"):
        for path in (ROOT / app).rglob("*.py"):
            if "migrations" not in path.parts and path.name != "channels.py":
                code = re.sub(r'""".*?"""', "", path.read_text(), flags=re.S)
                assert not word.search(code), path.relative_to(ROOT)
