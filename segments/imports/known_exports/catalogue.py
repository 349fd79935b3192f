"""All exports that are recognised, and which one a file is."""

from collections.abc import Sequence

from segments.imports.known_exports import (
    hubspot,
    klaviyo,
    magento,
    mailchimp,
    online_retail,
    prestashop,
    salesforce,
    shopify,
    stripe,
    woocommerce,
)
from segments.imports.known_exports.known_export import KnownExport

KNOWN_EXPORTS: tuple[KnownExport, ...] = (
    shopify.CUSTOMERS,
    shopify.ORDERS,
    woocommerce.CUSTOMERS,
    woocommerce.ORDERS,
    magento.CUSTOMERS,
    magento.CUSTOMER_ENTITIES,
    magento.ORDERS,
    prestashop.CUSTOMERS,
    prestashop.CUSTOMER_TABLE,
    prestashop.ORDERS,
    mailchimp.CONTACTS,
    mailchimp.STATUS,
    mailchimp.UNSUBSCRIBED,
    mailchimp.CLEANED,
    mailchimp.MEMBERS,
    klaviyo.PROFILES,
    hubspot.CONTACTS,
    salesforce.CONTACTS,
    stripe.PAYMENTS,
    online_retail.LINES,
)


def recognise(columns: Sequence[str]) -> KnownExport | None:
    """The first of the known exports whose headings a file has; None where it is none of them."""
    return next((export for export in KNOWN_EXPORTS if export.is_of(columns)), None)
