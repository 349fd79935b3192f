"""The published 1/10 sample of CDNOW's purchases, as customers and orders of the engine."""

from datetime import UTC, datetime

from segments.models import Customer
from tests.segments.stories import event, store
from tests.shared_data import shared_file


def store_cdnow() -> dict[str, Customer]:
    """Store 2,357 customers, with orders from January 1997 to June 1998; the customers by id."""
    lines = shared_file("cdnow/CDNOW_sample.txt").read_text().splitlines()
    purchases = [line.split() for line in lines if line.strip()]
    made = Customer.objects.bulk_create(
        Customer(external_id=key) for key in sorted({row[1] for row in purchases})
    )
    customers = {customer.external_id: customer for customer in made}
    store(
        *(
            event(
                customers[key],
                "order",
                datetime.strptime(day, "%Y%m%d").replace(hour=15, tzinfo=UTC),
                amount_cents=round(float(dollars) * 100),
            )
            for _, key, day, _, dollars in purchases
        )
    )
    return customers
