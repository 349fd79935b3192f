"""The UK Online Retail data, in both of its editions: a row for each line of an invoice.

An invoice whose number begins with C is a return. Lines without a customer name
nobody and are rejected.
"""

from segments.imports.known_exports.known_export import KnownExport

LINES = KnownExport(
    name="Online Retail: lines of invoices",
    kind="events",
    headings=(
        ("InvoiceNo", "Invoice"),
        "StockCode",
        "Quantity",
        "InvoiceDate",
        ("UnitPrice", "Price"),
        ("CustomerID", "Customer ID"),
    ),
    mapping={
        "customer": ("CustomerID", "Customer ID"),
        "occurred_at": "InvoiceDate",
        "amount": ("Quantity*UnitPrice", "Quantity*Price"),
    },
    options={
        "return_column": ("InvoiceNo", "Invoice"),
        "return_prefix": "C",
    },
    source="online retail",
)
