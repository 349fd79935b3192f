"""What the month adds to the ledger: the sinks' records and the conductor's journal."""

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

from reports.ledger_check.evidence import Evidence, Row, Rules, moment
from reports.ledger_check.read_evidence import read_contacts, read_deliveries, read_people, rows


@dataclass
class MonthEvidence(Evidence):
    arrived: list[Row] = field(default_factory=list)  # the sinks' records, in order
    journal: list[Row] = field(default_factory=list)

    def noted(self, what: str) -> list[Row]:
        return [line for line in self.journal if line["what"] == what]

    def spans(
        self, begin: str, end: str, *, of: str = ""
    ) -> list[tuple[int | None, datetime, datetime]]:
        """From each note of what began to the next one that ended it, for the same row.

        of : the name of the row's id in the notes.
        """
        spans = []
        for note in self.noted(begin):
            later = [n for n in self.noted(end) if n["at"] > note["at"]]
            ends = [n["at"] for n in later if n.get(of) == note.get(of)]
            over = moment(min(ends, default=self.journal[-1]["at"]))
            spans.append((note.get(of), moment(note["at"]), over))
        return spans

    @property
    def tick(self) -> timedelta:
        """The longest time between two ticks while days were lived."""
        at = [line["at"] for line in self.noted("tick")]
        return timedelta(seconds=max((b - a for a, b in pairwise(at)), default=0))


def load_evidence(folder: Path) -> MonthEvidence:
    journal = _lines(folder / "journal")
    rules = [Rules.of(moment(n["at"]), n["rules"]) for n in journal if n["what"] == "rules"]
    evidence = MonthEvidence(
        people=read_people(rules[0].zone, [n for n in journal if n["what"] == "erased"]),
        contacts=read_contacts(),
        deliveries=read_deliveries(),
        rules=rules,
        since=datetime.min.replace(tzinfo=UTC),
        until=moment(journal[-1]["at"]),
        has_sinks=True,
        arrived=_lines(folder / "arrived"),
        journal=journal,
    )
    _note_arrivals(evidence)
    evidence.order_histories()
    return evidence


def _note_arrivals(evidence: MonthEvidence) -> None:
    """Each contact learns when it reached the customer, from the side that took it."""
    by_key = {contact.key: contact for contact in evidence.contacts.values()}

    def arrive(key: str, at: datetime) -> None:
        if contact := by_key.get(key):
            contact.arrived_at = contact.arrived_at or at
            contact.n_arrived += 1

    for record in evidence.arrived:
        if record["what"] == "taken" or (record["what"], record["by"]) == ("repeated", "smtp"):
            arrive(record["key"], moment(record["at"]))
    for row in rows("SELECT key::text, listed_at FROM journeys_call"):
        arrive(row["key"], row["listed_at"].astimezone(UTC))
    answers = [n for n in evidence.noted("answer") if n["status"] == 200 and n["answer"]["message"]]
    said = {n["answer"]["decision"]: n for n in answers}
    for row in rows(
        """
        SELECT d.id, k.key::text FROM journeys_decision d JOIN journeys_contact k
            ON k.customer_id = d.customer_id AND k.as_of = d.as_of
            AND k.campaign_id = d.campaign_id AND k.action_id = d.action_id AND k.channel = 'web'
        WHERE d.id = ANY(%s)
        """,
        list(said),
    ):
        arrive(row["key"], moment(said[row["id"]]["at"]))


def _lines(path: Path) -> list[Row]:
    return [json.loads(line) for line in path.read_text().splitlines()]
