"""Addresses that several customers have: they share withdrawals and one message a day."""

from collections.abc import Iterable
from urllib.parse import urlencode

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from optiengine.lib.admin import ReadOnlyAdmin
from segments.models import Customer, CustomerMerge, SharedAddress
from segments.models.customer import KEY_COLUMNS
from segments.models.shared_address import MOST_SHARING


@admin.register(SharedAddress)
class SharedAddressAdmin(ReadOnlyAdmin):
    list_display = [
        "key",
        "address_field",
        "n_customers",
        "is_placeholder",
        "customers",
        "since",
        "merge",
    ]
    list_display_links = None
    list_filter = ["address_field", "is_placeholder"]
    search_fields = ["key__exact"]
    search_help_text = gettext_lazy("The complete address, as it is compared.")
    ordering = ["-n_customers", "pk"]
    empty_text = gettext_lazy(
        "No address is shared by several customers. The list is updated before each run."
    )
    sortable_by: list[str] = []

    def has_view_permission(self, request: HttpRequest, obj: SharedAddress | None = None) -> bool:
        """It shows addresses: only to those who may see customers."""
        return super().has_view_permission(request, obj) and request.user.has_perm(
            "segments.view_customer"
        )

    @admin.display(description=gettext_lazy("Customers with the address"))
    def customers(self, shared: SharedAddress) -> SafeString | str:
        """Links to them by ID, with names; of a placeholder to none: it may have a million."""
        if shared.is_placeholder:
            return "–"
        pages = (
            (reverse("admin:segments_customer_change", args=[pk]), external_id, _in_brackets(names))
            for pk, external_id, *names in self._customers_of(shared)
        )
        return format_html_join(", ", '<a href="{}">{}</a>{}', pages)

    @admin.display(description="")
    def merge(self, shared: SharedAddress) -> SafeString | str:
        """To the page where records of one person are merged; of a placeholder to none."""
        if shared.is_placeholder:
            return ""
        query = urlencode({"customer": [pk for pk, *_names in self._customers_of(shared)]}, True)
        page = reverse("admin:segments_customermerge_merge")
        return format_html('<a href="{}?{}">{}</a>', page, query, _("Merge…"))

    @staticmethod
    def _customers_of(shared: SharedAddress) -> QuerySet:
        """Of records that are one person, the kept one, whichever of them has the address."""
        has_it = {KEY_COLUMNS[shared.address_field]: shared.key, "erased_at": None}
        records = Customer.objects.filter(**has_it)
        merges = CustomerMerge.objects.filter(undone_mark=None)
        customers = records.exclude(pk__in=merges.values("alias")) | Customer.objects.filter(
            pk__in=merges.filter(alias__in=records).values("kept")
        )
        columns = ("pk", "external_id", "first_name", "last_name")
        return customers.order_by("pk").values_list(*columns)[:MOST_SHARING]


def _in_brackets(names: Iterable[str]) -> str:
    """A person's names after their ID; nothing where none is known."""
    name = " ".join(filter(None, names))
    return f" ({name})" if name else ""
