"""What columns are called: in English by our fields, in other large languages here.

Only words that say one thing: "Nome" and "Nombre" may be a first or a whole name.
"""

import re
import unicodedata
from functools import lru_cache

from segments.channels import CHANNELS


@lru_cache(maxsize=8192)
def normal(heading: str) -> str:
    """A heading without what people vary: case, accents, spaces, underscores, punctuation."""
    bare = unicodedata.normalize("NFKD", heading.casefold())
    bare = "".join(c for c in bare if not "\u0300" <= c <= "\u036f")
    return re.sub(r"[\W_]+", "", unicodedata.normalize("NFC", bare))


def _normal(*headings: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(normal(heading) for heading in headings))


CUSTOMER_ID = _normal(
    *("Kundennummer", "Kunden-Nr.", "Kunden-ID", "KundenNr", "N° client", "Numéro client"),
    *("Numéro de client", "ID client", "Code client", "ID cliente", "Nº cliente", "N.º cliente"),
    *("Número de cliente", "Código cliente", "Código de cliente", "Codice cliente"),
    *("Numero cliente", "Klantnummer", "Klant-ID", "Numer klienta", "ID klienta", "Kundnummer"),
)
EMAIL = _normal(
    *("E-Mail-Adresse", "Mailadresse", "Adresse e-mail", "Adresse mail", "Adresse électronique"),
    *("Courriel", "Correo", "Correo electrónico", "Dirección de correo electrónico"),
    *("Dirección de correo", "Endereço de e-mail", "Endereço de correio eletrónico"),
    *("Indirizzo e-mail", "Indirizzo email", "E-mailadres", "Adres e-mail", "E-postadress"),
)
# Of a consent to a channel, with the channel's word in the place of {}, and of an opt-out from it.
CONSENT_WORDS = (
    *("{} consent", "{} opt-in", "opt-in {}", "opted in {}", "{} subscribed", "{} allowed"),
    *("{} marketing consent", "accepts {} marketing", "accepts {}", "{} permission", "consent {}"),
    *("{}-Einwilligung", "Einwilligung {}", "{}-Zustimmung", "{}-Erlaubnis", "{} erlaubt"),
    *("Consentement {}", "Accord {}", "Consentimiento {}", "Consentimento {}", "Consenso {}"),
    *("Toestemming {}", "{}-toestemming", "Zgoda {}", "Zgoda na {}", "Samtycke {}", "Samtykke {}"),
)
OPT_OUT_WORDS = (
    *("{} opt-out", "opt-out {}", "opted out {}", "{} opted out", "{} unsubscribed"),
    *("unsubscribed {}", "{} unsubscribed at", "no {}", "do not {}", "{}-Widerspruch"),
    *("{}-Abmeldung", "{} abgemeldet", "Désinscription {}", "Désinscrit {}", "Baja {}"),
    *("Disiscrizione {}", "Descadastro {}", "Afgemeld {}", "{}-sperre", "{} gesperrt"),
)
CONSENTS = {  # headings that say by themselves what the consent is for
    "email": (
        *("Newsletter", "Newsletter abonniert", "Newsletter-Anmeldung", "Newsletter subscription"),
        *("Subscribed to newsletter", "Abonné newsletter", "Inscrit à la newsletter"),
        *("Suscrito al boletín", "Inscrito na newsletter", "Iscritto alla newsletter"),
    ),
}
OPT_OUTS = {
    "email": (
        *("Unsubscribed", "Unsubscribed at", "Unsubscribed on", "Unsubscribe date", "Abgemeldet"),
        *("Abgemeldet am", "Abmeldedatum", "Désinscrit", "Désabonné", "Date de désinscription"),
        *("Fecha de baja", "Descadastrado em"),
        *("Data de descadastro", "Disiscritto", "Data disiscrizione", "Afgemeld", "Afgemeld op"),
        *("Uitgeschreven", "Wypisany", "Data wypisania"),
    ),
}
OPT_OUT_OF_ALL = (  # of every channel
    *("Do not contact", "Opt-out", "Opted out", "Opt-out date", "Marketing opt-out"),
    *("Unsubscribed from all", "Werbesperre", "Werbewiderspruch", "Kontaktsperre", "Widerruf"),
    *("Widerrufen am", "Ne pas contacter", "No contactar", "Não contactar", "Não contatar"),
    *("Non contattare", "Niet benaderen"),
)


def consent_headings(channel: str) -> tuple[str, ...]:
    said = [form.format(word) for word in _spoken(channel) for form in CONSENT_WORDS]
    return _normal(*said, *CONSENTS.get(channel, ()))


def opt_out_headings(channel: str) -> tuple[str, ...]:
    said = [form.format(word) for word in _spoken(channel) for form in OPT_OUT_WORDS]
    return _normal(*said, *OPT_OUTS.get(channel, ()), *OPT_OUT_OF_ALL)


def _spoken(channel: str) -> tuple[str, ...]:
    return CHANNELS[channel].spoken or (channel,)


CUSTOMER_EMAIL = _normal(
    *("Kunden-E-Mail", "E-Mail des Kunden", "E-mail du client", "E-mail client", "Email cliente"),
    *("E-mail do cliente", "Email del cliente", "Correo electrónico del cliente"),
    *("E-mail van klant", "E-mail klienta"),
)
PHONE = _normal(
    *("Telefon", "Telefonnummer", "Handy", "Handynummer", "Mobilnummer", "Mobiltelefon"),
    *("Téléphone", "Téléphone portable", "Téléphone mobile", "Numéro de téléphone", "Teléfono"),
    *("Teléfono móvil", "Número de teléfono", "Telefone", "Telemóvel", "Celular"),
    *("Número de telefone", "Telefono", "Cellulare", "Numero di telefono", "Telefoon"),
    *("Telefoonnummer", "Numer telefonu"),
)
FIRST_NAME = _normal("Vorname", "Prénom", "Primeiro nome", "Nome próprio", "Voornaam", "Imię")
LAST_NAME = _normal(
    *("Nachname", "Familienname", "Nom", "Nom de famille", "Apellido", "Apellidos", "Apelido"),
    *("Sobrenome", "Cognome", "Achternaam", "Nazwisko", "Efternamn"),
)
COUNTRY = _normal("Land", "Pays", "País", "Paese", "Kraj", "Ländercode", "Code pays")
LANGUAGE = _normal("Sprache", "Langue", "Idioma", "Lingua", "Taal", "Język")
BIRTH_DATE = _normal(
    *("Geburtsdatum", "Geburtstag", "Date de naissance", "Anniversaire", "Fecha de nacimiento"),
    *("Cumpleaños", "Data de nascimento", "Aniversário", "Data di nascita", "Geboortedatum"),
    *("Data urodzenia",),
)
REGISTERED_ON = _normal(
    *("Registriert am", "Registrierungsdatum", "Anmeldedatum", "Date d'inscription"),
    *("Inscription", "Fecha de registro", "Data de registo", "Data de cadastro"),
    *("Data di registrazione", "Registratiedatum", "Data rejestracji"),
)
MOMENT = _normal(
    *("Datum", "Bestelldatum", "Kaufdatum", "Date de commande", "Date commande", "Date d'achat"),
    *("Fecha", "Fecha de pedido", "Fecha del pedido", "Fecha de compra", "Data do pedido"),
    *("Data da encomenda", "Data da compra", "Data ordine", "Data dell'ordine"),
    *("Data di acquisto", "Besteldatum", "Data zamówienia"),
)
AMOUNT = _normal(
    *("Betrag", "Gesamtbetrag", "Gesamtsumme", "Bestellwert", "Montant", "Montant total"),
    *("Importe", "Importe total", "Montante", "Valor total", "Importo", "Totale", "Bedrag"),
    *("Totaalbedrag", "Kwota"),
)
CURRENCY = _normal("Währung", "Devise", "Monnaie", "Moneda", "Moeda", "Valuta", "Waluta", "Divisa")
