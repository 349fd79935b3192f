"""Exports of the lists of orders and customers in Magento 2 and Adobe Commerce."""

from segments.imports.known_exports.known_export import KnownExport
from segments.imports.known_exports.order_states import kinds

ORDERS = KnownExport(
    name="Magento: orders",
    kind="events",
    headings=("ID", "Purchase Date", "Bill-to Name", "Grand Total (Base)", "Status"),
    mapping={
        "email": "Customer Email",
        "external_id": "ID",
        "kind": "Status",
        "occurred_at": "Purchase Date",
        "amount": "Grand Total (Base)",
        "refunded": "Total Refunded",
    },
    options={
        "kinds": kinds(
            paid=("complete", "processing"),
            pending=("pending", "pending payment", "on hold", "payment review", "suspected fraud"),
            cancelled=("canceled", "cancelled"),
            refunded=("closed",),
        )
    },
    source="magento",
)
CUSTOMERS = KnownExport(
    name="Magento: customers",
    kind="customers",
    headings=("ID", "Name", "Email", "Group", "Customer Since"),
    mapping={
        "external_id": "ID",
        "email": "Email",
        "phone": "Phone",
        "first_name": "Billing Firstname",
        "last_name": "Billing Lastname",
        "country": "Country",
        "birth_date": "Date of Birth",
        "registered_on": "Customer Since",
    },
)
CUSTOMER_ENTITIES = KnownExport(
    name="Magento: customers (data transfer)",
    kind="customers",
    headings=("email", "_website", "_store", "firstname", "lastname"),
    mapping={
        "external_id": ("entity_id", "email"),
        "email": "email",
        "first_name": "firstname",
        "last_name": "lastname",
        "birth_date": "dob",
        "registered_on": "created_at",
    },
)
