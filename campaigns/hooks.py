"""What this app makes known to earlier ones."""

from collections.abc import Collection

from campaigns.models import Tag
from segments.customers.read_statements import TOPIC_TITLES


def connect() -> None:
    TOPIC_TITLES.add(titles_of_topics)


def titles_of_topics(topics: Collection[int]) -> dict[int, str]:
    """As customers read them."""
    return dict(Tag.objects.filter(pk__in=topics).values_list("pk", "title"))
