"""What a page counts on that its own blocks do not make, by the page's path."""

from collections.abc import Callable

PREPARED: dict[str, Callable[[], None]] = {}
