from journeys.delivery.render_message import Links
from segments.customers.customer_links import PREFERENCES, UNSUBSCRIBE, Reader, page_url


def links_for(reader: Reader) -> Links:
    """The pages of one customer that a message leads to; none without the setting PUBLIC_URL."""
    return Links(page_url(UNSUBSCRIBE, reader), page_url(PREFERENCES, reader))
