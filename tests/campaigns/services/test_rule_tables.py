"""The registry of rules is complete: what it does not know must not pass in silence."""

import re

import pytest
from django.apps import apps
from django.db import connection
from django.test.utils import CaptureQueriesContext

from campaigns.services.assign_arms import current_plan
from campaigns.services.load_rulebook import load_rulebook
from campaigns.services.rule_rows import snapshot
from campaigns.services.rule_tables import (
    RULE_TABLES,
    RowChange,
    approved_tables,
    is_in_force,
    rulebook_models,
)
from segments.models import Organisation
from tests.factories import DAY, make_action, make_campaign

pytestmark = pytest.mark.django_db

# Of campaigns: what was decided, learned or requested, not what is to be.
NO_RULES = {"approval", "armchange", "armmembership"}


def test_every_table_of_campaigns_is_a_rule_or_named_as_none():
    names = {model._meta.model_name for model in apps.get_app_config("campaigns").get_models()}
    registered = {
        t.model._meta.model_name for t in RULE_TABLES if t.model._meta.app_label == "campaigns"
    }
    assert names == registered | NO_RULES


def test_all_that_the_rulebook_is_read_from_is_registered():
    make_action(make_campaign())
    with CaptureQueriesContext(
        connection,
    ) as queries:
        load_rulebook(DAY)
        current_plan(DAY)
        Organisation.current()
    read = {
        table for query in queries for table in re.findall(r'(?:FROM|JOIN) "(\w+)"', query["sql"])
    }
    assert len(read) > 8
    assert read <= {model._meta.db_table for model in rulebook_models()}


def test_a_change_of_an_unknown_table_raises():
    change = RowChange("segments.customer", 1, "Anna", {"email": "a"}, {"email": "b"})
    with pytest.raises(ValueError, match=r"segments\.customer is not registered"):
        is_in_force(change)


def test_every_approved_table_says_what_is_in_force():
    """An empty change says no without an error; a registered table never falls through."""
    make_action(make_campaign())
    for (table, pk), values in snapshot().items():
        is_in_force(RowChange(table, pk, "it", values, values))
    assert {table.label for table in approved_tables()} >= {
        "campaigns.action",
        "journeys.journeymap",
    }


def test_a_table_is_registered_once():
    [organisation] = [table for table in RULE_TABLES if table.model is Organisation]
    RULE_TABLES.add(organisation)  # the same again is no other home
    with pytest.raises(ValueError, match="taken"):
        RULE_TABLES.add(type(organisation)(Organisation, None))
