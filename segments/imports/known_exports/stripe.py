"""Stripe's export of payments: times in UTC, what was refunded beside what was paid."""

from segments.imports.known_exports.known_export import KnownExport
from segments.imports.known_exports.order_states import kinds

PAYMENTS = KnownExport(
    name="Stripe: payments",
    kind="events",
    headings=(
        "id",
        ("Created (UTC)", "Created date (UTC)"),
        "Amount",
        "Amount Refunded",
        "Currency",
        "Status",
        ("Customer Email", "Customer ID"),
    ),
    mapping={
        "customer": "Customer ID",
        "email": "Customer Email",
        "external_id": "id",
        "kind": "Status",
        "occurred_at": ("Created (UTC)", "Created date (UTC)"),
        "amount": "Amount",
        "refunded": "Amount Refunded",
        "currency": "Currency",
    },
    options={
        # An authorisation that was not captured has moved no money.
        "leave_out": {"Mode": ("test",), "Captured": ("false",)},
        "order_states": True,
        "kinds": kinds(
            paid=("paid", "succeeded", "refunded", "partially refunded", "dispute won"),
            pending=(
                *("pending", "processing", "uncaptured", "requires_capture", "incomplete"),
                *("requires_action", "requires_payment_method", "requires_confirmation"),
            ),
            cancelled=(
                *("failed", "canceled", "cancelled", "blocked", "expired", "disputed"),
                *("dispute lost", "dispute needs response", "dispute under review"),
            ),
        ),
    },
    source="stripe",
)
