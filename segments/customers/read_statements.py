"""Everything that was said about a customer's consents, in order, and why what holds holds."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from django.db import connection

from optiengine.lib.hooks import Hook
from segments.channels import CHANNELS
from segments.customers.numerics.what_holds import Holding, Said, what_holds
from segments.models import ConsentStatement, Customer
from segments.models.consent import SET_BITS, ConsentSource
from segments.same_person import same_person

# Titles of topics by id: a later app has them.
TOPIC_TITLES: Hook[Callable[[Collection[int]], dict[int, str]]] = Hook()

FILES = f"""
SELECT channel, says_yes, said_at, recorded_at, source
FROM unnest(%s::bigint[]) AS r (id) JOIN segments_fileconsents f ON f.block = r.id >> {SET_BITS}
    AND get_bit(f.customers, (r.id & {(1 << SET_BITS) - 1})::int) = 1
"""
Subject = tuple[str, int | None]  # channel or '', topic or None


@dataclass(frozen=True)
class Statement:
    """As stored; what files said again and again is one, with its first and last time."""

    channel: str
    topic: int | None
    says_yes: bool | None
    said_at: datetime
    recorded_at: datetime
    kind: ConsentSource
    source: str
    by_customer: bool = False
    brings_back: bool = False
    proof: dict[str, Any] = field(default_factory=dict)
    first_said_at: datetime | None = None  # of several
    n_times: int = 1

    @property
    def subject(self) -> Subject:
        return self.channel, self.topic

    @property
    def said(self) -> Said:
        return Said(self.said_at, self.says_yes, self.by_customer, self.brings_back)


def statements_of(customer: Customer) -> list[Statement]:
    """The newest by the time it was said first; under all numbers of the person."""
    records = same_person(customer.pk)
    statements = [
        Statement(
            each.channel,
            each.topic,
            each.says_yes,
            each.said_at,
            each.recorded_at,
            ConsentSource(each.kind),
            each.source,
            each.by_customer,
            each.brings_back,
            each.proof,
        )
        for each in ConsentStatement.objects.filter(customer__in=records)
    ]
    with connection.cursor() as cursor:
        cursor.execute(FILES, [records])
        statements += [
            Statement(channel, None, says_yes, said_at, recorded_at, ConsentSource.FILE, source)
            for channel, says_yes, said_at, recorded_at, source in cursor.fetchall()
        ]
    statements.sort(key=lambda each: (each.said_at, each.recorded_at))
    return _without_repeats(statements)[::-1]


def holdings_of(statements: Iterable[Statement]) -> dict[Subject, Holding]:
    """By channel or topic: what holds of what was said. Channels in their order, then topics."""
    by_subject: dict[Subject, list[Said]] = defaultdict(list)
    for statement in statements:
        by_subject[statement.subject].append(statement.said)
    ranks = {channel: rank for rank, channel in enumerate(CHANNELS)}
    order = sorted(by_subject, key=lambda s: (s[1] or 0, ranks.get(s[0], len(ranks))))
    return {subject: what_holds(by_subject[subject]) for subject in order}


def topic_titles(topics: Collection[int]) -> dict[int, str]:
    titles: dict[int, str] = {}
    for find in TOPIC_TITLES if topics else ():
        titles |= find(topics)
    return titles


def _without_repeats(statements: list[Statement]) -> list[Statement]:
    """In order of time: what files of one source said several times in a row is one."""
    kept: list[Statement] = []
    newest: dict[Subject, int] = {}  # position in `kept` of the last of each
    for statement in statements:
        position = newest.get(statement.subject)
        if position is not None and _is_repeat(kept[position], statement):
            first = kept[position]
            kept[position] = replace(
                statement,
                first_said_at=first.first_said_at or first.said_at,
                n_times=first.n_times + 1,
            )
            continue
        newest[statement.subject] = len(kept)
        kept.append(statement)
    return sorted(kept, key=lambda each: (each.said_at, each.recorded_at))


def _is_repeat(earlier: Statement, later: Statement) -> bool:
    """Whether two files in a row say the same, both without a proof."""
    facts = {(s.kind, s.source, s.says_yes, bool(s.proof)) for s in (earlier, later)}
    return facts == {(ConsentSource.FILE, later.source, later.says_yes, False)}
