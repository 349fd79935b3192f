"""HubSpot's export of contacts.

It says who opted out, which is a no; that nobody opted out is no consent. Contacts with a legal
basis for marketing have it as a property of its own, which a person maps.
"""

from segments.imports.known_exports.known_export import KnownExport
from segments.imports.values import headings

# In English, German, French, Spanish, Portuguese, Italian and Dutch.
RECORD = (
    *("Record ID", "Contact ID", "Datensatz-ID", "ID d'enregistrement", "ID de registro"),
    *("ID do registro", "ID record"),
)
EMAIL = ("Email", "Correo")
CREATED = (
    *("Create Date", "Erstelldatum", "Erstellungsdatum", "Date de création"),
    *("Fecha de creación", "Data de criação", "Data di creazione", "Aanmaakdatum"),
)
OWNER = (
    *("Zuständiger Mitarbeiter", "Propriétaire du contact", "Propietario del contacto"),
    *("Proprietário do contato", "Proprietario del contatto"),
)
OPTED_OUT = (
    *("Unsubscribed from all email", "Opted out of all email"),
    *("Opted out of email: Marketing Information", "Von allen E-Mails abgemeldet"),
    *("Désinscrit de tous les e-mails", "Ha cancelado la suscripción a todos los correos"),
    *("Cancelou a inscrição em todos os e-mails", "Iscrizione annullata a tutte le e-mail"),
)

CONTACTS = KnownExport(
    name="HubSpot: contacts",
    kind="customers",
    headings=(
        RECORD,
        EMAIL,
        ("Lifecycle Stage", "Contact owner", *CREATED, *OWNER),
        (*OPTED_OUT, "Last Activity Date", *CREATED),
    ),
    mapping={
        "external_id": RECORD,
        "email": EMAIL,
        "phone": ("Mobile Phone Number", "Phone Number", *headings.PHONE),
        "first_name": ("First Name", "Nombre", "Nome", *headings.FIRST_NAME),
        "last_name": ("Last Name", *headings.LAST_NAME),
        "country": ("Country/Region", "Country", "Land/Region", "País/región", "Pays/région"),
        "language": ("Preferred language", "Bevorzugte Sprache", "Langue préférée"),
        "time_zone": "Time Zone",
        "birth_date": ("Date of birth", *headings.BIRTH_DATE),
        "registered_on": CREATED,
        "opt_out_email": OPTED_OUT,
    },
)
