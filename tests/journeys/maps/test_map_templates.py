"""Maps from templates: whole drawings, in both languages, whose every message could leave."""

import pytest
from django.utils import translation

from campaigns.models import Campaign
from journeys.delivery.render_message import Recipient, render_message
from journeys.maps.check_map import check_graph
from journeys.maps.edit_map import launch_map, newest_version
from journeys.maps.map_templates import make_from_template, template_graphs
from journeys.models import JourneyMap
from tests.factories import DAY, NOW, make_customer

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("name", template_graphs())
@pytest.mark.parametrize("language", ["en", "pt"])
def test_a_template_lacks_nothing_and_its_campaigns_are_launched_with_it(name, language):
    with translation.override(language):
        journey = make_from_template(name, by="anna", at=NOW, starts_on=DAY)
        graph = newest_version(journey).graph
        assert check_graph(graph) == []
        for campaign in Campaign.objects.all():
            for action in campaign.actions.select_related("campaign"):
                words = render_message(action, Recipient.of(make_customer(first_name="Ana")))
                assert "Ana" in words.text
                assert "{" not in words.text + words.subject

        assert launch_map(journey, by="anna", at=NOW).status == "active"
        assert set(Campaign.objects.values_list("status", flat=True)) == {"active"}


def test_a_template_can_be_used_again_while_its_first_journey_exists():
    made = [make_from_template("win_back", by="anna", at=NOW, starts_on=DAY) for _ in range(2)]

    assert [journey.name for journey in made] == ["Win-back", "Win-back 2"]
    assert Campaign.objects.filter(name="Win-back: news 2").exists()
    groups = {newest_version(j).graph["steps"][0]["target_group"] for j in made}
    assert len(groups) == 1
    assert JourneyMap.objects.count() == 2
