"""PrestaShop's list of customers, and its orders as the SQL manager exports them.

The list of orders names its customers only as J. DOE, which identifies nobody: the table of orders
(ps_orders), exported under Advanced Parameters → Database → SQL Manager, has their ids.
"""

from segments.imports.known_exports.known_export import KnownExport
from segments.imports.known_exports.order_states import kinds

CUSTOMERS = KnownExport(
    name="PrestaShop: customers",
    kind="customers",
    headings=(
        "ID",
        ("Title", "Social title"),
        "Last name",
        "First name",
        "Email address",
        "Registration",
    ),
    mapping={
        "external_id": "ID",
        "email": "Email address",
        "first_name": "First name",
        "last_name": "Last name",
        "registered_on": "Registration",
        "consent_email": ("Newsletter", "News."),
    },
)
ORDERS = KnownExport(
    name="PrestaShop: orders (SQL manager)",
    kind="events",
    headings=("id_order", "id_customer", "current_state", "total_paid", "date_add"),
    mapping={
        "customer": "id_customer",
        "external_id": "id_order",
        "kind": "current_state",
        "occurred_at": "date_add",
        "amount": ("total_paid_tax_incl", "total_paid"),
    },
    options={
        # The states that every shop begins with.
        "kinds": kinds(
            paid=("2", "3", "4", "5", "9", "11"),
            pending=("1", "10", "12", "13", "14"),
            cancelled=("6", "8"),
            refunded=("7",),
        )
    },
    source="prestashop",
)
