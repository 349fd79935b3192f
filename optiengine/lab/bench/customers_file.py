"""A customers file of any size, for the import's benchmark and its tests."""

import csv
import random
from pathlib import Path

HEADER = [
    "customer_id",
    "email",
    "phone",
    "first_name",
    "last_name",
    "country",
    "timezone",
    "language",
    "birth_date",
    "registered_on",
    "consent_email",
    "consent_sms",
    "loyalty_points",
]
FIRST = ["Anna", "Bruno", "Chloé", "Dora", "Emil", "Fátima", "Gustav", "Hana", "İpek", "João"]
LAST = ["Müller", "Silva", "Smith", "Nowak", "O'Brien", "García", "Rossi", "Dubois", "Jensen"]
PLACES = [
    ("DE", "Europe/Berlin", "de"),
    ("PT", "Europe/Lisbon", "pt"),
    ("US", "America/New_York", "en"),
    ("BR", "America/Sao_Paulo", "pt-BR"),
]
ANSWERS = ["yes", "no", "true", "false", "1", "0", ""]


# What people write in a column instead of the plain value; some of it cannot be read.
ODD_CELLS = {
    "phone": ["n/a", "0151 23456789", "(0151) 234-567", "555-0100 ext. 12", "+49 151 23456789"],
    "country": ["Germany", "Portugal", "United Kingdom", "UK", "USA", "Atlantis"],
    "timezone": ["W. Europe Standard Time", "Eastern Time (US & Canada)", "Lisbon", "Mars"],
    "language": ["German", "português", "pt_BR", "EN", "Klingonese"],
    "birth_date": ["0000-00-00", "03/14", "12/31/1980", "1980-02-30", "5 May 1975"],
    "registered_on": ["2020-05-06 10:11:12", "2021-05-06T10:11:12Z", "13/05/2022", "soon"],
    "consent_email": ["subscribed", "unsubscribed", "sí", "nein", "perhaps"],
    "consent_sms": ["opted-in", "cleaned", "x", "0.0", "perhaps"],
}


def day(chance: random.Random) -> str:
    return f"{chance.randint(1, 12):02d}-{chance.randint(1, 28):02d}"


def write_customers(path: Path, n_rows: int, seed: int = 0, *, odd_share: float = 0.0) -> None:
    """A customers file of `n_rows` rows, 13 columns and about 110 bytes a row.

    All cells are plain and valid but for odd_share of those in the columns of ODD_CELLS.
    """
    chance = random.Random(seed)  # noqa: S311 - made-up data, not a secret
    oddness = random.Random(seed + 1)  # noqa: S311 - the plain cells are the same with it
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(HEADER)
        for number in range(n_rows):
            first, last = chance.choice(FIRST), chance.choice(LAST)
            cells = [
                f"C{number:08d}",
                f"{first}.{number}@example.com".encode("ascii", "ignore").decode(),
                f"+49151{number:08d}",
                first,
                last,
                *chance.choice(PLACES),
                f"{chance.randint(1940, 2007)}-{day(chance)}",
                f"20{chance.randint(10, 25)}-{day(chance)}",
                chance.choice(ANSWERS),
                chance.choice(ANSWERS),
                chance.randint(0, 50_000),
            ]
            for column, spellings in ODD_CELLS.items() if odd_share else ():
                if oddness.random() < odd_share:
                    cells[HEADER.index(column)] = oddness.choice(spellings)
            writer.writerow(cells)
