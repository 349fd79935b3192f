"""PrestaShop's list of customers, and its orders as the SQL manager exports them.

The list of orders names its customers only as J. DOE, which identifies nobody: the table of orders
(ps_orders), exported under Advanced Parameters → Database → SQL Manager, has their ids.
"""

from segments.imports.known_exports.known_export import KnownExport
from segments.imports.known_exports.order_states import kinds

# In English, French, Spanish, Portuguese, Italian, German, Dutch and Polish.
LAST_NAME = (
    *("Last name", "Nom", "Apellidos", "Apelidos", "Sobrenome", "Cognome", "Nachname"),
    *("Achternaam", "Nazwisko"),
)
FIRST_NAME = ("First name", "Prénom", "Nombre", "Nome", "Vorname", "Voornaam", "Imię")
EMAIL = (
    *("Email address", "Adresse e-mail", "Dirección de correo electrónico", "E-mailadres"),
    *("Endereço de e-mail", "Indirizzo email", "E-Mail-Adresse", "Adres e-mail"),
)
REGISTRATION = (
    *("Registration", "Inscription", "Registro", "Registo", "Registrazione", "Registrierung"),
    *("Registratie", "Rejestracja"),
)

CUSTOMERS = KnownExport(
    name="PrestaShop: customers",
    kind="customers",
    headings=("ID", LAST_NAME, FIRST_NAME, EMAIL, REGISTRATION),
    mapping={
        "external_id": "ID",
        "email": EMAIL,
        "first_name": FIRST_NAME,
        "last_name": LAST_NAME,
        "registered_on": REGISTRATION,
        "consent_email": (
            *("Newsletter", "News.", "Lettre d'information", "Boletín", "Boletín de noticias"),
            *("Boletim informativo", "Nieuwsbrief", "Biuletyn"),
        ),
    },
)
CUSTOMER_TABLE = KnownExport(
    name="PrestaShop: customers (SQL manager)",
    kind="customers",
    headings=("id_customer", "email", "firstname", "lastname", ("newsletter", "optin")),
    mapping={
        "external_id": "id_customer",
        "email": "email",
        "first_name": "firstname",
        "last_name": "lastname",
        "birth_date": "birthday",
        "registered_on": "date_add",
        "consent_email": "newsletter",
    },
    options={"leave_out": {"deleted": ("1",)}},
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
        "order_states": True,
        # The states that every shop begins with.
        "kinds": kinds(
            paid=("2", "3", "4", "5", "9", "11"),
            pending=("1", "10", "12", "13", "14"),
            cancelled=("6", "8"),
            refunded=("7",),
        ),
    },
    source="prestashop",
)
