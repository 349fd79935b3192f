from django.contrib.postgres.fields import ArrayField
from django.db import models


class EventCursor(models.Model):
    """How far a reader of new events has come. Written only by new_events and changed_facts.

    Ids are given out in order, but become visible when their transactions commit: below
    `settled_id` everything has been read, above it what is in `seen`.
    """

    name = models.CharField(max_length=60, primary_key=True)
    settled_id = models.BigIntegerField(default=0)
    marked_id = models.BigIntegerField(
        default=0, help_text="Settled once none of `writers` is at work."
    )
    writers = ArrayField(models.TextField(), default=list)  # virtual transactions
    seen = ArrayField(models.BigIntegerField(), default=list)  # ids above `settled_id`

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return self.name
