"""Fields are described as the admin shows them: all of them, with label and default."""

import re
from collections import defaultdict
from collections.abc import Iterator
from decimal import Decimal
from itertools import pairwise

import pytest
from django.apps import apps
from django.db.models import Field, Model
from django.utils import translation
from django.utils.text import capfirst

from campaigns.models import (
    Action,
    ArmPlan,
    Campaign,
    CapacityLimit,
    Exclusion,
    FollowUp,
    FrequencyCap,
    Goal,
    MinimumEvidence,
    MinimumGap,
    QuietHours,
    Tag,
)
from journeys.models import ChannelRoute, JourneyMap, SftpTarget, WebhookEndpoint
from optiengine.docs.site import FOLDER
from segments.feature_catalogue import BUILT_IN
from segments.models import FeatureDefinition, Organisation, Stage, TargetGroup

# By page and heading; of a limit the name is not explained, it is the reader's own.
DESCRIBED: dict[tuple[str, str], type[Model]] = {
    ("fields", "Campaigns"): Campaign,
    ("fields", "Actions"): Action,
    ("fields", "Goals"): Goal,
    ("fields", "Follow-ups"): FollowUp,
    ("fields", "Tags"): Tag,
    ("fields", "Minimum evidence"): MinimumEvidence,
    ("fields", "Global control group & baseline"): ArmPlan,
    ("fields", "Target groups"): TargetGroup,
    ("fields", "Features"): FeatureDefinition,
    ("fields", "Channel routes"): ChannelRoute,
    ("fields", "Journeys"): JourneyMap,
    ("fields", "Webhook endpoints"): WebhookEndpoint,
    ("fields", "SFTP targets"): SftpTarget,
    ("fields", "Organisation"): Organisation,
    ("limits", "Exclusions"): Exclusion,
    ("limits", "Frequency caps"): FrequencyCap,
    ("limits", "Minimum gaps"): MinimumGap,
    ("limits", "Quiet hours"): QuietHours,
    ("limits", "Budgets and volume limits"): CapacityLimit,
}
NOT_EDITED: dict[str, set[str]] = defaultdict(set)  # or not on a page of its own
NOT_EDITED |= {"Actions": {"campaign"}, "Journeys": {"seed", "running_since", "active_version"}}
LABELLED = re.compile(r"\*\*([^*]+)\*\* \(`(\w+)`\)")
SHOWN_AS = {"en": {True: "on", False: "off"}, "pt": {True: "ligado", False: "desligado"}}


def rows(page: str, heading: str, language: str, *, head: str) -> Iterator[list[str]]:
    """Of the tables under an English heading, or the one at the same place, that begin so."""
    n = [line for line in text_of(page, "en").splitlines() if line.startswith("## ")].index(
        f"## {heading}"
    )
    section = re.split(r"^## ", text_of(page, language), flags=re.MULTILINE)[n + 1]
    is_wanted = False
    for before, line in pairwise(["", *section.splitlines()]):
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("|") and not before.startswith("|"):
            is_wanted = cells[0] == head
        elif line.startswith("| ") and is_wanted:
            yield cells


def text_of(page: str, language: str) -> str:
    folder = FOLDER if language == "en" else FOLDER / language
    return (folder / "reference" / f"{page}.md").read_text()


def fields_of(model: type[Model]) -> dict[str, Field]:
    return {
        field.name: field
        for field in [*model._meta.fields, *model._meta.many_to_many]
        if not field.primary_key
    }


def test_every_kind_of_limit_is_described():
    limits = {
        model
        for model in apps.get_app_config("campaigns").get_models()
        if model.__module__ in (Exclusion.__module__, CapacityLimit.__module__)
    }

    assert limits <= set(DESCRIBED.values())


@pytest.mark.parametrize(("page", "heading"), DESCRIBED)
@pytest.mark.parametrize(("language", "head"), [("en", "field"), ("pt", "campo")])
def test_every_field_is_described_under_its_label(page, heading, language, head):
    fields = fields_of(DESCRIBED[page, heading])
    labels = [
        match
        for cells in rows(page, heading, language, head=head)
        for match in LABELLED.findall(cells[0])
    ]
    own_name = {"name"} if page == "limits" else set()

    assert {name for _label, name in labels} == set(fields) - own_name - NOT_EDITED[heading]
    with translation.override(language):
        for label, name in labels:
            shown = capfirst(str(fields[name].verbose_name))
            with translation.override("en"):
                is_translated = shown != capfirst(str(fields[name].verbose_name))
            # A label that is new is translated by `make messages`.
            assert label == shown or (language == "pt" and not is_translated), name


@pytest.mark.parametrize("heading", [heading for page, heading in DESCRIBED if page == "fields"])
@pytest.mark.parametrize(("language", "head"), [("en", "field"), ("pt", "campo")])
def test_every_default_is_shown(heading, language, head):
    fields = fields_of(DESCRIBED["fields", heading])
    for cells in rows("fields", heading, language, head=head):
        field = fields[LABELLED.findall(cells[0])[0][1]]
        value = field.default if field.has_default() else None
        if isinstance(value, bool):
            assert cells[1] == SHOWN_AS[language][value], field
        elif isinstance(value, int | float | str | Decimal) and value != "":
            assert cells[1] == f"`{value}`", field
        elif not callable(value):
            assert cells[1] == "", field


@pytest.mark.parametrize(
    ("language", "feature", "stage"),
    [("en", "feature", "stage"), ("pt", "característica", "fase")],
)
def test_every_feature_and_stage_is_described_under_its_label(language, feature, stage):
    features = rows("fields", "Features", language, head=feature)
    stages = rows("fields", "Organisation", language, head=stage)

    with translation.override(language):
        assert [LABELLED.findall(cells[0])[0] for cells in features] == [
            (str(built_in.label), built_in.name) for built_in in BUILT_IN
        ]
        assert {LABELLED.findall(cells[0])[0] for cells in stages} == {
            (capfirst(str(known.label)), known.value) for known in Stage
        }
