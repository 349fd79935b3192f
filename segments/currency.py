"""The organisation's currency, for displaying money."""

from django.db.models import QuerySet, Subquery

from segments.models import Organisation


def with_currency(queryset: QuerySet) -> QuerySet:
    """Each row with a `currency`, at the cost of no further query."""
    return queryset.annotate(
        currency=Subquery(Organisation.objects.filter(pk=1).values("currency")[:1])
    )
