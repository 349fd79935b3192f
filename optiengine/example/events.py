"""What goes into the world, messages, and what comes out of it, events: both as columns."""

import csv
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

EVENT_COLUMNS = ("external_id", "customer", "kind", "occurred_at", "amount_cents", "properties")


@dataclass(frozen=True)
class Messages:
    """Messages that reached customers on one day: who got which action. Columns of length n."""

    customer: np.ndarray  # external ids
    action: np.ndarray  # action keys of the catalogue

    def __post_init__(self) -> None:
        if len(self.customer) != len(self.action):
            raise ValueError("Messages need one action for each customer.")

    def __len__(self) -> int:
        return len(self.customer)

    @classmethod
    def none(cls) -> "Messages":
        return cls(np.empty(0, dtype=str), np.empty(0, dtype=str))


@dataclass(frozen=True)
class Events:
    """Things customers did. Columns of length n.

    `occurred_at` is datetime64[s] in UTC. `amount_cents` is the margin of an order; other kinds
    have none (0 here, empty in a file). `properties` is JSON text.
    """

    external_id: np.ndarray
    customer: np.ndarray
    kind: np.ndarray
    occurred_at: np.ndarray
    amount_cents: np.ndarray
    properties: np.ndarray

    def __len__(self) -> int:
        return len(self.external_id)

    @classmethod
    def none(cls) -> "Events":
        text, whole = np.empty(0, dtype=object), np.empty(0, dtype=int)
        return cls(text, text, text, np.empty(0, dtype="datetime64[s]"), whole, text)

    @classmethod
    def concatenate(cls, parts: list["Events"]) -> "Events":
        """All events of the parts, in order of time."""
        columns = [np.concatenate([getattr(part, f.name) for part in parts]) for f in fields(cls)]
        order = np.argsort(columns[3], kind="stable")
        return cls(*(column[order] for column in columns))

    def to_csv(self, path: str | Path) -> None:
        """Write all events under EVENT_COLUMNS, times in ISO 8601 with their zone."""
        amount = np.where(self.kind == "order", self.amount_cents.astype(str), "")
        occurred_at = np.datetime_as_string(self.occurred_at, unit="s", timezone="UTC")
        columns = (self.external_id, self.customer, self.kind, occurred_at, amount, self.properties)
        with Path(path).open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(EVENT_COLUMNS)
            writer.writerows(zip(*(column.tolist() for column in columns), strict=True))
