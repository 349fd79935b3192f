"""How the town speaks to the engine: files, API functions, requests to its web server."""

import json
from collections.abc import Sequence
from datetime import date, datetime
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
from django.contrib.auth import get_user_model
from django_q.tasks import async_task
from rest_framework.authtoken.models import Token

from optiengine.lab.bench.month.engine import Engine, post
from optiengine.lab.bench.month.journal import Journal
from optiengine.lab.bench.month.sinks import luck
from optiengine.lab.bench.month.town import CustomerEvent, SimulatedShop, write_deeds
from segments.customers.write_customer import say_consents, write_customer
from segments.events.store_events import NewEvent, store_events
from segments.imports.import_file import create_import
from segments.models import Customer

SOURCE = "town"
CHANNELS = ("email", "sms", "push")


class Arrivals:
    """The end of the sinks' record: what came since the last look."""

    def __init__(self, path: Path) -> None:
        self._file = path.open()
        self.leave: dict[str, str] = {}  # where one click ends it, by e-mail address

    def new(self) -> list[dict[str, Any]]:
        arrivals = []
        while (line := self._file.readline()).endswith("\n"):
            arrivals.append(json.loads(line))
        for row in arrivals:
            if row.get("leave"):
                self.leave[row["to"]] = row["leave"]
        return arrivals


class Feed:
    def __init__(self, town: SimulatedShop, engine: Engine, journal: Journal, folder: Path) -> None:
        self.town, self.engine, self.journal, self.folder = town, engine, journal, folder
        self.arrivals = Arrivals(folder / "arrived")
        self._numbers = count(1)
        user = get_user_model().objects.create_superuser("town", "town@example.com", "town")
        self._token = f"Token {Token.objects.create(user=user).key}"

    def import_file(self, kind: str, path: Path, at: datetime, *, mode: str = "upsert") -> None:
        """By a task of the cluster, as an upload in the admin does."""
        mapping = (
            {"consent_push": "consent_app"} if mode == "upsert" and kind == "customers" else None
        )
        job = create_import(kind=kind, path=path, source=SOURCE, at=at, mode=mode, mapping=mapping)
        async_task("segments.tasks.run_import_task", job.pk)

    def move_in(self, day: date, at: datetime) -> None:
        """Newcomers: some by the nightly file, some by the API at once."""
        rows = self.town.newcomers(day)
        by_file, by_api = rows[::2], rows[1::2]
        if len(by_file):
            path = self.folder / f"{day}-customers.csv"
            self.import_file("customers", self.town.customers_file(by_file, path), at)
        population = self.town.population
        for row in by_api.tolist():
            fields = {
                "email": f"new.{row}@example.com",
                "phone": f"+999{row:08d}",
                "country": str(population.country[row]),
                "time_zone": str(population.timezone[row]),
                "birth_date": population.birth_on[row].item(),
                "registered_on": day,
                "attributes": {"loyalty_tier": "basic", "signup_source": "store"},
            }
            name = str(population.external_id[row])
            customer, _is_new = write_customer(name, fields, at=at, may_create=True)
            consents = dict(zip(CHANNELS, population.consent[row].tolist(), strict=True))
            if customer:
                say_consents(customer, consents, source="shop", at=at, said_at=at)

    def hand_in(self, deeds: Sequence[CustomerEvent], at: datetime, *, by_file: bool) -> None:
        if not deeds:
            return
        if by_file:
            path = self.folder / f"{next(self._numbers)}-events.csv"
            self.import_file("events", write_deeds(deeds, path), at)
            return
        gone = Customer.objects.exclude(erased_at=None).values_list("external_id", flat=True)
        erased = set(gone)  # of whom nobody hears any more
        events = [
            NewEvent(
                deed.id, deed.customer, deed.kind, deed.at, deed.cents, properties=deed.properties
            )
            for deed in deeds
            if deed.customer not in erased
        ]
        for start in range(0, len(events), 500):
            refused = [
                stored.reason
                for stored in store_events(events[start : start + 500], source=SOURCE, at=at)
                if stored.status == "refused"
            ]
            if refused:
                raise ValueError(f"Events were refused: {refused[0]}")

    def react(self, at: datetime) -> None:
        """What customers do about messages that arrived: open, click, bounce, complain."""
        rows = [
            row for row in self.arrivals.new() if row["what"] == "taken" and row["by"] == "smtp"
        ]
        known = dict(
            Customer.objects.filter(email__in=[row["to"] for row in rows]).values_list(
                "email", "external_id"
            )
        )
        deeds = []
        for row in rows:
            u, customer = luck("reaction", row["key"]), known.get(row["to"])
            kind = (
                "open" if u < 0.2 else "bounce" if u > 0.997 else "complaint" if u > 0.995 else ""
            )
            if not kind or customer is None:
                continue
            properties = {"channel": "email", **({"hard": True} if kind == "bounce" else {})}
            deeds.append(
                CustomerEvent(f"{kind}-{row['key']}", customer, kind, at, None, properties)
            )
        self.hand_in(deeds, at, by_file=False)
        for deed in deeds:
            if deed.kind != "open":
                self.journal.write(
                    "suppressed", customer=deed.customer, channel="email", by=deed.kind
                )

    def ask(self, customer: str, number: str) -> None:
        """Somebody is on our page: what to say? Some ask twice."""
        path = f"/api/v1/customers/{customer}/next-best-campaign/"
        body = json.dumps({"request_id": number}).encode()
        headers = {"Authorization": self._token, "Content_Type": "application/json"}
        for _ in range(2 if luck("twice", number) < 0.2 else 1):
            status, answer = self.engine.post(path, body, **headers)
            self.journal.write(
                "answer", customer=customer, request=number, status=status, answer=answer
            )

    def leave_by_link(self, addresses: Sequence[str]) -> None:
        """One click (RFC 8058) in the newest e-mail of each."""
        for address in addresses:
            if url := self.arrivals.leave.get(address):
                status, _page = post(url, b"List-Unsubscribe=One-Click")
                self.journal.write("one click", address=address, status=status)

    def leave_by_file(self, customers: Sequence[str], at: datetime) -> None:
        path = self.folder / f"{next(self._numbers)}-withdrawals.csv"
        lines = ["external_id,consent_email,consent_sms"]
        lines += [f"{name},,false" if luck(name) < 0.5 else f"{name},false," for name in customers]
        path.write_text("\n".join(lines) + "\n")
        self.import_file("customers", path, at, mode="update")


def some(names: Sequence[str], n: int, *, rng: np.random.Generator) -> list[str]:
    """n of the names, or all."""
    return rng.permutation(np.array(names, dtype=object))[:n].tolist()
