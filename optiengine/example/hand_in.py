"""How the world speaks to the engine: CSV files, through the imports that every customer uses."""

import csv
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from optiengine.example.chance import keyed_uniform, stream_key
from optiengine.example.events import Events
from optiengine.example.population import CUSTOMER_COLUMNS, Population
from segments.imports.import_file import create_import, run_import
from segments.imports.spec import ImportOptions
from segments.models import ImportJob

SOURCE = "demo"
EARLIER_CAMPAIGN, EARLIER_DAYS = "Earlier newsletter", 21
WITHDRAWALS = ("unsubscribe", "complaint")
CONSENT_OF = {"email": "consent_email", "sms": "consent_sms", "app": "consent_push"}


class NotTaken(Exception):
    """The engine refused a file, or rows of it, that the world handed in."""


def hand_in_customers(
    population: Population, rows: np.ndarray, folder: Path, name: str, *, at: datetime
) -> None:
    """New customers, as the retailer's database exports them; its "app" is our "push"."""
    path = folder / f"{name}-customers.csv"
    _write(path, CUSTOMER_COLUMNS, population.customers_csv_rows(rows))
    _import("customers", path, at=at, mapping={"consent_push": "consent_app"})


def hand_in_events(events: Events, folder: Path, name: str, *, at: datetime) -> None:
    """What happened; where it is about a message's channel, the world's "app" is our "push"."""
    path = folder / f"{name}-events.csv"
    properties = events.properties.copy()
    for row in np.flatnonzero(np.isin(events.kind.astype(str), WITHDRAWALS)):
        properties[row] = properties[row].replace('"channel":"app"', '"channel":"push"')
    replace(events, properties=properties).to_csv(path)
    _import("events", path, at=at)


def hand_in_withdrawals(events: Events, folder: Path, name: str, *, at: datetime) -> None:
    """Consents that were withdrawn, a row per customer; an empty cell changes nothing."""
    withdrawn = withdrawals(events)
    if not withdrawn:
        return
    path = folder / f"{name}-withdrawals.csv"
    rows = (
        (customer, *("false" if channel in channels else "" for channel in CONSENT_OF))
        for customer, channels in withdrawn.items()
    )
    _write(path, ("external_id", *CONSENT_OF.values()), rows)
    _import("customers", path, at=at, mode="update")


def hand_in_contacts(
    population: Population, folder: Path, name: str, *, seed: int, at: datetime
) -> None:
    """What an earlier system sent in the days before: two messages each, on days of their own.

    The caps count them, so that not everybody's slots are free on one and the same first day.
    """
    rows = np.flatnonzero((population.registered_day < 0) & population.consent[:, 0])

    def luck(stream: str) -> np.ndarray:
        return keyed_uniform(stream_key(seed, stream, 0), rows)

    first = 1 + (luck("earlier contact") * EARLIER_DAYS).astype(int)
    gap = 1 + (luck("earlier gap") * (EARLIER_DAYS - 1)).astype(int)
    second = 1 + (first - 1 + gap) % EARLIER_DAYS
    contacts = [
        (str(customer), EARLIER_CAMPAIGN, (at - timedelta(days=int(days))).isoformat())
        for days_ago in (first, second)
        for customer, days in zip(population.external_id[rows], days_ago, strict=True)
    ]
    path = folder / f"{name}-contacts.csv"
    _write(path, ("customer", "campaign", "contacted_at"), contacts)
    _import("contacts", path, at=at, options=ImportOptions(strict=True, create_campaigns=True))


def withdrawals(events: Events) -> dict[str, set[str]]:
    """The channels that each customer no longer wants, by the properties of what he did."""
    channels_of: dict[str, set[str]] = {}
    for row in np.flatnonzero(np.isin(events.kind.astype(str), WITHDRAWALS)):
        channel = next(c for c in CONSENT_OF if f'"channel":"{c}"' in events.properties[row])
        channels_of.setdefault(events.customer[row], set()).add(channel)
    return channels_of


def is_handed_in(name: str) -> bool:
    """Whether the events of this name, the last file of a day, are stored."""
    return ImportJob.objects.filter(
        kind="events", source=SOURCE, file_name=f"{name}-events.csv", status="done"
    ).exists()


def _import(kind: str, path: Path, *, at: datetime, **how: Any) -> None:
    """Raises NotTaken unless every row is stored, with all its cells."""
    how.setdefault("options", ImportOptions(strict=True))
    job = run_import(create_import(kind=kind, path=path, source=SOURCE, at=at, **how))
    if job.status != ImportJob.Status.DONE or job.n_rejected:
        raise NotTaken(f"{path.name}: {job.error or f'{job.n_rejected} rows were rejected.'}")


def _write(path: Path, header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows(rows)
