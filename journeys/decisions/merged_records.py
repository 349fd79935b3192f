"""Records that are merged into others, as a decision saw them: a replay sees the same."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from psycopg import sql
from psycopg.types.numeric import Int8

from optiengine.lib.columns import read_columns
from segments.same_person import IN_FORCE_AT

MERGED = f"""
SELECT m.alias_id, m.kept_id FROM segments_customermerge m
WHERE {IN_FORCE_AT.format(watermark="%(watermark)s")}
  AND (m.kept_id BETWEEN %(first)s AND %(last)s OR m.alias_id BETWEEN %(first)s AND %(last)s
       OR m.kept_id = ANY(%(others)s))
"""


@dataclass(frozen=True)
class MergedRecords:
    """Who of a batch's customers, and of those who share addresses with them, has several."""

    kept_of: Mapping[int, int] = field(default_factory=dict)  # by the merged record's number

    def __bool__(self) -> bool:
        return bool(self.kept_of)

    def are_merged(self, customer_ids: NDArray[np.int64]) -> NDArray[np.bool_]:
        """(n,) which of these are decided for under another number."""
        return np.isin(customer_ids, list(self.kept_of))

    def persons(self, customer_ids: Iterable[int]) -> dict[int, list[int]]:
        """By kept number, the numbers of all records, itself first; only those with several."""
        merged_into: dict[int, list[int]] = defaultdict(list)
        for alias, kept in sorted(self.kept_of.items()):
            merged_into[kept].append(alias)
        return {pk: [pk, *merged_into[pk]] for pk in customer_ids if pk in merged_into}


def load_merged(
    customer_ids: NDArray[np.int64], others: Sequence[int], *, watermark: int
) -> MergedRecords:
    """customer_ids : (n,) ascending. others : numbers of customers outside of them.

    watermark : of the decision. It was drawn while nobody merges, from the ledger that merges draw
    their own numbers from, so it says which of them the decision knew.
    """
    params = {
        "first": Int8(customer_ids[0]),
        "last": Int8(customer_ids[-1]),
        "others": list(others),
        "watermark": Int8(watermark),
    }
    rows = read_columns(sql.SQL(MERGED), ["alias_id", "kept_id"], params, is_frequent=True)
    return MergedRecords(
        dict(zip(rows["alias_id"].tolist(), rows["kept_id"].tolist(), strict=True))
    )
