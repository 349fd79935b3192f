"""Shopify's exports of customers and orders.

Orders have a row for each line item. Only the first row of an order has its state and its total;
the others are left out. What was refunded of an order is taken off its total.
"""

from segments.imports.known_exports.known_export import KnownExport
from segments.imports.known_exports.order_states import kinds

CUSTOMERS = KnownExport(
    name="Shopify: customers",
    kind="customers",
    headings=(
        ("Customer ID", "Email"),
        ("Accepts Email Marketing", "Accepts Marketing"),
        ("Total Orders", "Orders Count"),
        "Total Spent",
    ),
    mapping={
        "external_id": ("Customer ID", "Email"),
        "email": "Email",
        "phone": ("Phone", "Default Address Phone"),
        "first_name": "First Name",
        "last_name": "Last Name",
        "country": ("Default Address Country Code", "Country Code", "Country"),
        "consent_email": ("Accepts Email Marketing", "Accepts Marketing"),
        "consent_sms": "Accepts SMS Marketing",
    },
)
ORDERS = KnownExport(
    name="Shopify: orders",
    kind="events",
    headings=("Name", "Email", "Financial Status", "Lineitem quantity", "Created at", "Total"),
    mapping={
        "email": "Email",
        "phone": "Phone",
        "external_id": "Name",
        "kind": "Financial Status",
        "occurred_at": "Created at",
        "amount": "Total",
        "refunded": "Refunded Amount",
        "currency": "Currency",
    },
    options={
        "leave_out": {"Financial Status": ("",)},
        "order_states": True,
        "line_items": True,  # tools that edit such files fill in every row
        "kinds": kinds(
            paid=("paid", "partially_paid", "partially_refunded"),
            pending=("pending", "authorized"),
            cancelled=("voided", "expired"),
            refunded=("refunded",),
        ),
    },
    source="shopify",
)
