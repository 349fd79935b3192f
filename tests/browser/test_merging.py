"""Two records with one mailbox become one person, and two again, by clicking."""

from datetime import date

import pytest

from campaigns.models import Arm, ArmMembership
from segments.customers.shared_addresses import refresh_shared_addresses
from segments.models import Customer, CustomerMerge
from tests.factories import NOW, make_contact, make_customer
from tests.journeys.engine import make_order, make_plan

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.browser]


def test_a_shared_mailbox_is_merged_and_separated(page):
    plan = make_plan()
    for external_id, email, name, arm in (
        ("10023", "ana.costa@example.com", "Ana", Arm.HOLDOUT),
        ("C-778", "Ana.Costa@example.com", "Ana Maria", Arm.OPTIMISED),
    ):
        row = make_customer(external_id=external_id, email=email, first_name=name, country="")
        ArmMembership.objects.create(customer=row, plan=plan, arm=arm, since=date(2026, 1, 1))
        make_order(row, on=date(2026, 2, 3))
        make_contact(row)
    Customer.objects.filter(external_id="C-778").update(country="PT")
    refresh_shared_addresses(at=NOW)

    page.goto("/admin/segments/sharedaddress/")
    page.click("text=Merge…")
    page.wait_for_selector("text=Which record is kept?")
    assert "You can undo this until" in page.inner_text("body")
    page.click("#merge-form button")
    page.wait_for_selector("text=1 record is merged into 10023.")
    page.click("text=Records of this person >> xpath=../.. >> a")
    page.wait_for_selector("text=Left out of reports and learning")
    page.click("text=Undo")
    page.wait_for_selector("text=Undo this merge?")
    page.locator("button:has-text('Undo'):visible, input[value=Undo]:visible").last.click()
    page.wait_for_selector("text=Undone. They are separate customers again.")
    assert CustomerMerge.objects.get().undone_at is not None
