"""The description is complete, and every answer is what it promises."""

from collections.abc import Iterator
from io import StringIO
from typing import Any

import jsonschema
import pytest
import yaml
from django.contrib.auth.models import User
from django.core.management import call_command
from drf_spectacular.generators import SchemaGenerator

from campaigns.models import CapacityLimit
from campaigns.services.approvals import ask_for_launch
from tests.factories import DAY, NOW

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    return SchemaGenerator().get_schema(request=None, public=True)


def test_the_schema_is_drawn_without_a_warning(capsys):
    out = StringIO()

    call_command("spectacular", "--validate", "--fail-on-warn", stdout=out)

    assert yaml.safe_load(out.getvalue())["openapi"] == "3.1.0"
    assert capsys.readouterr().err == ""


def test_every_operation_says_what_it_does_and_how_it_refuses(schema):
    for path, operations in schema["paths"].items():
        for method, operation in operations.items():
            where = f"{method} {path}"
            assert operation["summary"], where
            assert operation["description"], where
            wanted = {"400"} if path.endswith("/login/") else {"400", "401", "403"}
            wanted |= {"404"} if "{" in path else set()
            assert wanted <= set(operation["responses"]), where
            for parameter in operation.get("parameters", []):
                if parameter["in"] == "query":
                    assert parameter["description"], f"{where} {parameter['name']}"


def test_answers_are_what_the_schema_promises(schema, superuser, measured, campaign, rules):
    limit = CapacityLimit.objects.create(name="Calls", maximum=100)
    asker = User.objects.create(username="asker")
    approval = ask_for_launch("campaign", campaign.pk, by=asker, at=NOW)
    addresses = {
        "/api/v1/customers/": "",
        "/api/v1/customers/{external_id}/": "K-1",
        "/api/v1/customers/{external_id}/consents/": "K-1/consents",
        "/api/v1/campaigns/": "",
        "/api/v1/campaigns/{id}/": campaign.pk,
        "/api/v1/capacity-limits/": "",
        "/api/v1/capacity-limits/{id}/": limit.pk,
        "/api/v1/frequency-caps/": "",
        "/api/v1/frequency-caps/{id}/": rules["cap"],
        "/api/v1/minimum-gaps/": "",
        "/api/v1/minimum-gaps/{id}/": rules["gap"],
        "/api/v1/quiet-hours/": "",
        "/api/v1/quiet-hours/{id}/": rules["quiet"],
        "/api/v1/exclusions/": "",
        "/api/v1/exclusions/{id}/": rules["exclusion"],
        "/api/v1/journey-maps/": "",
        "/api/v1/journey-maps/{id}/": rules["map"],
        "/api/v1/campaigns/{campaign_pk}/mix/": f"{campaign.pk}/mix",
        "/api/v1/decisions/": "",
        "/api/v1/decisions/{as_of}/{customer}/": f"{DAY}/K-1",
        "/api/v1/decisions/{as_of}/{customer}/explanation/": f"{DAY}/K-1/explanation",
        "/api/v1/deliveries/": "",
        "/api/v1/approvals/": "",
        "/api/v1/approvals/{id}/": approval.pk,
        "/api/v1/runs/": "",
        "/api/v1/runs/{as_of}/": DAY,
        "/api/v1/reports/uplift/": "",
        "/api/v1/reports/arms/": "",
    }
    reads = {path for path, operations in schema["paths"].items() if "get" in operations}
    assert reads == set(addresses)
    for path, what in addresses.items():
        address = f"{path.split('{')[0]}{what}/" if what else path
        answer = superuser.get(address)
        assert answer.status_code == 200, answer.content
        content = schema["paths"][path]["get"]["responses"]["200"]["content"]
        promised = {**content["application/json"]["schema"], "components": schema["components"]}
        closed = _without_extras(promised)
        jsonschema.validate(answer.json(), closed, cls=jsonschema.Draft202012Validator)


def _without_extras(part: Any) -> Any:
    """The same schema, in which objects have no property but those named."""
    if isinstance(part, list):
        return [_without_extras(item) for item in part]
    if not isinstance(part, dict):
        return part
    closed = {name: _without_extras(value) for name, value in part.items()}
    if closed.get("type") == "object" and "properties" in closed:
        closed.setdefault("additionalProperties", False)
    return closed


def test_the_page_takes_everything_from_this_server(client, django_user_model):
    client.force_login(django_user_model.objects.create_user("reader"))

    page = client.get("/api/docs/")

    assert page.status_code == 200
    assert "script-src 'self';" in page["Content-Security-Policy"]
    text = page.content.decode()
    assert "http" not in text
    assert "<script>" not in text
    assert client.get("/api/docs/?script=").headers["Content-Type"].startswith("application/java")


def texts_of(part: object, where: str = "") -> Iterator[tuple[str, str]]:
    """Summaries and descriptions of a schema, each with its place."""
    if isinstance(part, dict):
        for name, value in part.items():
            if name in ("summary", "description") and isinstance(value, str):
                yield f"{where}/{name}", value
            yield from texts_of(value, f"{where}/{name}")
    elif isinstance(part, list):
        for number, value in enumerate(part):
            yield from texts_of(value, f"{where}/{number}")


def test_every_text_can_be_translated(monkeypatch):
    """A catalogue that marks all it translates leaves no text unmarked.

    But for those of the framework: how tokens are sent, and lists of values with their labels.
    """
    monkeypatch.setattr("django.utils.translation._trans.gettext", lambda text: f"¤{text}")
    schema = SchemaGenerator().get_schema(request=None, public=True)
    untranslated = [
        (where, text)
        for where, text in texts_of(schema)
        if text and "¤" not in text and not text.startswith("* `") and "security" not in where
    ]
    assert untranslated == []
