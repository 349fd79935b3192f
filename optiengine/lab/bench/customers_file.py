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


def day(chance: random.Random) -> str:
    return f"{chance.randint(1, 12):02d}-{chance.randint(1, 28):02d}"


def write_customers(path: Path, n_rows: int, seed: int = 0) -> None:
    """A customers file of `n_rows` rows, 13 columns and about 110 bytes a row; all valid."""
    chance = random.Random(seed)  # noqa: S311 - made-up data, not a secret
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(HEADER)
        for number in range(n_rows):
            first, last = chance.choice(FIRST), chance.choice(LAST)
            writer.writerow(
                [
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
            )
