"""The report pages: who may see them, what they say, what they cost."""

import csv
from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission, User
from django.urls import reverse

from campaigns.models import Arm, ArmPlan
from segments.models import MicroSegment, Organisation
from tests.factories import DAY, make_action, make_campaign
from tests.reports.ledger import LATER, make_contacts, make_customers, make_members, make_orders

pytestmark = pytest.mark.django_db
UPLIFT = "admin:reports_uplift_changelist"
ARMS = "admin:reports_armworth_changelist"


def make_experiment(name="Spring", **fields):
    action = make_action(make_campaign(name=name), name="mail")
    make_contacts(action, 200, n_responders=120, **fields)
    make_contacts(action, 200, n_responders=50, is_control=True, **fields)
    return action


def make_arms():
    plan = ArmPlan.objects.create(starts_on=DAY, holdout_share=0.4, baseline_share=0.2)
    for arm, n in ((Arm.OPTIMISED, 80), (Arm.BASELINE, 40), (Arm.HOLDOUT, 80)):
        customers = make_customers(n)
        make_members(plan, arm, customers)
        for day in range(4):
            make_orders(customers[: n // 2 - 5 * day], 1_000, DAY + timedelta(days=day))


def lines_of(response):
    return list(csv.DictReader(response.content.decode().splitlines()))


@pytest.mark.parametrize("name", [UPLIFT, ARMS])
def test_only_who_may_view_a_report_sees_it_and_its_file(client, name):
    make_arms()
    user = User.objects.create_user("crm", is_staff=True)
    client.force_login(user)
    pages = [reverse(name), reverse(name.replace("changelist", "export"))]
    assert [client.get(page).status_code for page in pages] == [403, 403]

    codename = "view_uplift" if name == UPLIFT else "view_armworth"
    user.user_permissions.add(Permission.objects.get(codename=codename))

    assert [client.get(page).status_code for page in pages] == [200, 200]


def test_the_uplift_page_shows_rates_interval_and_chart(admin_client):
    make_experiment()

    page = admin_client.get(reverse(UPLIFT)).content.decode()

    assert "+35.00" in page  # 60 % against 25 %, in points
    assert "60.00 %" in page
    assert 'class="good"' in page
    assert "▲" in page


def test_money_is_shown_in_the_currencys_unit(admin_client):
    make_experiment()

    page = admin_client.get(reverse(UPLIFT), {"measure": "value"}).content.decode()

    assert "+3.50" in page  # 350 cents per contact
    assert "+700.00" in page  # over 200 contacts


def test_one_campaign_is_broken_down_to_its_micro_segments(admin_client):
    segment = MicroSegment.objects.create(stage="active", name="shoes", created_on=DAY)
    action = make_experiment(micro_segment=segment)

    everything = admin_client.get(reverse(UPLIFT)).content.decode()
    campaign_page = admin_client.get(
        reverse(UPLIFT), {"campaign": action.campaign_id}
    ).content.decode()

    assert "active: shoes" not in everything
    assert "active: shoes" in campaign_page


def test_a_broken_split_takes_the_headlines_place(admin_client):
    action = make_action(make_campaign(name="Odd"))
    make_contacts(action, 300, n_responders=150)
    make_contacts(action, 150, n_responders=20, is_control=True)

    page = admin_client.get(reverse(UPLIFT)).content.decode()

    assert "the split is broken" in page
    assert "+36.67" not in page


def test_not_enough_data_is_said_in_words(admin_client):
    make_contacts(make_action(), 3, n_responders=1)

    page = admin_client.get(reverse(UPLIFT)).content.decode()

    assert "Not enough data: 0 comparable test messages of 50." in page


def test_contacts_that_were_not_randomised_stand_apart(admin_client):
    make_contacts(make_action(), 60, n_responders=30, assignment_prob=None, control_share=None)

    page = admin_client.get(reverse(UPLIFT)).content.decode()

    assert "There are no randomised messages in this period." in page
    assert (
        "Messages of other systems with unknown assignment. Customers who got them "
        "may differ in other ways, so no effect is shown."
    ) in page


@pytest.mark.parametrize("name", [UPLIFT, ARMS])
def test_every_report_page_opens_on_an_empty_database(admin_client, name):
    response = admin_client.get(reverse(name))

    assert response.status_code == 200


@pytest.mark.parametrize("name", [UPLIFT, ARMS])
def test_nonsense_is_answered_by_a_sentence(admin_client, name):
    page = admin_client.get(reverse(name), {"since": "soon", "campaign": "x", "measure": "y"})
    file = admin_client.get(reverse(name.replace("changelist", "export")), {"since": "soon"})

    assert page.status_code == 200
    assert "Enter a valid date." in page.content.decode()
    assert file.status_code == 400
    assert "Enter a valid date." in file.content.decode()


def test_the_file_holds_numbers_and_no_formulas(admin_client):
    make_experiment(name="=HYPERLINK(1)")

    response = admin_client.get(reverse("admin:reports_uplift_export"))

    total = lines_of(response)[0]
    assert total["campaign"] == "'=HYPERLINK(1)"
    assert float(total["uplift_rate"]) == pytest.approx(0.35)
    assert total["n_test"] == "200"
    assert "attachment" in response["Content-Disposition"]


def test_names_are_text_in_the_page(admin_client):
    make_experiment(name="<script>alert(1)</script>")

    page = admin_client.get(reverse(UPLIFT)).content.decode()

    assert "<script>alert(1)" not in page


@pytest.mark.parametrize("n_campaigns", [1, 12])
def test_the_uplift_page_takes_nine_queries(admin_client, django_assert_num_queries, n_campaigns):
    for number in range(n_campaigns):
        make_contacts(make_action(make_campaign(name=f"C{number}")), 2)

    # Session, user; newest state and outcome; choices; merges; cells, campaigns, actions.
    with django_assert_num_queries(9):
        admin_client.get(reverse(UPLIFT))


def test_the_arms_page_shows_bars_course_and_total(admin_client):
    make_arms()

    page = admin_client.get(reverse(ARMS), {"as_of": DAY + timedelta(days=10)}).content.decode()

    assert page.count('class="bar"') == 3
    assert "<polyline" in page
    # By hand: optimised 40+35+30+25 orders of 10.00 over 80; baseline 20+15+10+5 over 40.
    assert "16.25" in page
    assert "12.50" in page
    assert "for 80 customers" in page


def test_the_arms_page_takes_as_many_queries_for_any_number_of_customers(
    admin_client, django_assert_num_queries
):
    Organisation.current()
    make_arms()

    # Session, user; plan, organisation; merges; members, days.
    with django_assert_num_queries(7):
        admin_client.get(reverse(ARMS), {"as_of": DAY + timedelta(days=10)})


def test_the_arms_file_lists_arms_and_differences(admin_client):
    make_arms()

    response = admin_client.get(
        reverse("admin:reports_armworth_export"), {"as_of": DAY + timedelta(days=10)}
    )

    lines = lines_of(response)
    assert [line["arm"] for line in lines[:3]] == ["holdout", "baseline", "optimised"]
    assert [line["against"] for line in lines[3:]] == ["holdout", "holdout", "baseline"]
    assert float(lines[2]["value_cents"]) == 1625


def test_reports_default_to_the_newest_day_with_figures(admin_client):
    make_experiment()

    response = admin_client.get(reverse(UPLIFT))

    assert response.context["report"].as_of == LATER
