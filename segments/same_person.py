"""Records that are one person, in SQL: what is stored under either number counts for both.

Everything stays under the number that it came with (see CustomerMerge); queries join by what is
here. `person_of` is for queries that read everybody, `SAME_PERSON` for those that look up one
customer after the other.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from django.db import connection
from psycopg import sql

from segments.models import CustomerMerge

IN_FORCE = "m.undone_mark IS NULL"  # of a merge m, at present
# The same as a decision saw it: its watermark is a number of the ledger that marks are drawn from.
IN_FORCE_AT = "m.mark < {watermark} AND (m.undone_mark IS NULL OR m.undone_mark >= {watermark})"
ALIASES = f"SELECT m.alias_id FROM segments_customermerge m WHERE {IN_FORCE}"

# Records of persons who have several, and the number of the kept one; a kept one several times.
MEMBERSHIPS = f"""
SELECT m.alias_id AS id, m.kept_id FROM segments_customermerge m WHERE {IN_FORCE}
UNION ALL
SELECT m.kept_id, m.kept_id FROM segments_customermerge m WHERE {IN_FORCE}
"""

# All numbers of the person whom a customer is, themselves first, as int8[]. For `= ANY(...)`, which
# uses an index; two looks into an index that is empty where nobody was merged.
SAME_PERSON = f"""
(ARRAY[{{customer}}] || ARRAY(
    SELECT m.alias_id FROM segments_customermerge m
    WHERE m.kept_id = {{customer}} AND {IN_FORCE}
    UNION ALL
    SELECT other.id FROM segments_customermerge m
    CROSS JOIN LATERAL (
        SELECT m.kept_id AS id
        UNION ALL
        SELECT o.alias_id FROM segments_customermerge o
        WHERE o.kept_id = m.kept_id AND o.alias_id <> m.alias_id AND o.undone_mark IS NULL
    ) other
    WHERE m.alias_id = {{customer}} AND {IN_FORCE}
))
"""

# Both sides of every pair of numbers of one person, and each with itself.
RECORDS = f"""
WITH member AS (
    SELECT m.alias_id AS customer_id, m.kept_id FROM segments_customermerge m WHERE {IN_FORCE}
    UNION
    SELECT m.kept_id, m.kept_id FROM segments_customermerge m WHERE {IN_FORCE}
)
SELECT a.customer_id, b.customer_id AS record FROM member a JOIN member b USING (kept_id)
"""

# The day on which records were last merged or separated, in the organisation's zone.
LAST_CHANGES = """
SELECT c.customer_id,
       max(c.at AT TIME ZONE (SELECT time_zone FROM segments_organisation))::date AS day
FROM segments_customermerge m
CROSS JOIN LATERAL (
    VALUES (m.alias_id, m.merged_at), (m.kept_id, m.merged_at),
           (m.alias_id, m.undone_at), (m.kept_id, m.undone_at)
) AS c (customer_id, at)
GROUP BY c.customer_id
"""

# Records of persons of whom another record is suppressed.
SUPPRESSED_AS_ANOTHER = f"""
SELECT r.id FROM ({MEMBERSHIPS}) r JOIN ({MEMBERSHIPS}) another ON another.kept_id = r.kept_id
JOIN segments_customer other ON other.id = another.id WHERE other.suppressed
"""


@dataclass(frozen=True)
class Person:
    """How a query finds out whose a row is: `join` goes behind its table, `id` is the kept number.

    The merge is called `merged` there.
    """

    join: str
    id: str


def other_records(ids: str) -> str:
    """SQL of the other numbers of the persons who customers are; found by an index for a few.

    ids : SQL whose only column is customers' numbers.
    """
    return f"""
    WITH named (id) AS MATERIALIZED ({ids})
    SELECT m.kept_id FROM named n JOIN segments_customermerge m ON m.alias_id = n.id AND {IN_FORCE}
    UNION
    SELECT m.alias_id FROM named n JOIN segments_customermerge m ON m.kept_id = n.id AND {IN_FORCE}
    UNION
    SELECT o.alias_id FROM named n
    JOIN segments_customermerge m ON m.alias_id = n.id AND {IN_FORCE}
    JOIN segments_customermerge o ON o.kept_id = m.kept_id AND o.undone_mark IS NULL
    """


def is_anybody_merged() -> bool:
    return CustomerMerge.objects.filter(undone_mark=None).exists()


def person_of(customer: str, *, always: bool = False) -> Person:
    """customer : the column of a row that says whose it is, as e.customer_id.

    Where nobody is merged, the query stays what it was; not with `always`, for a text that is kept
    while merges come.
    """
    if not always and not is_anybody_merged():
        return Person("", customer)
    return Person(
        f"LEFT JOIN (SELECT m.alias_id, m.kept_id FROM segments_customermerge m WHERE {IN_FORCE}) "
        f"merged ON merged.alias_id = {customer}",
        f"coalesce(merged.kept_id, {customer})",
    )


def records_of(customer: str) -> Person:
    """The same for all numbers of the person: the row is there once for each, and `id` is one.

    They are called `records` there.
    """
    if not is_anybody_merged():
        return Person("", customer)
    return Person(
        f"LEFT JOIN ({RECORDS}) records ON records.customer_id = {customer}",
        f"coalesce(records.record, {customer})",
    )


def is_of_person(column: str, customer: str) -> str:
    """A condition: whether the number in a row's column is one of the person who a customer is.

    Where nobody is merged, the query stays what it was.
    """
    if not is_anybody_merged():
        return f"{column} = {customer}"
    return f"{column} = ANY({SAME_PERSON.format(customer=customer)})"


def are_of_persons(column: str, first_id: int, last_id: int) -> sql.Composed:
    """A condition: whether the number in a row's column is one of a person with one in a range."""
    persons = sql.SQL(f"{column} BETWEEN {{first}} AND {{last}}")
    if is_anybody_merged():
        persons = sql.SQL(
            f"({column} BETWEEN {{first}} AND {{last}} OR {column} = ANY(ARRAY("
            f"SELECT r.record FROM ({RECORDS}) r"
            " WHERE r.customer_id BETWEEN {first} AND {last})))"
        )
    return persons.format(first=sql.Literal(first_id), last=sql.Literal(last_id))


@dataclass(frozen=True)
class LastChange:
    """How a query finds out when a customer last became another person, by a merge or its undoing.

    `join` goes behind the customer's table, `day` is the day of the change, NULL without any. It is
    called `changed` there.
    """

    join: str
    day: str


def last_change_of(customer: str) -> LastChange:
    """customer : the column of a row that says whose it is, as k.customer_id.

    Where nobody was ever merged, the query stays what it was.
    """
    if not CustomerMerge.objects.exists():
        return LastChange("", "NULL::date")
    return LastChange(
        f"LEFT JOIN ({LAST_CHANGES}) changed ON changed.customer_id = {customer}", "changed.day"
    )


def kept_numbers(customer_ids: Iterable[int]) -> dict[int, int]:
    """By number of those who are merged into another record: that one's."""
    merges = CustomerMerge.objects.filter(undone_mark=None, alias__in=set(customer_ids))
    return dict(merges.values_list("alias_id", "kept_id"))


def persons_of(customer_ids: Iterable[int]) -> list[int]:
    """The kept numbers of persons, each once, in order."""
    ids = set(customer_ids)
    kept = kept_numbers(ids)
    return sorted({kept.get(pk, pk) for pk in ids})


def same_person(customer_id: int) -> list[int]:
    """All numbers of the person, the one asked for first."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {SAME_PERSON.format(customer='%(customer)s::int8')}", {"customer": customer_id}
        )
        return cursor.fetchone()[0]


def merged_into(customer_id: int) -> list[int]:
    """Numbers that are merged into a record."""
    merges = CustomerMerge.objects.filter(undone_mark=None, kept=customer_id)
    return list(merges.order_by("pk").values_list("alias_id", flat=True))
