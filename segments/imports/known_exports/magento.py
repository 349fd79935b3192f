"""Exports of the lists of orders and customers in Magento 2 and Adobe Commerce."""

from segments.imports.known_exports.known_export import KnownExport
from segments.imports.known_exports.order_states import kinds
from segments.imports.values.headings import CUSTOMER_EMAIL

# In English, German, French, Spanish, Portuguese, Italian and Dutch.
STATUS = ("Status", "Statut", "Estado", "Stato")
PURCHASE_DATE = (
    *("Purchase Date", "Kaufdatum", "Bestelldatum", "Date d'achat", "Date de l'achat"),
    *("Fecha de compra", "Data da compra", "Data di acquisto", "Aankoopdatum"),
)
GRAND_TOTAL = (
    *("Grand Total (Base)", "Gesamtsumme (Basis)", "Gesamtbetrag (Basis)", "Montant total (base)"),
    *("Total général (base)", "Total general (Base)", "Importe total (base)", "Total (Base)"),
    *("Totale complessivo (Base)", "Totaal (Basis)", "Eindtotaal (Basis)"),
)

ORDERS = KnownExport(
    name="Magento: orders",
    kind="events",
    headings=("ID", PURCHASE_DATE, GRAND_TOTAL, STATUS),
    mapping={
        "email": ("Customer Email", *CUSTOMER_EMAIL),
        "external_id": "ID",
        "kind": STATUS,
        "occurred_at": PURCHASE_DATE,
        "amount": GRAND_TOTAL,
        "refunded": (
            *("Total Refunded", "Gesamtbetrag erstattet", "Gesamterstattung", "Total remboursé"),
            *("Total reembolsado", "Totale rimborsato", "Totaal terugbetaald"),
        ),
    },
    options={
        "order_states": True,
        "kinds": kinds(
            paid=("complete", "processing"),
            pending=("pending", "pending payment", "on hold", "payment review", "suspected fraud"),
            cancelled=("canceled", "cancelled"),
            refunded=("closed",),
        ),
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
