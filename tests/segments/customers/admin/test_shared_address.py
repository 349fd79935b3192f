"""The page of shared addresses names who shares what, to those who may see customers."""

import pytest
from django.contrib.auth.models import Permission, User

from segments.customers.shared_addresses import refresh_shared_addresses
from tests.factories import NOW, make_customer

pytestmark = pytest.mark.django_db
PAGE = "/admin/segments/sharedaddress/"


def test_the_page_lists_who_shares_an_address(admin_client):
    for external_id, email in (("K-1", "a@example.com"), ("K-2", "A@Example.com")):
        make_customer(external_id=external_id, email=email)
    for number in range(21):
        make_customer(external_id=f"N-{number}", email="none@example.com")
    refresh_shared_addresses(at=NOW)

    page = admin_client.get(PAGE).content.decode()

    assert "a@example.com" in page
    assert ">K-1</a>" in page
    assert ">K-2</a>" in page
    assert "none@example.com" in page
    assert "N-3" not in page


def test_customers_are_named_after_their_ids(admin_client):
    names = {"K-1": ("Anna", "<Nym>"), "K-2": ("", "Nym"), "K-3": ("", "")}
    for external_id, (first, last) in names.items():
        make_customer(
            external_id=external_id, email="a@example.com", first_name=first, last_name=last
        )
    refresh_shared_addresses(at=NOW)

    page = admin_client.get(PAGE).content.decode()

    assert ">K-1</a> (Anna &lt;Nym&gt;), " in page
    assert ">K-2</a> (Nym), " in page
    assert ">K-3</a></td>" in page


def test_it_is_closed_to_those_who_may_not_see_customers(client):
    user = User.objects.create_user("user", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename="view_sharedaddress"))
    client.force_login(user)
    assert client.get(PAGE).status_code == 403
