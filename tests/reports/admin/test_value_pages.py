"""The pages of predicted value and of moves: who may see them, what they show, what they cost."""

import csv
from datetime import timedelta

import numpy as np
import pytest
from django.contrib.auth.models import Permission, User
from django.urls import reverse

from reports.admin.heat_map import CELL, HEAD, LABEL, heat_map
from reports.admin.pair_bars import pair_bars
from reports.numerics.intervals import UNKNOWN, Interval
from segments.models import Organisation
from segments.state.build_state import build_state
from tests.factories import make_customer
from tests.segments.stories import AS_OF, days_before, event, store

pytestmark = pytest.mark.django_db

BACKTEST = "admin:reports_clvbacktest_changelist"
MIGRATION = "admin:reports_segmentmigration_changelist"
PAGES = pytest.mark.parametrize("name", [BACKTEST, MIGRATION])


def make_history(n=70):
    """Buyers with up to six orders within half a year before AS_OF, and two built days."""
    store(
        *(
            event(
                customer,
                "order",
                days_before(1 + 29 * index + number % 23),
                amount_cents=1_000 + 137 * (number % 11) + 50 * index,
            )
            for number, customer in enumerate(make_customer() for _ in range(n))
            for index in range(number % 5, 6)
        )
    )
    for back in (28, 0):
        build_state(AS_OF - timedelta(days=back))


@PAGES
def test_only_who_may_view_a_page_sees_it_and_its_file(client, name):
    make_history()
    user = User.objects.create_user("crm", is_staff=True)
    client.force_login(user)
    pages = [reverse(name), reverse(name.replace("changelist", "export"))]
    assert [client.get(page).status_code for page in pages] == [403, 403]

    codename = f"view_{name.split('_')[1]}"
    user.user_permissions.add(Permission.objects.get(codename=codename))

    assert [client.get(page).status_code for page in pages] == [200, 200]


@PAGES
def test_an_empty_database_is_a_page_that_says_so(admin_client, name):
    page = admin_client.get(reverse(name))

    assert page.status_code == 200
    assert (
        "no events yet" in page.content.decode()
        or "There is no customer data yet, so there are no moves." in page.content.decode()
    )


@PAGES
def test_nonsense_is_answered_by_a_sentence(admin_client, name):
    page = admin_client.get(reverse(name), {"as_of": "soon", "period_days": "x"})
    file = admin_client.get(reverse(name.replace("changelist", "export")), {"as_of": "soon"})

    assert "Enter a valid date." in page.content.decode()
    assert file.status_code == 400


def test_the_backtest_shows_ten_groups_with_what_they_really_spent(admin_client):
    make_history()

    response = admin_client.get(reverse(BACKTEST), {"as_of": AS_OF - timedelta(days=60)})

    assert response.context["report"].until == AS_OF  # after the newest event, of the day before
    page = response.content.decode()
    assert page.count('class="bar soft"') == 10 + len(response.context["report"].frequencies)
    assert "Decile by predicted value" in page


def test_the_matrix_shows_shares_and_both_values(admin_client):
    make_history()

    response = admin_client.get(reverse(MIGRATION))

    report, page = response.context["report"], response.content.decode()
    assert [row.n_observed for row in report.rows if row.n_observed]
    assert page.count('class="cell"') == (report.chain.transition >= 0.0005).sum()
    assert page.count('class="model"') == sum(row.n_now > 0 for row in report.rows)
    file = admin_client.get(reverse("admin:reports_segmentmigration_export"))
    lines = list(csv.DictReader(file.content.decode().splitlines()))
    assert [int(line["n_now"]) for line in lines] == [row.n_now for row in report.rows]


@pytest.mark.parametrize("n", [20, 70])
def test_the_matrix_takes_eleven_queries_for_any_number_of_customers(
    admin_client, django_assert_num_queries, n
):
    Organisation.current()
    make_history(n)

    # Session, user; state, first move; organisation, customers; moves; merges; segments; states;
    # newest outcome.
    with django_assert_num_queries(11):
        admin_client.get(reverse(MIGRATION))


def test_bars_stand_on_zero_side_by_side():
    drawn = pair_bars([("1", 10.0, Interval(5.0, 2.0, 8.0)), ("2", 0.0, UNKNOWN)], height=254)

    first, second = drawn.pairs
    # The axis holds 10 and a twentieth of air over 200 pixels, from 210 up.
    assert first.predicted.height == pytest.approx(200 / 1.05, abs=0.1)
    assert first.actual.height == pytest.approx(100 / 1.05, abs=0.1)
    assert first.predicted.left + first.predicted.width == pytest.approx(first.actual.left, abs=0.2)
    assert (first.whisker is None, second.whisker is None) == (False, True)


def test_a_map_has_a_shade_for_each_share_and_a_line_between_groups():
    shares = np.array([[0.81, 0.18, 0.01], [0.0, 0.997, 0.003]])

    drawn = heat_map(["A", "B"], shares, [["x"] * 3] * 2, ["one", "two"], last_column="left")

    assert [(c.percent, c.opacity) for c in drawn.cells[:2]] == [(81, 0.9), (18, 0.424)]
    assert [c.percent for c in drawn.cells] == [81, 18, 1, 100, None]
    assert (drawn.cells[1].x, drawn.cells[1].y) == (LABEL + CELL, HEAD)
    assert drawn.borders == [CELL]
    assert [name for _, name in drawn.columns] == ["1", "2", "left"]
