"""How later apps join in what an earlier one does.

An app that others extend has a Hook next to the code concerned. Each app's hooks.py names, in one
function `connect`, all that it adds; its AppConfig.ready calls that function and nothing else.
"""

from collections.abc import Callable, Hashable, Iterator
from typing import Generic, TypeVar

T = TypeVar("T")


class Hook(Generic[T]):
    """Members in the order in which they were added, each found by its key."""

    def __init__(self, key: Callable[[T], Hashable] = lambda member: member) -> None:
        self._key = key
        self._members: dict[Hashable, T] = {}

    def add(self, *members: T) -> None:
        """Raises ValueError for a key that is taken: one fact would have two homes."""
        for member in members:
            key = self._key(member)
            if self._members.setdefault(key, member) != member:
                raise ValueError(f"{key!r} is taken by {self._members[key]!r}.")

    def __getitem__(self, key: Hashable) -> T:
        return self._members[key]

    def __contains__(self, key: Hashable) -> bool:
        return key in self._members

    def __iter__(self) -> Iterator[T]:
        return iter(self._members.values())

    def __len__(self) -> int:
        return len(self._members)
