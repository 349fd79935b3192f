"""Records that are one person, in SQL: what is stored under either number counts for both.

Everything stays under the number that it came with (see CustomerMerge); queries join by what is
here. `person_of` is for queries that read everybody, `SAME_PERSON` for those that look up one
customer after the other.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from django.db import connection

from segments.models import CustomerMerge

IN_FORCE = "m.undone_mark IS NULL"  # of a merge m, at present
# The same as a decision saw it: its watermark is a number of the ledger that marks are drawn from.
IN_FORCE_AT = "m.mark < {watermark} AND (m.undone_mark IS NULL OR m.undone_mark >= {watermark})"
ALIASES = f"SELECT m.alias_id FROM segments_customermerge m WHERE {IN_FORCE}"

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

# Who is suppressed under another of their numbers: kept ones with such an alias.
SUPPRESSED_AS_ANOTHER = f"""
SELECT m.kept_id FROM segments_customermerge m JOIN segments_customer other ON other.id = m.alias_id
WHERE {IN_FORCE} AND other.suppressed
"""


@dataclass(frozen=True)
class Person:
    """How a query finds out whose a row is: `join` goes behind its table, `id` is the kept number.

    The merge is called `merged` there.
    """

    join: str
    id: str


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


def kept_numbers(customer_ids: Iterable[int]) -> dict[int, int]:
    """By number of those who are merged into another record: that one's."""
    merges = CustomerMerge.objects.filter(undone_mark=None, alias__in=set(customer_ids))
    return dict(merges.values_list("alias_id", "kept_id"))


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
