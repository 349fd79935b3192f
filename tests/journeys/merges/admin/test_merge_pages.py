"""From a shared address to one person, and back: the pages, and who may use them."""

from datetime import timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.utils import timezone

from campaigns.models import Arm, ArmMembership
from segments.customers.shared_addresses import refresh_shared_addresses
from segments.models import CustomerMerge
from tests.factories import NOW, make_customer
from tests.journeys.engine import make_plan

pytestmark = pytest.mark.django_db
LIST = "/admin/segments/customermerge/"


@pytest.fixture
def records():
    return [
        make_customer(external_id=f"K-{n}", email=email, country=country)
        for n, (email, country) in enumerate(
            [("a@example.com", ""), ("A@example.com", "PT"), ("a@EXAMPLE.com", "")]
        )
    ]


def merge_page(records) -> str:
    return f"{LIST}merge/?" + "&".join(f"customer={row.pk}" for row in records)


def staff(client, *names: str):
    user = User.objects.create_user("user", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=names))
    client.force_login(user)
    return client


def test_a_shared_address_leads_to_one_person_and_back(admin_client, records):
    refresh_shared_addresses(at=NOW)
    shared = admin_client.get("/admin/segments/sharedaddress/").content.decode()
    assert merge_page(records).replace("&", "&amp;") in shared

    page = admin_client.get(merge_page(records)).content.decode()
    assert page.count('type="radio"') == 3
    assert "different groups" not in page

    kept, alias, left_alone = records
    answer = {"kept": kept.pk, "merge": [kept.pk, alias.pk]}
    response = admin_client.post(merge_page(records), answer, follow=True)
    assert "1 record is merged into K-0." in response.content.decode()
    assert "Merged into this record:" in response.content.decode()
    merge = CustomerMerge.objects.get()
    assert (merge.kept, merge.alias, merge.taken_over) == (kept, alias, ["country"])
    assert merge.merged_by.is_superuser
    alias_page = admin_client.get(f"/admin/segments/customer/{alias.pk}/change/").content.decode()
    assert "This record is merged into:" in alias_page

    detail = admin_client.get(f"{LIST}{merge.pk}/change/").content.decode()
    assert "Country" in detail
    admin_client.post(f"{LIST}{merge.pk}/undo/", {"_form_submitted": "True"})
    merge.refresh_from_db()
    assert merge.undone_at is not None
    assert LogEntry.objects.filter(object_id=merge.pk).count() == 2
    assert left_alone.external_id not in admin_client.get(LIST).content.decode()


def test_the_page_says_which_group_holds_where_they_differ(admin_client, records):
    plan = make_plan()
    for row, arm in zip(records, (Arm.HOLDOUT, Arm.OPTIMISED, Arm.OPTIMISED), strict=True):
        ArmMembership.objects.create(customer=row, plan=plan, arm=arm, since=NOW.date())
    page = admin_client.get(merge_page(records)).content.decode()
    assert "holds: global control group (K-0)" in page
    admin_client.post(merge_page(records), {"kept": records[1].pk, "merge": [records[0].pk]})
    detail = admin_client.get(f"{LIST}{CustomerMerge.objects.get().pk}/change/").content.decode()
    assert "Group from the next day on" in detail


@pytest.mark.parametrize("answer", [{}, {"kept": "0", "merge": ["1"]}, {"kept": "x"}])
def test_a_choice_is_needed(admin_client, records, answer):
    page = admin_client.post(merge_page(records), answer).content.decode()
    assert "Choose a record to keep and one to merge into it." in page
    assert not CustomerMerge.objects.exists()


def test_what_cannot_be_merged_is_said_and_nothing_is_done(admin_client, records):
    kept, alias, other = records
    admin_client.post(merge_page(records), {"kept": kept.pk, "merge": [alias.pk]})
    page = admin_client.post(
        merge_page(records), {"kept": other.pk, "merge": [kept.pk, alias.pk]}
    ).content.decode()
    assert "Other records are merged into K-0" in page or "already merged" in page
    assert CustomerMerge.objects.count() == 1


@pytest.mark.parametrize(
    "query", ["", "customer=1", "customer=x&customer=y", "customer=1&customer=9"]
)
def test_two_records_are_needed(admin_client, query):
    assert admin_client.get(f"{LIST}merge/?{query}").status_code == 404


def test_selected_customers_are_merged_from_their_list(admin_client, records):
    page = "/admin/segments/customer/"
    action = {"action": "merge_records", "_selected_action": [row.pk for row in records]}
    response = admin_client.post(page, action)
    assert response.url == merge_page(sorted(records, key=lambda row: row.pk))
    few = {"action": "merge_records", "_selected_action": [records[0].pk]}
    assert "Select 2 to 20 customers" in admin_client.post(page, few, follow=True).content.decode()


def test_only_who_may_merges_and_undoes(client, records):
    staff(client, "view_customer", "view_customermerge")
    assert client.get(merge_page(records)).status_code == 403
    assert client.post(merge_page(records), {"kept": records[0].pk}).status_code == 403
    merge = CustomerMerge.objects.create(
        kept=records[0], alias=records[1], mark=1, merged_at=timezone.now()
    )
    assert client.get(LIST).status_code == 200
    address = f"{LIST}{merge.pk}/undo/"
    assert client.post(address, {"_form_submitted": "True"}).status_code == 403
    merge.refresh_from_db()
    assert merge.undone_at is None


def test_the_list_is_closed_to_those_who_may_not_see_customers(client):
    assert staff(client, "view_customermerge", "merge_customers").get(LIST).status_code == 403


def test_an_old_merge_offers_no_undoing(admin_client, records):
    merge = CustomerMerge.objects.create(
        kept=records[0],
        alias=records[1],
        mark=1,
        merged_at=timezone.now() - timedelta(days=31),
    )
    assert "undo/" not in admin_client.get(f"{LIST}{merge.pk}/change/").content.decode()
    address = f"{LIST}{merge.pk}/undo/"
    assert admin_client.post(address, {"_form_submitted": "True"}).status_code == 403
