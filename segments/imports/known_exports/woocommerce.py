"""WooCommerce's orders and customers, as its own pages and its usual export plug-ins write them.

A guest's order has the customer 0 and is known by its e-mail address.
"""

from segments.imports.known_exports.known_export import KnownExport
from segments.imports.known_exports.order_states import kinds

STATES = kinds(
    paid=("completed", "processing", "wc-completed", "wc-processing"),
    pending=("pending", "pending payment", "on-hold", "on hold", "wc-pending", "wc-on-hold"),
    cancelled=("cancelled", "canceled", "failed", "wc-cancelled", "wc-failed"),
    refunded=("refunded", "wc-refunded"),
)
DRAFTS = ("draft", "checkout-draft", "auto-draft", "trash", "wc-trash", "wc-checkout-draft")
STATUS = ("status", "order_status", "Order Status")

ORDERS = KnownExport(
    name="WooCommerce: orders",
    kind="events",
    headings=(
        ("order_id", "order_number", "Order ID", "Order Number"),
        STATUS,
        ("order_total", "Order Total Amount", "Order Total"),
        (
            *("customer_id", "customer_email", "customer_user", "Customer User ID"),
            *("billing_email", "Email (Billing)", "Billing Email Address", "Billing Email"),
        ),
        ("order_date", "Order Date", "date_created"),
    ),
    mapping={
        "customer": ("customer_id", "customer_user", "Customer User ID"),
        "email": (
            *("customer_email", "billing_email", "Email (Billing)", "Billing Email"),
            "Billing Email Address",
        ),
        "phone": ("billing_phone", "Phone (Billing)", "Billing Phone"),
        "external_id": ("order_id", "order_number", "Order ID", "Order Number"),
        "kind": STATUS,
        "occurred_at": ("order_date", "Order Date", "date_created"),
        "amount": ("order_total", "Order Total Amount", "Order Total"),
        "refunded": ("refunded_total", "Order Refund Amount", "Refunded Total"),
        "currency": ("order_currency", "Order Currency", "currency"),
    },
    options={
        # Of an order with several items some plug-ins fill in only the first row.
        "leave_out": dict.fromkeys(STATUS, (*DRAFTS, "")),
        "kinds": STATES,
        "order_states": True,
        "line_items": True,
    },
    source="woocommerce",
)
CUSTOMERS = KnownExport(
    name="WooCommerce: customers",
    kind="customers",
    headings=(
        ("Email", "user_email"),
        ("Username", "user_login"),
        ("Sign up", "Date registered", "user_registered"),
        ("Total spend", "Total spent", "billing_first_name"),
    ),
    mapping={
        "external_id": ("ID", "customer_id", "user_id", "Email", "user_email"),
        "email": ("Email", "user_email", "billing_email"),
        "phone": ("billing_phone", "Phone"),
        "first_name": ("first_name", "billing_first_name"),
        "last_name": ("last_name", "billing_last_name"),
        "country": ("Country / Region", "Country", "billing_country"),
        "registered_on": ("Sign up", "Date registered", "user_registered"),
    },
)
