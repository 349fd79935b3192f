"""The reference pages say what the code does: compared with the code itself."""

import ast
import inspect
import json
import re
from argparse import Action
from collections.abc import Callable
from datetime import date
from textwrap import dedent
from uuid import UUID

import pytest
from django.utils import timezone, translation
from drf_spectacular.generators import SchemaGenerator

from campaigns.message_variables import ATTRIBUTES, MEANINGS
from campaigns.models import (
    Campaign,
    CapacityLimit,
    Exclusion,
    FrequencyCap,
    MinimumGap,
    QuietHours,
)
from journeys.delivery.channels.base import Message
from journeys.delivery.channels.csv_file import COLUMNS
from journeys.delivery.channels.webhook import webhook_body
from journeys.maps.numerics.journey_settings import OPTIONAL, REQUIRED
from journeys.models import ChannelRoute, Delivery, ReasonCode, Traveller
from journeys.models.reason import parameters_of
from optiengine.docs.markdown import read
from optiengine.docs.references import own_commands, parser_of, setting_defaults
from optiengine.docs.site import FOLDER
from optiengine.lib.text_filters import FILTERS
from reports.api.mix import MixActionSerializer, MixRowSerializer
from reports.api.serializers import (
    ArmComparisonSerializer,
    ArmGroupSerializer,
    ArmReportSerializer,
    SplitSerializer,
    UpliftRowSerializer,
)
from reports.numerics.mix import State as MixState
from reports.services.clv_backtest import ClvBacktest, agreement_figures
from reports.services.segment_migration import MigrationReport
from reports.services.uplift_row import State
from segments.imports.spec import ImportOptions, ImportPlan, spec_of
from segments.models import ImportJob

REFERENCE = FOLDER / "reference"
CODE = re.compile(r"`([^`]+)`")
HEADINGS = {
    "customers": "## Customers",
    "events": "## Events",
    "contacts": "## Message history",
    "suppressions": "## Suppression lists",
}


# What Django gives every command, and what ours have in common.
SHARED = {
    "--help", "--version", "--verbosity", "--settings", "--pythonpath", "--traceback",
    "--no-color", "--force-color", "--skip-checks", "--json",
}  # fmt: skip


def rows(page: str, *, head: str, heading: str = "") -> list[list[str]]:
    """Rows of the tables of a page, or of the part under a heading, whose first column has this
    head."""
    table: list[list[str]] = []
    is_wanted = False
    text = (REFERENCE / f"{page}.md").read_text()
    if heading:
        text = re.split(rf"^{re.escape(heading)}$", text, flags=re.MULTILINE)[1]
        text = re.split(r"^#{2,3} ", text, flags=re.MULTILINE)[0]
    lines = text.splitlines()
    for before, line in zip(["", *lines], lines, strict=False):
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip().strip("|"))]
        if not line.startswith("|"):
            is_wanted = False
        elif not before.startswith("|"):
            is_wanted = cells[0] == head
        elif is_wanted and set(cells[0]) != {"-"}:
            table.append(cells)
    return table


def as_written(default: ast.expr | None) -> set[str]:
    """A default that is a plain value, as the table shows it; nothing for one that is computed."""
    try:
        value = ast.literal_eval(default) if default else ""
    except ValueError:
        return set()
    if isinstance(value, bool):
        return {str(value).lower()}
    return set(value) if isinstance(value, list) else {str(value)} - {""}


def test_every_setting_is_described_once_with_its_default():
    described = {
        CODE.findall(name)[0]: default for name, default, _ in rows("settings", head="variable")
    }
    read = setting_defaults()

    assert len(rows("settings", head="variable")) == len(described)
    assert set(described) - {"ANYMAIL_…"} == set(read)
    for name, default in read.items():
        assert as_written(default) <= set(CODE.findall(described[name])), name


def arguments_of(command: str) -> dict[str, Action]:
    """By the name that the page uses: the long option, or the name of the argument."""
    actions = {
        (action.option_strings or [action.dest])[-1]: action
        for action in parser_of(command)._actions
    }
    return {name: action for name, action in actions.items() if name not in SHARED}


def described_arguments(command: str) -> dict[str, str]:
    headings = [f"### `{command}`"]
    if command.startswith("import_"):
        headings.append("## Imports")  # what they share
    return {
        CODE.findall(cells[0])[0].split()[0]: cells[1]
        for heading in headings
        for cells in rows("commands", head="argument", heading=heading)
    }


def test_every_command_has_a_section():
    sections = re.findall(r"^### `(\w+)`$", (REFERENCE / "commands.md").read_text(), re.MULTILINE)

    assert sorted(sections) == own_commands()


@pytest.mark.parametrize("command", own_commands())
def test_every_argument_is_described_with_its_default(command):
    arguments, described = arguments_of(command), described_arguments(command)

    assert set(described) == set(arguments)
    for name, action in arguments.items():
        if action.required:
            assert described[name] == "required", name
        elif isinstance(action.default, int | float | str) and action.default not in (False, ""):
            assert str(action.default) in CODE.findall(described[name]), name


@pytest.mark.parametrize("kind", ImportJob.Kind.values)
@pytest.mark.django_db
def test_every_field_of_an_import_is_described_with_the_headings_that_mean_it(kind):
    plan = ImportPlan(timezone.now(), "UTC", "file", "upsert", ImportOptions(), cells={})
    fields = {field.name: field for field in spec_of(kind).fields(plan)}
    described = {
        CODE.findall(name)[0]: (required, set(CODE.findall(headings)))
        for name, required, headings, _ in rows("csv", head="field", heading=HEADINGS[kind])
    }

    assert set(described) == set(fields)
    for name, field in fields.items():
        required, headings = described[name]
        assert (required == "yes") == field.is_required, name
        assert headings == set(field.aliases), name


# Fields of the tables that say what a limit is, and what else decides when a message leaves.
LIMITS = [Exclusion, FrequencyCap, MinimumGap, QuietHours, CapacityLimit]
CAMPAIGN_LIMITS = {
    "transactional", "in_addition", "exempt_from_caps", "not_counted_by_caps", "repeat_after_days",
    "duration_days", "ignores_durations", "ignores_durations_of", "send_time_per_person",
    "expires_after_hours", "control_share",
}  # fmt: skip
DESCRIBED_ELSEWHERE = {
    "id", "name", "status", "goal", "target_group", "rank", "starts_on", "ends_on", "recurrence",
    "recurs_on", "skips_short_months", "trigger_kind", "run_anyway", "fixed_action", "tags",
}  # fmt: skip


def test_every_field_of_a_limit_is_described():
    described = set(CODE.findall((REFERENCE / "limits.md").read_text()))
    campaign = {f.name for f in Campaign._meta.get_fields() if not f.auto_created or f.concrete}

    for model in LIMITS:
        fields = {field.name for field in model._meta.fields} - {"id", "name"}
        assert fields <= described, model
    assert campaign == CAMPAIGN_LIMITS | DESCRIBED_ELSEWHERE  # a new one is a limit, or it is not
    assert described >= CAMPAIGN_LIMITS
    assert "lock_time" in described


def test_every_operation_of_the_api_is_listed():
    schema = SchemaGenerator().get_schema(request=None, public=True)
    served = {
        (method.upper(), re.sub(r"\{\w+\}", "{}", address))
        for address, operations in schema["paths"].items()
        for method in operations
    }
    listed = [
        tuple(re.sub(r"\{\w+\}", "{}", CODE.findall(request)[0]).split())
        for request, _what in rows("api", head="request")
    ]

    assert sorted(listed) == sorted(served)


def test_every_step_of_a_journey_is_described_with_its_settings():
    described = {("send", None), ("set", None), ("exit", None)}
    for step, by, settings, _what in rows("journeys", head="step"):
        pair = (CODE.findall(step)[0], (CODE.findall(by) or [None])[0])
        described.add(pair)
        assert set(CODE.findall(settings)) == settings_of(*pair), pair
    for by, settings, _who in rows("journeys", head="entry by"):
        described.add(("entry", CODE.findall(by)[0]))
        assert set(CODE.findall(settings)) == settings_of("entry", CODE.findall(by)[0]), by

    assert described == set(REQUIRED)


def settings_of(kind: str, fork: str | None) -> set[str]:
    return set(REQUIRED[kind, fork]) | set(OPTIONAL.get((kind, fork), {}))


def test_every_reason_is_described_with_its_number():
    described = {CODE.findall(code)[0]: int(n) for code, n, _means in rows("messages", head="code")}
    text = (REFERENCE / "messages.md").read_text().partition("## Reasons")[2].partition("\n## ")[0]

    assert described == {code.slug: code.value for code in ReasonCode}
    named = {name for code in ReasonCode for name in parameters_of(code)}
    assert named <= set(CODE.findall(text))


def test_every_variable_filter_and_column_of_a_message_is_described():
    variables = {CODE.findall(name)[0] for name, _value in rows("messages", head="variable")}
    text = (REFERENCE / "messages.md").read_text()
    filters = re.findall(r"^\*\*Filters\*\*: (.*)$", text, re.MULTILINE)[0]
    columns = [CODE.findall(cells[0])[0] for cells in rows("messages", head="column")]

    assert variables == {*MEANINGS, f"{ATTRIBUTES}.NAME"}
    assert set(CODE.findall(filters)) == set(FILTERS)
    assert columns == COLUMNS


def test_the_body_of_a_webhook_is_shown_as_it_is_sent():
    shown = next(b for b in read(REFERENCE / "messages.md").blocks() if b.language == "json")
    data = json.loads(shown.text)["data"]
    fields = {name: value for name, value in data.items() if name not in ("key", "day")}
    message = Message(
        delivery_id=1, key=UUID(data["key"]), as_of=date.fromisoformat(data["day"]), **fields
    )

    assert json.loads(shown.text) == webhook_body(message)


def test_every_figure_of_a_report_is_described():
    described = {name for _line, name in read(REFERENCE / "statistics.md").code()}
    serializers = [UpliftRowSerializer, ArmGroupSerializer, ArmComparisonSerializer]
    serializers += [SplitSerializer, ArmReportSerializer, MixActionSerializer, MixRowSerializer]

    for serializer in serializers:
        names = {re.sub("_(low|high)$", "", name) for name in serializer().fields}
        assert names - NOT_FIGURES <= described, serializer


def test_every_column_of_a_report_file_is_described():
    described = {name for _line, name in read(REFERENCE / "statistics.md").code()}

    for of_report in (MigrationReport.lines, ClvBacktest.lines, agreement_figures):
        columns = {re.sub("_(low|high)$", "", name) for name in keys_in(of_report)}
        assert columns
        assert columns <= described, of_report
    assert {
        f"{kind}_{name}" for kind in ("predicted", "actual") for name in ("purchases", "cents")
    } < (described)


def keys_in(function: Callable[..., object]) -> set[str]:
    """The keys of the dictionaries that a function writes down."""
    return {
        key.value
        for node in ast.walk(ast.parse(dedent(inspect.getsource(function))))
        if isinstance(node, ast.Dict)
        for key in node.keys
        if isinstance(key, ast.Constant) and isinstance(key.value, str)
    }


# Whom and when a figure is about, and sentences.
NOT_FIGURES = {
    "action", "action_id", "actions", "against", "arm", "arms", "as_of", "campaign", "campaign_id",
    "comparisons", "explanation", "id", "micro_segment", "micro_segment_id", "name",
    "plan_starts_on", "sentence", "since", "split", "state",
}  # fmt: skip


@pytest.mark.parametrize(
    ("page", "head", "states"),
    [
        ("statistics", "state", [*State, *MixState]),
        ("messages", "state", Delivery.Status),
        ("journeys", "outcome", Traveller.ExitReason),
    ],
)
def test_every_state_is_described(page, head, states):
    described = [name for cells in rows(page, head=head) for name in CODE.findall(cells[0])]

    assert described == [state.value for state in states]


@pytest.mark.parametrize("folder", [REFERENCE, REFERENCE.parent / "pt" / "reference"])
def test_every_transport_is_described_by_its_label(folder):
    text = (folder / "messages.md").read_text()

    with translation.override("pt" if "pt" in folder.parts else "en"):
        for transport in ChannelRoute.Transport:
            assert f"| **{transport.label}** |" in text
