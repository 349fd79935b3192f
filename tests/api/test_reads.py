"""What callers read, page by page, and how wrong questions are answered."""

import math
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from campaigns.models import Campaign
from journeys.models import Decision, DecisionRun, JourneyMap, Reason, ReasonCode, make_reason
from optiengine.lib.partitions import ensure_partitions
from segments.models import Customer, CustomerState
from tests.factories import (
    DAY,
    NOW,
    make_action,
    make_campaign,
    make_customer,
    make_delivery,
)
from tests.journeys.drawn_maps import move, put_in
from tests.journeys.engine import decide_day, make_customers, make_plan

pytestmark = [pytest.mark.django_db, pytest.mark.long]


def get(client, address, **query):
    answer = client.get(f"/api/v1/{address}", query)
    assert answer.status_code == 200, answer.content
    return answer.json()


def read_all(client, address, **query):
    """Every row of a list, following its pages, and how many pages there were."""
    page, rows, n_pages = get(client, address, **query), [], 1
    while True:
        rows += page["results"]
        if page["next"] is None:
            return rows, n_pages
        page, n_pages = client.get(page["next"]).json(), n_pages + 1


def test_a_customer_comes_with_consents_and_newest_state(viewer, run):
    anna = Customer.objects.get(external_id="K-1")

    body = get(viewer, "customers/K-1/")

    assert body["external_id"] == "K-1"
    assert body["email"] == anna.email
    assert set(body["consents"]) == {"email", "sms", "push", "call", "post"}
    state = CustomerState.objects.get(customer=anna, as_of=DAY)
    assert body["state"]["as_of"] == "2026-03-01"
    assert body["state"]["micro_segment"] == {
        "id": state.micro_segment_id,
        "name": state.micro_segment.name,
    }
    names = run.state.feature_set.names
    by_name = dict(zip(names, state.features, strict=True))
    assert any(math.isnan(value) for value in by_name.values())  # never ordered: no recency
    for name, value in by_name.items():
        assert body["state"]["features"][name] == (None if math.isnan(value) else value)


def test_who_came_after_the_state_was_built_has_none(viewer, run):
    make_customer(external_id="late")

    assert get(viewer, "customers/late/")["state"] is None


@pytest.mark.parametrize("external_id", ["a.b", "..x", "ä ö", "50%", "a+b@c", "K?1#2", "x" * 100])
def test_a_customer_is_found_under_any_id_a_path_can_hold(viewer, external_id):
    make_customer(external_id=external_id)

    body = get(viewer, f"customers/{quote(external_id, safe='')}/")

    assert body["external_id"] == external_id


@pytest.mark.parametrize("external_id", ["a/b", " C1", "C1 ", "."])
def test_any_other_id_is_found_through_the_list(viewer, external_id):
    make_customer(external_id=external_id)
    make_customer(external_id="C1")

    rows = get(viewer, "customers/", external_id=external_id)["results"]

    assert [row["external_id"] for row in rows] == [external_id]


def test_customers_are_filtered_by_address_and_change(viewer):
    anna = make_customer(email="Anna@example.com")
    make_customer()
    Customer.objects.exclude(pk=anna.pk).update(updated_at=datetime(2020, 1, 1, tzinfo=UTC))

    by_address, _ = read_all(viewer, "customers/", email="Anna@EXAMPLE.com")
    by_change, _ = read_all(viewer, "customers/", updated_since="2021-01-01T00:00:00+01:00")

    assert [row["external_id"] for row in by_address] == [anna.external_id]
    assert [row["external_id"] for row in by_change] == [anna.external_id]


def test_a_campaign_comes_with_goal_target_group_and_actions(viewer, campaign):
    body = get(viewer, f"campaigns/{campaign.pk}/")

    assert body["goal"]["window_days"] == 7
    assert body["target_group"]["name"] == "Everyone"
    assert body["target_group"]["rule"] == {}
    assert [action["cost_cents"] for action in body["actions"]] == [12.5]


def test_limits_are_read_as_they_were_set(viewer, rules, campaign):
    cap = get(viewer, f"frequency-caps/{rules['cap']}/")
    gap = get(viewer, f"minimum-gaps/{rules['gap']}/")
    night = get(viewer, f"quiet-hours/{rules['quiet']}/")
    exclusion = get(viewer, f"exclusions/{rules['exclusion']}/")

    assert (cap["scope"], cap["tag"], cap["limit"]) == ("tag", "offers", 1)
    assert (gap["channel"], gap["hours"]) == ("", 48)
    assert (night["starts_at"], night["ends_at"], night["weekdays"]) == ("22:00:00", "08:00:00", [])
    assert (exclusion["campaign"], exclusion["tag"]) == (campaign.pk, None)
    assert (exclusion["excluded_campaign"], exclusion["excluded_tag"]) == (None, "offers")


def test_a_map_tells_how_many_are_at_each_step(viewer, rules):
    journey = JourneyMap.objects.get(pk=rules["map"])
    put_in(journey, *make_customers(3), at=NOW)
    move(NOW)
    JourneyMap.objects.create(name="Being drawn")

    drawn, cart = sorted(read_all(viewer, "journey-maps/")[0], key=lambda row: row["n_travelling"])
    body = get(viewer, f"journey-maps/{journey.pk}/")

    assert (drawn["version"], drawn["status"], drawn["n_travelling"]) == (None, "draft", 0)
    assert (cart["version"], cart["status"], cart["n_travelling"]) == (1, "active", 3)
    assert get(viewer, f"journey-maps/{drawn['id']}/")["steps"] == []
    entry, wait, remind = body["steps"]
    assert (entry["n_arrived"], entry["n_here"], entry["n_left"]) == (3, 0, {"next": 3})
    assert (wait["words"], wait["n_here"]) == ("Wait 1 hour", 3)
    assert wait["links"] == [{"port": "next", "to": "remind"}]
    assert remind["kind"] == "send"
    assert Campaign.objects.get(pk=remind["campaign"]).name == "Cart reminder"
    assert (remind["n_arrived"], remind["n_left"]) == (0, {})


def test_decisions_are_those_of_the_newest_finished_run(viewer, run, campaign):
    rows, _ = read_all(viewer, "decisions/")

    assert [row["customer"] for row in rows] == [f"K-{n}" for n in range(12)]
    stored = {d.customer.external_id: d for d in Decision.objects.select_related("customer")}
    for row in rows:
        decision = stored[row["customer"]]
        assert row["as_of"] == "2026-03-01"
        assert (row["campaign"], row["campaign_name"]) == (campaign.pk, campaign.name)
        assert row["is_control"] is decision.is_control
        assert row["assignment_prob"] == decision.assignment_prob == 1
        assert row["cost_cents"] == decision.cost_cents


def test_decisions_of_a_day_that_is_not_finished_are_not_shown(viewer, run):
    DecisionRun.objects.update(status=DecisionRun.Status.RUNNING)

    assert get(viewer, "decisions/")["results"] == []
    answer = viewer.get("/api/v1/decisions/", {"as_of": "2026-03-01"})
    assert answer.status_code == 400
    assert answer.json() == {"as_of": ["There is no finished run for this day."]}
    assert viewer.get("/api/v1/decisions/2026-03-01/K-1/").status_code == 404


def test_a_customers_decisions_of_all_days_come_newest_first(viewer, run):
    for n_days in (1, 2):
        decide_day(DAY + timedelta(days=n_days))

    rows, n_pages = read_all(viewer, "decisions/", customer="K-3", page_size=2)

    assert [row["as_of"] for row in rows] == ["2026-03-03", "2026-03-02", "2026-03-01"]
    assert {row["customer"] for row in rows} == {"K-3"}
    assert n_pages == 2
    of_day = get(viewer, "decisions/", customer="K-3", as_of="2026-03-02")["results"]
    assert of_day == [get(viewer, "decisions/2026-03-02/K-3/")] == [rows[1]]


def test_decisions_are_filtered_by_campaign(viewer, run, campaign):
    assert len(get(viewer, "decisions/", campaign=campaign.pk)["results"]) == 12
    assert get(viewer, "decisions/", campaign=make_campaign().pk)["results"] == []


def test_a_delivery_says_why_it_was_not_sent_as_a_code_and_in_the_callers_language(viewer):
    reason = make_reason(ReasonCode.ADDRESS_REFUSED, answer="550 5.1.1 user unknown")
    refused = make_delivery(status="failed", attempts=1, reason=reason)

    [row] = get(viewer, "deliveries/")["results"]
    again = viewer.get("/api/v1/deliveries/", headers={"Accept-Language": "pt"}).json()

    assert row == {
        "key": str(refused.key),
        "as_of": "2026-03-01",
        "customer": refused.customer.external_id,
        "campaign": refused.action.campaign_id,
        "campaign_name": refused.action.campaign.name,
        "action": refused.action_id,
        "action_name": refused.action.name,
        "channel": "email",
        "status": "failed",
        "attempts": 1,
        "due_at": "2026-03-01T09:00:00Z",
        "expires_at": None,
        "sent_at": None,
        "reason": {
            "code": "address_refused",
            "text": "The address was refused: 550 5.1.1 user unknown",
            "params": {"answer": "550 5.1.1 user unknown"},
        },
    }
    assert again["results"][0]["reason"]["code"] == "address_refused"
    assert again["results"][0]["reason"]["text"].endswith("550 5.1.1 user unknown")


def test_deliveries_are_filtered_by_day_customer_status_and_reason(viewer):
    consent, late = Reason(ReasonCode.NO_CONSENT), Reason(ReasonCode.EXPIRED)
    yesterday = DAY - timedelta(days=1)
    stopped = make_delivery(status="suppressed", reason=consent)
    older = make_delivery(stopped.customer, as_of=yesterday, status="suppressed", reason=late)
    sent = make_delivery(status="sent")

    def found(**query):
        return [row["key"] for row in read_all(viewer, "deliveries/", page_size=1, **query)[0]]

    stopped_key, older_key, sent_key = (str(each.key) for each in (stopped, older, sent))
    assert found() == [sent_key, older_key, stopped_key]
    assert found(customer=stopped.customer.external_id) == [older_key, stopped_key]
    assert found(as_of=yesterday) == [older_key]
    assert found(status="suppressed") == [older_key, stopped_key]
    assert found(reason="no_consent") == [stopped_key]
    assert found(reason="expired", as_of=DAY) == []
    assert get(viewer, "deliveries/", status="sent")["results"][0]["reason"] is None


def test_a_page_of_deliveries_takes_as_many_queries_as_one_delivery(viewer):
    counts = []
    for _ in range(2):
        for _ in range(10):
            make_delivery(status="suppressed", reason=Reason(ReasonCode.NO_CONSENT))
        with CaptureQueriesContext(connection) as queries:
            get(viewer, "deliveries/")
        counts.append(len(queries))

    assert counts == [3 + 1, 3 + 1]  # token with user, permissions of the user, of groups; the page


def test_an_explanation_names_every_option_and_the_draw(viewer, run, campaign):
    make_action(make_campaign())  # made after the run: no option of it

    body = get(viewer, "decisions/2026-03-01/K-1/explanation/")

    assert body["decision"] == get(viewer, "decisions/2026-03-01/K-1/")
    assert {option["campaign"] for option in body["options"]} == {campaign.pk, None}
    (chosen,) = [option for option in body["options"] if option["is_chosen"]]
    assert (chosen["campaign"], chosen["rank"], chosen["prob"]) == (campaign.pk, 1, 1)
    assert body["agrees"] is body["is_recomputed"] is True
    assert body["decision"]["is_control"] is (body["control_draw"] < body["control_share"])
    assert any(feature["value"] is None for feature in body["features"])


@pytest.mark.parametrize("address", ["customers/", "decisions/", "decisions/?as_of=2026-03-01"])
def test_pages_hold_every_row_once_in_any_size(viewer, run, address):
    address, _, query = address.partition("?")
    fixed = dict([query.split("=")]) if query else {}
    whole, _ = read_all(viewer, address, **fixed)

    for size in (1, 5, 12, 1_000):
        rows, n_pages = read_all(viewer, address, page_size=size, **fixed)
        assert rows == whole
        assert n_pages == math.ceil(12 / size)


@pytest.mark.parametrize(
    ("address", "n_queries"),
    # 3: the token with its user, the permissions of the user, those of groups.
    [("customers/", 3 + 3), ("campaigns/", 3 + 4), ("decisions/", 3 + 2), ("runs/", 3 + 2)],
)
def test_a_page_of_a_hundred_takes_as_many_queries_as_a_page_of_one(viewer, address, n_queries):
    make_plan()
    make_customers(100)
    for _ in range(100):
        make_action(make_campaign(rank=1))
    decide_day()

    counts = []
    for size in (1, 100):
        with CaptureQueriesContext(connection) as queries:
            rows = get(viewer, address, page_size=size)["results"]
        assert len(rows) == (1 if address == "runs/" else size)
        counts.append(len(queries))

    assert counts == [n_queries, n_queries]


def test_a_page_of_decisions_walks_the_index_of_its_run(viewer, run):
    """Among 20,000 decisions of 40 days nothing is sorted and one partition opened."""
    ensure_partitions("journeys_decision", DAY, DAY + timedelta(days=40))
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO journeys_decision
                (as_of, run_id, customer_id, arm, layer, is_control, assignment_prob,
                 value_now_cents, value_later_cents, slot_cost_cents, cost_cents, verdicts)
            SELECT %(day)s::date + n, %(run)s + n, 1000000 + c, 'optimised', 'auto', false, 1,
                   0, 0, 0, 0, '{}'
            FROM generate_series(1, 40) n, generate_series(1, 500) c
            """,
            {"day": DAY, "run": run.pk},
        )
        cursor.execute("ANALYZE journeys_decision, segments_customer")
    with CaptureQueriesContext(connection) as queries:
        get(viewer, "decisions/", as_of="2026-03-01", page_size=5)
    (page,) = [q["sql"] for q in queries if 'FROM "journeys_decision"' in q["sql"]]

    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN {page}")
        plan = "\n".join(line for (line,) in cursor.fetchall())

    assert "journeys_decision_2026_03" in plan
    assert "journeys_decision_2026_04" not in plan
    assert "Index Scan using journeys_decision_2026_03_run_id_customer_id" in plan, plan
    assert "Seq Scan on journeys_decision" not in plan, plan


def test_reports_say_what_the_services_say(viewer, measured, campaign):
    uplift = get(viewer, "reports/uplift/", campaign=campaign.pk, level="campaign")

    (total,) = uplift["rows"]
    assert (total["n_test"], total["n_control"]) == (100, 100)
    assert (total["test_rate"], total["control_rate"]) == (0.3, 0.15)
    assert total["uplift_rate"] == pytest.approx(0.15)
    # Newcombe's method 10 by hand from the Wilson intervals of 30/100 and 15/100:
    # (0.2189, 0.3958) and (0.0931, 0.2328).
    assert total["uplift_rate_low"] == pytest.approx(0.15 - math.hypot(0.0811, 0.0828), abs=2e-4)
    assert total["uplift_rate_high"] == pytest.approx(0.15 + math.hypot(0.0958, 0.0569), abs=2e-4)
    assert total["action_id"] is None
    arms = get(viewer, "reports/arms/", as_of="2026-03-31")
    assert {group["arm"] for group in arms["arms"]} == {"holdout", "baseline", "optimised"}
    assert [c["explanation"] for c in arms["comparisons"] if c["value_cents"] is None] != []


def test_a_report_without_figures_says_so(viewer):
    for report in ("uplift", "arms"):
        answer = viewer.get(f"/api/v1/reports/{report}/")
        assert answer.status_code == 400
        assert answer.json() == {"as_of": ["There are no figures yet. Specify a day."]}
    answer = viewer.get("/api/v1/reports/arms/", {"as_of": "2026-03-01"})
    assert answer.status_code == 400
    assert list(answer.json()) == ["as_of"]


@pytest.mark.parametrize(
    ("address", "query", "field"),
    [
        ("customers/", "emial=a@example.com", "emial"),
        ("customers/", "email=", "email"),
        ("customers/", "email=a%00b", "email"),
        ("customers/", f"email={'x' * 255}", "email"),
        ("customers/", "email=a&email=b", "email"),
        ("customers/", "external_id=%00", "external_id"),
        ("customers/", "updated_since=2026-03-01", "updated_since"),
        ("customers/", "updated_since=2026-03-01T00:00:00", "updated_since"),
        ("customers/", "updated_since=2026-02-31T00:00:00Z", "updated_since"),
        ("customers/", "updated_since=0001-01-01T00:00:00%2B14:00", "updated_since"),
        ("customers/", "updated_since=9999-12-31T23:59:59-14:00", "updated_since"),
        ("customers/", "page_size=0", "page_size"),
        ("customers/", "page_size=1001", "page_size"),
        ("customers/", f"page_size={'9' * 400}", "page_size"),
        ("customers/", "cursor=", "cursor"),
        ("customers/", "cursor=bm9wZQ==", "cursor"),  # nope
        ("customers/", "cursor=OTk5OTk5OTk5OTk5OTk5OTk5OTk=", "cursor"),  # 20 nines
        ("customers/", "cursor=%F0%9F%92%A9", "cursor"),
        ("customers/", "format=xml", "format"),
        ("customers/C1/", "email=a", "email"),
        ("campaigns/", "status=active", "status"),
        ("decisions/", "as_of=2026-02-31", "as_of"),
        ("decisions/", "as_of=20260301", "as_of"),
        ("decisions/", "as_of=0001-01-01", "as_of"),
        ("decisions/", "as_of=9999-12-31", "as_of"),
        ("decisions/", "as_of=2025-01-01", "as_of"),
        ("decisions/", "campaign=0", "campaign"),
        ("decisions/", "campaign=one", "campaign"),
        ("decisions/", "campaign=999999", "campaign"),
        ("decisions/", "campaign=9223372036854775808", "campaign"),
        ("decisions/", "customer=nobody", "customer"),
        ("decisions/", "customer=%00", "customer"),
        ("decisions/", "cursor=MjAyNi0wMy0wMQ==", "cursor"),  # of another list: a day
        ("deliveries/", "reason=nonsense", "reason"),
        ("deliveries/", "reason=5", "reason"),
        ("deliveries/", "status=lost", "status"),
        ("deliveries/", "customer=nobody", "customer"),
        ("runs/", "cursor=MTI=", "cursor"),  # 12
        ("runs/", "cursor=OTk5OS0xMi0zMQ==", "cursor"),  # 9999-12-31
        ("reports/uplift/", "as_of=2026-03-01&since=2026-03-02", "since"),
        ("reports/uplift/", "as_of=2026-03-09&since=2026-03-02&until=2026-03-01", "until"),
        ("reports/uplift/", "as_of=2026-03-01&level=customer", "level"),
        ("reports/uplift/", "as_of=2026-03-01&campaign=999999", "campaign"),
        ("reports/arms/", "as_of=2019-03-01", "as_of"),
        ("reports/arms/", "as_of=2026-03-01&until=2026-03-02", "until"),
    ],
)
def test_a_wrong_question_is_refused_by_name(viewer, address, query, field):
    answer = viewer.get(f"/api/v1/{address}?{query}")

    assert answer.status_code == 400, answer.content
    assert list(answer.json()) == [field]
    assert all(isinstance(sentence, str) and sentence for sentence in answer.json()[field])


def test_what_is_not_there_is_not_found(viewer, run):
    for address in (
        "customers/nobody/",
        "customers/%00/",
        "customers/%FF/",
        f"customers/{'x' * 101}/",
        "campaigns/999999/",
        "campaigns/999999999999999999/",
        "campaigns/one/",
        "decisions/2026-02-31/K-1/",
        "decisions/2026-03-01/nobody/",
        "decisions/2026-03-01/%00/",
        "decisions/2025-03-01/K-1/",
        "runs/2026-02-31/",
        "runs/0000-00-00/",
        "runs/2025-03-01/",
    ):
        assert viewer.get(f"/api/v1/{address}").status_code == 404, address
