"""Files as widely used systems export them: own samples in their shape, with the right values."""

import itertools
import json
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from django.core.management import call_command

from segments.imports.known_exports.catalogue import KNOWN_EXPORTS, recognise
from segments.imports.known_exports.known_export import spellings
from segments.imports.spec import ImportOptions
from segments.models import Customer, Event, ImportJob, Organisation
from tests.factories import make_customer

pytestmark = pytest.mark.django_db

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(autouse=True)
def data_dir(settings, tmp_path):
    settings.DATA_DIR = tmp_path


@pytest.fixture
def imported(tmp_path, capsys):
    """Imports a text by the command; returns what it prints."""

    def run(kind, text, *arguments):
        path = tmp_path / f"{kind}.csv"
        path.write_text(text)
        call_command(f"import_{kind}", str(path), "--json", *arguments)
        return json.loads(capsys.readouterr().out.splitlines()[-1])

    return run


def test_headings_say_which_export_a_file_is():
    """Each is recognised by the least it can have, and no other claims that."""
    for export in KNOWN_EXPORTS:
        for headings in itertools.product(*map(spellings, export.headings)):
            columns = list(dict.fromkeys(headings))
            assert recognise(columns) == export, columns
            assert recognise([c.upper().replace(" ", "_") for c in columns]) == export, columns


@pytest.mark.parametrize(
    "columns",
    [
        ["id", "email", "first_name", "last_name", "country", "created_at"],
        ["customer_id", "email", "consent_email", "birthday"],
        ["customer", "occurred_at", "kind", "amount", "currency", "event_id"],
        ["order_id", "customer_id", "date", "total"],
        ["Email", "First Name", "Last Name", "Phone", "Status"],
        ["ID", "Name", "Email"],
    ],
)
def test_an_ordinary_file_is_none_of_them(columns):
    assert recognise(columns) is None


@pytest.mark.parametrize("export", KNOWN_EXPORTS, ids=lambda export: export.name)
def test_a_known_export_says_only_what_an_import_understands(export):
    columns = [heading for headings in export.headings for heading in spellings(headings)]
    columns += [h for headings in export.mapping.values() for h in spellings(headings)]
    assert ImportOptions(**export.options_of(columns))
    required = "external_id" if export.kind == "customers" else "occurred_at"
    assert required in export.mapping_of(columns)


def customers(*names):
    return list(Customer.objects.order_by("external_id").values_list(*names))


def events():
    rows = Event.objects.order_by("occurred_at", "external_id")
    return list(rows.values_list("customer__external_id", "external_id", "kind", "amount_cents"))


def test_shopify_customers(imported):
    figures = imported(
        "customers",
        "Customer ID,First Name,Last Name,Email,Accepts Email Marketing,Default Address Company,"
        "Default Address Country Code,Default Address Phone,Phone,Accepts SMS Marketing,"
        "Total Spent,Total Orders,Note,Tax Exempt,Tags\n"
        "'7011,Ida,Vogel,ida@example.com,yes,,DE,,'+4915110000001,no,120.50,2,,no,vip\n"
        "'7012,,,walkin@example.com,no,,,,,yes,0.00,0,,no,\n",
    )
    assert (figures["recognised_as"], figures["n_rejected"]) == ("Shopify: customers", 0)
    assert customers("external_id", "first_name", "phone", "country", "consents") == [
        ("7011", "Ida", "+4915110000001", "DE", ["email"]),
        ("7012", "", "", "", ["sms"]),
    ]
    assert Customer.objects.first().attributes["Tags"] == "vip"


def test_marks_of_text_are_off_attributes_too(imported):
    imported(
        "customers",
        "id,zip,code,note,name\n1,'01067,\"=\"\"007\"\"\",'twas,'1' or '2'\n",
    )
    assert Customer.objects.get().attributes == {
        "zip": "01067",
        "code": "007",
        "note": "'twas",
        "name": "'1' or '2'",
    }


CREATED = ("--map=registered_on=Created at (UTC)",)
SHOPIFY_ORDERS = (
    "Name,Email,Financial Status,Paid at,Currency,Subtotal,Shipping,Taxes,Total,Created at,"
    "Lineitem quantity,Lineitem name,Lineitem price,Refunded Amount,Id,Phone\n"
)


def test_shopify_orders(imported):
    for number, name in enumerate(("nora", "paul", "olga"), start=1):
        make_customer(external_id=f"S{number}", email=f"{name}@example.com")
    figures = imported(
        "events",
        SHOPIFY_ORDERS
        + "#1,Nora@example.com,paid,,EUR,100.90,0,8,100.90,2026-05-01 09:59 +0200,1,Tea,63,0,5,\n"
        "#1,Nora@example.com,,,,,,,,2026-05-01 09:59:00 +0200,1,Cup,37.95,,,\n"
        "#2,paul@example.com,partially_refunded,,EUR,25,0,0,25.00,2026-05-02 10:58 +0200,1,Mug,20,"
        "10.00,6,\n"
        "#3,olga@example.com,pending,,EUR,30,0,0,30.00,2026-05-03 10:58:00 +0200,1,Mug,30,0,7,\n",
    )
    assert (figures["recognised_as"], figures["n_rejected"]) == ("Shopify: orders", 0)
    assert figures["n_left_out"] == 1  # a further line item
    assert events() == [
        ("S1", "#1", "order", 10_090),
        ("S2", "#2", "order", 1_500),
        ("S3", "#3", "order_pending", 3_000),
    ]
    assert Event.objects.earliest("occurred_at").occurred_at == datetime(
        2026, 5, 1, 7, 59, tzinfo=UTC
    )
    assert set(Event.objects.values_list("source", flat=True)) == {"shopify"}


def test_shopify_orders_whose_rows_are_all_filled_in_count_once(imported):
    make_customer(external_id="S1", email="nora@example.com")
    row = "#1,nora@example.com,paid,,EUR,30,0,0,30.00,2026-05-03 10:58:00 +0200,1,{},30,0,7,\n"
    figures = imported("events", SHOPIFY_ORDERS + row.format("Mug") + row.format("Cup"))
    assert events() == [("S1", "#1", "order", 3_000)]
    assert (figures["n_unchanged"], figures["n_rejected"]) == (1, 0)


def test_an_order_that_is_paid_or_refunded_later_follows(imported):
    make_customer(external_id="S1", email="nora@example.com")
    row = "#1,nora@example.com,{},,EUR,30,0,0,30.00,2026-05-03 10:58:00 +0200,1,Mug,30,0,7,\n"
    for status, kind in (
        ("pending", "order_pending"),
        ("paid", "order"),
        ("refunded", "order_refunded"),
    ):
        imported("events", SHOPIFY_ORDERS + row.format(status))
        assert events() == [("S1", "#1", kind, 3_000)]


def test_woocommerce_orders(imported):
    make_customer(external_id="7", email="mia@example.com")
    figures = imported(
        "events",
        "order_id,order_number,order_date,status,order_total,order_currency,customer_id,"
        "customer_email,billing_first_name\n"
        "501,501,2026-02-02 12:00:00,completed,30.00,EUR,0,guest1@example.com,Gast\n"
        "502,502,2026-02-03 12:00:00,wc-processing,45.00,EUR,0,guest2@example.com,Gast\n"
        "503,503,2026-02-04 12:00:00,cancelled,99.00,EUR,7,mia@example.com,Mia\n"
        "504,504,2026-02-05 12:00:00,checkout-draft,12.00,EUR,7,mia@example.com,Mia\n",
        "--create-customers",
    )
    assert (figures["n_rejected"], figures["n_left_out"]) == (0, 1)
    assert events() == [
        ("guest1@example.com", "501", "order", 3_000),
        ("guest2@example.com", "502", "order", 4_500),
        ("7", "503", "order_cancelled", 9_900),
    ]


def test_woocommerce_orders_of_another_plugin(imported):
    make_customer(external_id="9", email="mia@example.com")
    imported(
        "events",
        "Order Number,Order Status,Order Date,Email (Billing),Phone (Billing),"
        "Order Total Amount,Order Refund Amount,Order Currency\n"
        "77,Completed,2026-02-02 12:00,mia@example.com,,80.00,20.00,EUR\n",
    )
    assert events() == [("9", "77", "order", 6_000)]


@pytest.mark.parametrize(
    ("kind", "states"),
    [
        ("order", ["Completed", "wc-processing", "shipped", "Abgeschlossen", "Terminée", "Pago"]),
        ("order_pending", ["On hold", "Zahlung ausstehend", "En attente", "wc-on-hold"]),
        ("order_cancelled", ["Failed", "Storniert", "Annulée", "Cancelado"]),
        ("order_refunded", ["Refunded", "Rückerstattet", "Remboursée", "Reembolsado"]),
        (None, ["awaiting unicorns", "paid?"]),
    ],
)
def test_states_of_orders_in_several_languages(imported, kind, states):
    make_customer(external_id="9", email="mia@example.com")
    rows = "".join(
        f"{n},{state},2026-02-02 12:00,mia@example.com,80.00\n" for n, state in enumerate(states)
    )
    head = "Order Number,Order Status,Order Date,Email (Billing),Order Total Amount\n"
    figures = imported("events", head + rows)
    if kind is None:  # never an order, and never nothing without a word
        assert (figures["n_rejected"], Event.objects.count()) == (len(states), 0)
    else:
        assert {event_kind for _c, _id, event_kind, _cents in events()} == {kind}
        assert figures["n_rejected"] == 0


def test_what_is_said_of_one_state_leaves_the_others_as_they_are(imported):
    make_customer(external_id="9", email="mia@example.com")
    text = (
        "Order Number,Order Status,Order Date,Email (Billing),Order Total Amount\n"
        "1,Completed,2026-02-02 12:00,mia@example.com,80.00\n"
        "2,Awaiting pick-up,2026-02-03 12:00,mia@example.com,20.00\n"
        "3,Quote,2026-02-03 13:00,mia@example.com,20.00\n"
        "4,draft,2026-02-03 13:00,mia@example.com,20.00\n"
    )
    figures = imported(
        *("events", text, "--kind-of=awaiting pick-up=order", "--leave-out=Order Status=quote")
    )
    assert events() == [("9", "1", "order", 8_000), ("9", "2", "order", 2_000)]
    assert (figures["n_left_out"], figures["n_rejected"]) == (2, 0)


ITEMS = "Order Number,Order Status,Order Date,Email (Billing),Order Total Amount,Item Name\n"


@pytest.mark.parametrize(
    ("second", "n_unchanged", "n_left_out"),
    [
        ("77,Completed,2026-02-02 12:00,mia@example.com,80.00,Cup", 1, 0),
        ("77,Completed,2026-02-02 12:00,mia@example.com,,Cup", 1, 0),
        (",,,,,Cup", 0, 1),
    ],
)
def test_a_row_per_line_item_counts_the_order_once(imported, second, n_unchanged, n_left_out):
    make_customer(external_id="9", email="mia@example.com")
    first = "77,Completed,2026-02-02 12:00,mia@example.com,80.00,Mug\n"
    for times in range(2):
        figures = imported("events", f"{ITEMS}{first}{second}\n")
        assert events() == [("9", "77", "order", 8_000)]
        assert Event.objects.get().properties["Item Name"] == "Mug"
        assert (figures["n_unchanged"], figures["n_left_out"]) == (n_unchanged + times, n_left_out)
        assert figures["n_rejected"] == 0


def test_line_items_that_contradict_their_order_are_rejected(imported):
    make_customer(external_id="9", email="mia@example.com")
    row = "77,Completed,2026-02-02 12:00,mia@example.com,{},{}\n"
    figures = imported("events", ITEMS + row.format("", "Mug") + row.format("80.00", "Cup"))
    assert (figures["n_created"], figures["n_rejected"]) == (1, 1)


def test_words_for_orders_and_returns_count_as_money(imported):
    """An event of another kind counts nowhere, so its amount would be lost without a word."""
    make_customer(external_id="K1")
    text = "customer,date,type,amount,id\n" + "".join(
        f"K1,2026-01-0{n},{word},{n}.00,e{n}\n"
        for n, word in enumerate(("Sale", "Rückgabe", "Credit note", "visit", "returned"), start=1)
    )
    imported("events", text)
    assert [(kind, cents) for _c, _id, kind, cents in events()] == [
        ("order", 100),
        ("return", 200),
        ("return", 300),
        ("visit", 400),
        ("return", 500),
    ]
    Event.objects.all().delete()
    imported("events", text, "--kind-of=returned=order")
    assert [kind for *_rest, kind, _cents in events()][1::3] == ["return", "order"]
    Event.objects.all().delete()
    imported("events", text, "--as-is")
    assert [kind for *_rest, kind, _cents in events()] == [
        "sale",
        "credit note",
        "visit",
        "returned",
    ]


def test_woocommerce_customers(imported):
    imported(
        "customers",
        "Name,Username,Last active,Sign up,Email,Orders,Total spend,AOV,Country / Region,City\n"
        "Mia Roth,mia,2026-02-01,2025-01-05 10:00:00,mia@example.com,3,90.00,30.00,AT,Wien\n",
    )
    assert customers("external_id", "email", "country", "registered_on") == [
        ("mia@example.com", "mia@example.com", "AT", date(2025, 1, 5))
    ]


def test_magento_orders(imported):
    make_customer(external_id="M1", email="ana@example.com")
    figures = imported(
        "events",
        "ID,Purchase Point,Purchase Date,Bill-to Name,Ship-to Name,Grand Total (Base),"
        "Grand Total (Purchased),Status,Customer Email,Total Refunded\n"
        '000000012,Main,"Jan 5, 2026 9:30:00 AM",A,A,€120.00,€9,Complete,ana@example.com,€20.00\n'
        '000000013,Main,"Jan 6, 2026 9:30:00 AM",Ana,Ana,€50.00,€50.00,Canceled,ana@example.com,\n',
    )
    assert figures["n_rejected"] == 0
    assert events() == [
        ("M1", "000000012", "order", 10_000),
        ("M1", "000000013", "order_cancelled", 5_000),
    ]


def test_magento_customers(imported):
    imported(
        "customers",
        "ID,Name,Email,Group,Phone,ZIP,Country,Customer Since,Date of Birth\n"
        '12,Ana Sá,ana@example.com,General,+351912345678,4000,Portugal,"Jan 5, 2024 9:30:00 AM",\n',
    )
    assert customers("external_id", "phone", "country", "registered_on") == [
        ("12", "+351912345678", "PT", date(2024, 1, 5))
    ]
    Customer.objects.all().delete()
    imported(
        "customers",
        "email,_website,_store,created_at,dob,firstname,lastname\n"
        "ana@example.com,base,default,2024-01-05 09:30:00,1980-02-03,Ana,Sá\n",
    )
    assert customers("external_id", "last_name", "birth_date") == [
        ("ana@example.com", "Sá", date(1980, 2, 3))
    ]


def test_prestashop_customers_and_orders(imported):
    imported(
        "customers",
        "ID;Title;Last name;First Name;Email address;Age;Enabled;News.;Opt.;Registration;"
        "Last visit\n"
        "2;1;Gorred;Francis;francis@example.com;-;1;0;0;2013-07-04 15:20:02;2013-07-04 15:18:50\n"
        "1;1;DOE;John;john@example.com;43;1;1;1;2013-07-02 17:36:07;0000-00-00 00:00:00\n",
    )
    assert customers("external_id", "last_name", "consents", "registered_on") == [
        ("1", "DOE", ["email"], date(2013, 7, 2)),
        ("2", "Gorred", [], date(2013, 7, 4)),
    ]
    imported(
        "events",
        "id_order;reference;id_customer;current_state;payment;total_paid;date_add\n"
        "1;XKBKNABJK;1;5;Card;61.800000;2013-07-05 10:00:00\n"
        "2;OHSATSERP;2;6;Card;69.900000;2013-07-06 10:00:00\n"
        "3;UOYEVOLI;2;12;Wire;14.900000;2013-07-07 10:00:00\n",  # on backorder, not paid
    )
    assert events() == [
        ("1", "1", "order", 6_180),
        ("2", "2", "order_cancelled", 6_990),
        ("2", "3", "order_pending", 1_490),
    ]


MEMBER = "MEMBER_RATING,OPTIN_TIME,OPTIN_IP,CONFIRM_TIME,CONFIRM_IP,TIMEZONE,CC,LAST_CHANGED,LEID"
MEMBER_CELLS = '3,"2023-02-03 04:05:06",192.0.2.1,"2023-02-03 04:06:00",192.0.2.1,Europe/Oslo,NO,,1'


def test_mailchimp_members_with_their_status(imported):
    figures = imported(
        "customers",
        f'"Email Address","First Name",Birthday,Status,Tags,Tags,{MEMBER}\n'
        f"lina@example.com,Lina,05/17,subscribed,a,b,{MEMBER_CELLS}\n"
        f"mats@example.com,Mats,,unsubscribed,,,{MEMBER_CELLS}\n"
        f"kim@example.com,Kim,,cleaned,,,{MEMBER_CELLS}\n",
    )
    assert figures["n_rejected"] == 0
    assert customers("external_id", "email", "birth_date", "consents", "time_zone") == [
        ("kim@example.com", "kim@example.com", None, [], "Europe/Oslo"),
        ("lina@example.com", "lina@example.com", date(1604, 5, 17), ["email"], "Europe/Oslo"),
        ("mats@example.com", "mats@example.com", None, [], "Europe/Oslo"),
    ]


def test_mailchimp_unsubscribed_cleaned_and_other_members(imported):
    head = f'"Email Address","First Name",{MEMBER}'
    row = f"lina@example.com,Lina,{MEMBER_CELLS}"
    imported("customers", f"{head}\n{row}\n", "--made-at=2026-01-01T00:00Z")
    assert customers("consents") == [([],)]  # subscribed or not: nobody has said
    imported("customers", f"{head}\n{row}\n", "--consented=email", "--made-at=2026-01-01T00:00Z")
    assert customers("consents") == [(["email"],)]
    imported("customers", f"{head}\n{row.replace('lina', 'kim')}\n")  # that was said of one file
    assert customers("consents") == [([],), (["email"],)]
    for name in ("UNSUB_TIME", "CLEAN_TIME"):
        imported("customers", f'{head},{name}\n{row},"2026-02-03 04:05:06"\n')
        assert customers("consents") == [([],), ([],)]


def test_klaviyo_profiles(imported):
    imported(
        "customers",
        "Email,Klaviyo ID,First Name,Last Name,Phone Number,Country,Timezone,"
        "Email Marketing Consent,SMS Marketing Consent,Profile Created On\n"
        "eva@example.com,01ABC,Eva,Lang,+436601234567,Austria,Europe/Vienna,SUBSCRIBED,"
        "NEVER_SUBSCRIBED,2025-03-01 10:00:00\n"
        "udo@example.com,01ABD,Udo,Lang,,Austria,Europe/Vienna,UNSUBSCRIBED,SUBSCRIBED,\n",
    )
    assert customers("external_id", "country", "consents") == [
        ("01ABC", "AT", ["email"]),
        ("01ABD", "AT", ["sms"]),
    ]


def test_hubspot_contacts(imported):
    make_customer(external_id="101", consents=["email"])
    make_customer(external_id="102", consents=["email"])
    make_customer(external_id="104", consents=["email"])
    imported(
        "customers",
        "Record ID,First Name,Last Name,Email,Phone Number,Contact owner,Lifecycle Stage,"
        "Create Date,Country/Region,Unsubscribed from all email\n"
        "101,Eva,Lang,eva@example.com,,Ann,Customer,2025-03-01 10:00,Germany,true\n"
        "102,Udo,Lang,udo@example.com,,Ann,Lead,2025-03-02 10:00,Germany,false\n"
        "103,Ida,Lang,ida@example.com,,Ann,Lead,2025-03-02 10:00,Germany,\n"
        "104,Kai,Lang,kai@example.com,,Ann,Lead,2025-03-02 10:00,Germany,\n",
    )
    assert customers("external_id", "country", "consents") == [
        ("101", "DE", []),
        ("102", "DE", ["email"]),
        ("103", "DE", []),  # that nobody opted out is no consent
        ("104", "DE", ["email"]),
    ]


@pytest.mark.parametrize(
    "head",
    [
        "Id,FirstName,LastName,Email,AccountId,MailingCountry,Birthdate,HasOptedOutOfEmail",
        "Contact ID,First Name,Last Name,Email,Account Name,Mailing Country,Birthdate,"
        "Email Opt Out",
    ],
)
def test_salesforce_contacts(imported, head):
    make_customer(external_id="0035g00000AbCdE", consents=["email"])
    imported(
        "customers",
        f"{head}\n0035g00000AbCdE,Eva,Lang,eva@example.com,001,Germany,1980-02-03,1\n"
        "0035g00000AbCdF,Udo,Lang,udo@example.com,001,USA,,0\n",
    )
    assert customers("external_id", "last_name", "country", "birth_date", "consents") == [
        ("0035g00000AbCdE", "Lang", "DE", date(1980, 2, 3), []),
        ("0035g00000AbCdF", "Lang", "US", None, []),
    ]


def test_salesforce_says_who_must_not_be_called_and_who_is_gone(imported):
    make_customer(external_id="003A", consents=["email", "call"])
    imported(
        "customers",
        "Id,FirstName,LastName,Email,MailingCountryCode,HasOptedOutOfEmail,DoNotCall,IsDeleted\n"
        "003A,A,B,a@example.com,NO,false,true,false\n003B,C,D,c@example.com,NO,false,false,true\n",
    )
    assert customers("external_id", "consents") == [("003A", ["email"])]


def test_klaviyo_suppressions_are_opt_outs(imported):
    head = "Email,Klaviyo ID,Email Marketing Consent,Email Suppressions\n"
    imported(
        "customers",
        f"{head}a@example.com,A,SUBSCRIBED,[]\nb@example.com,B,SUBSCRIBED,\n"
        "c@example.com,C,SUBSCRIBED,['UNSUBSCRIBE']\nd@example.com,D,SUBSCRIBED,['HARD_BOUNCE']\n",
    )
    assert customers("consents") == [(["email"],), (["email"],), ([],), ([],)]


@pytest.mark.parametrize(
    "head",
    [
        "ID;Titre;Prénom;Nom;Adresse e-mail;Lettre d'information;Inscription",
        "ID;Título;Nombre;Apellidos;Dirección de correo electrónico;Boletín;Registro",
        "ID;Social title;First name;Last name;Email address;Newsletter;Registration",
        "id_customer;id_gender;firstname;lastname;email;newsletter;date_add",
    ],
)
def test_prestashop_customers_in_other_languages_and_as_the_table(imported, head):
    figures = imported(
        "customers",
        f"{head}\n1;M;John;DOE;john@example.com;1;13/07/2013 17:36:07\n"
        "2;M;Jane;DOE;jane@example.com;0;14/07/2013 17:36:07\n",
    )
    assert figures["recognised_as"].startswith("PrestaShop: customers")
    assert customers("external_id", "first_name", "last_name", "consents", "registered_on") == [
        ("1", "John", "DOE", ["email"], date(2013, 7, 13)),
        ("2", "Jane", "DOE", [], date(2013, 7, 14)),
    ]


def test_hubspot_in_german(imported):
    make_customer(external_id="101", email="a@example.com", consents=["email"])
    figures = imported(
        "customers",
        "Datensatz-ID,Vorname,Nachname,E-Mail,Telefonnummer,Zuständiger Mitarbeiter,Erstelldatum,"
        "Von allen E-Mails abgemeldet\n101,Ann,Berg,a@example.com,,Me,2024-01-01 09:00,Ja\n",
    )
    assert figures["recognised_as"] == "HubSpot: contacts"
    assert customers("external_id", "last_name", "consents") == [("101", "Berg", [])]


def test_magento_orders_in_german(imported):
    make_customer(external_id="M1", email="ana@example.com")
    figures = imported(
        "events",
        "ID,Kaufdatum,Gesamtsumme (Basis),Status,Kunden-E-Mail,Gesamtbetrag erstattet\n"
        '000000012,13.01.2026 09:30:00,"1.120,00 €",Vollständig,ana@example.com,"20,00 €"\n',
    )
    assert figures["recognised_as"] == "Magento: orders"
    assert events() == [("M1", "000000012", "order", 110_000)]


def test_mailchimp_with_labels_of_another_language_and_its_newer_pages(imported):
    figures = imported(
        "customers",
        "E-Mail-Adresse,Vorname,Nachname,MEMBER_RATING,OPTIN_TIME,CONFIRM_TIME,Status\n"
        "a@example.com,Lina,Berg,2,2023-02-03 04:05:06,2023-02-03 04:06:00,subscribed\n",
    )
    assert figures["recognised_as"] == "Mailchimp: members with their status"
    figures = imported(
        "customers",
        "Email Address,First Name,Last Name,Email Marketing Status,SMS Marketing Status,"
        "Contact Rating,Date Added\nb@example.com,Mats,Dahl,Unsubscribed,Not subscribed,2,"
        '"Feb 3, 2023 4:05 am"\n',
    )
    assert figures["recognised_as"] == "Mailchimp: all members"
    assert customers("external_id", "first_name", "consents", "registered_on") == [
        ("a@example.com", "Lina", ["email"], None),
        ("b@example.com", "Mats", [], date(2023, 2, 3)),
    ]


def test_headings_of_other_languages_are_read_in_any_file(imported):
    imported(
        "customers",
        "Kundennummer;E-Mail-Adresse;Vorname;Nachname;Land;Sprache;Geburtsdatum\n"
        "K1;eva@example.com;Eva;Blum;Österreich;Deutsch;13.02.1980\n",
    )
    fields = ("external_id", "email", "last_name", "country", "language", "birth_date")
    assert customers(*fields) == [
        ("K1", "eva@example.com", "Blum", "AT", "de", date(1980, 2, 13)),
    ]
    imported("events", "N° client;Date de commande;Montant\nK1;2026-01-05;12,50\n")
    assert [cents for *_rest, cents in events()] == [1_250]


def test_stripe_payments(imported):
    make_customer(external_id="K1", email="eva@example.com")
    figures = imported(
        "events",
        "id,Created (UTC),Amount,Amount Refunded,Currency,Captured,Fee,Status,Mode,"
        "Customer ID,Customer Email\n"
        'ch_1,2026-01-05 23:30:00,"1,200.00",200.00,eur,true,3.20,Paid,Live,cus_1,eva@example.com\n'
        "ch_2,2026-01-06 09:30,50.00,50.00,eur,true,1.20,Refunded,Live,cus_1,eva@example.com\n"
        "ch_3,2026-01-07 09:30,70.00,0.00,eur,false,0.00,Failed,Live,cus_1,eva@example.com\n"
        "ch_4,2026-01-07 09:30,70.00,0.00,eur,false,0.00,Paid,Test,cus_1,eva@example.com\n",
    )
    assert (figures["n_rejected"], figures["n_left_out"]) == (0, 2)  # test mode; not captured
    assert events() == [("K1", "ch_1", "order", 100_000), ("K1", "ch_2", "order", 0)]
    assert Event.objects.earliest("occurred_at").occurred_at == datetime(
        2026, 1, 5, 23, 30, tzinfo=UTC
    )


@pytest.mark.parametrize(
    "head",
    [
        "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country",
        "Invoice,StockCode,Description,Quantity,InvoiceDate,Price,Customer ID,Country",
    ],
)
def test_online_retail(imported, head):
    figures = imported(
        "events",
        f"{head}\n536365,85123A,HOLDER,6,12/1/2010 8:26,2.55,17850.0,United Kingdom\n"
        "C536379,D,Discount,-1,12/1/2010 9:41,27.50,17850.0,United Kingdom\n"
        "536414,22139,,56,12/13/2010 11:52,0.00,,United Kingdom\n",
        "--create-customers",
    )
    assert (figures["n_rejected"], figures["n_created"]) == (1, 2)
    rows = Event.objects.order_by("occurred_at").values_list(
        "customer__external_id", "kind", "amount_cents"
    )
    assert list(rows) == [("17850", "order", 1_530), ("17850", "return", -2_750)]


def test_rows_are_left_out_or_taken_by_a_columns_value(imported):
    text = (
        "customer,date,amount,event id,Status,Shop\n"
        "anna,2026-01-05,1,1,Cancelled,PT\nanna,2026-01-05,2,2,paid,PT\n"
        "anna,2026-01-05,3,3, PAID ,ES\nanna,2026-01-05,4,4,,PT\n"
    )
    make_customer(external_id="anna")
    figures = imported("events", text, "--leave-out=Status=cancelled", "--leave-out=Status=")
    assert (figures["n_created"], figures["n_left_out"]) == (2, 2)
    figures = imported(
        "events", text, "--take-only=Status=paid", "--take-only=Shop=pt", "--source=b"
    )
    assert (figures["n_created"], figures["n_left_out"]) == (1, 3)


@pytest.mark.parametrize(
    ("cell", "holds"),
    [
        ("Unsubscribed", False),
        ("opted-out", False),
        ("2026-01-05", False),
        ("too many mails", False),
        ("1", False),
        ("no", True),
        ("0", True),
        ("não", True),
        ("", True),
    ],
)
def test_an_opt_out_is_a_withdrawal_unless_it_is_a_plain_no(imported, cell, holds):
    imported("customers", "id,email_consent\nanna,yes\n", "--made-at=2026-01-01T00:00Z")
    figures = imported("customers", f"id,email_opt_out\nanna,{cell}\n", "--strict")
    assert customers("consents") == [(["email"] if holds else [],)]
    assert (figures["n_rejected"], figures["n_warnings"]) == (0, 0)


def test_a_day_under_a_heading_of_utc_is_that_of_the_organisation(imported):
    Organisation.current()
    Organisation.objects.update(time_zone="America/New_York")
    imported("customers", "id,Created at (UTC)\n1,2026-01-05 02:00\n2,2026-01-05\n", *CREATED)
    assert customers("registered_on") == [(date(2026, 1, 4),), (date(2026, 1, 5),)]


def test_a_column_says_the_kind_of_event(imported):
    make_customer(external_id="anna")
    imported(
        "events",
        "customer,date,amount,type\nanna,2026-01-05,10,Sale\nanna,2026-01-06,3,Credit Memo\n"
        "anna,2026-01-07,,newsletter\n",
        "--kind-of=sale=order",
        "--kind-of=credit memo=return",
    )
    assert list(Event.objects.order_by("occurred_at").values_list("kind", flat=True)) == [
        "order",
        "return",
        "newsletter",
    ]


def test_the_settings_of_the_last_file_with_these_headings_are_used_again(imported):
    text = "Kundennr,Vorname,Mails,Ort\n1,Ida,ja,Kiel\n"
    arguments = ("--map=external_id=Kundennr", "--map=first_name=Vorname", "--ignore=Ort")
    imported("customers", text, *arguments, "--map=consent_email=Mails", "--source=shop")
    first = ImportJob.objects.latest("pk")

    again = imported("customers", text.replace("Ida", "Ada"))
    assert (again["settings_of"], again["n_updated"]) == (first.pk, 1)
    assert ImportJob.objects.latest("pk").source == "shop"
    # The order of the columns does not matter; a new one is suggested or kept.
    imported("customers", "Ort,Mails,Vorname,Kundennr,country\nKiel,ja,Uwe,2,PT\n")
    assert customers("external_id", "first_name", "consents", "country", "attributes") == [
        ("1", "Ada", ["email"], "", {}),
        ("2", "Uwe", ["email"], "PT", {}),
    ]
    # What is said now counts.
    imported("customers", text.replace("Ida", "Eva"), "--map=first_name=")
    assert Customer.objects.get(external_id="1").first_name == "Ada"


def test_a_file_can_be_read_as_it_is(imported):
    make_customer(external_id="S1", email="nora@example.com")
    figures = imported(
        "events",
        SHOPIFY_ORDERS
        + "#1,nora@example.com,paid,,EUR,9,0,0,9.00,2026-05-01 09:59:00 +0200,1,Tea,9,0,5,\n",
        "--as-is",
        "--map=occurred_at=Created at",
    )
    assert figures["recognised_as"] == ""
    assert Event.objects.get().external_id == "5"  # its column Id


@pytest.mark.parametrize("folder", ["docs", "docs/pt"])
def test_every_known_export_is_described(folder):
    page = (ROOT / folder / "reference" / "csv.md").read_text()
    assert [export.name for export in KNOWN_EXPORTS if f"| `{export.name}` |" not in page] == []
