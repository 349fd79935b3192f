"""Suppressed addresses got nothing: the list holds hashes, so addresses are hashed once more here.

A customer's row does not say which addresses it held before. So a message says something only where
the row was not written since: then it went to the address that is there now.
"""

import hmac
import re
from contextlib import suppress

from django.conf import settings

from reports.ledger_check.evidence import SLACK, Evidence, rows
from reports.ledger_check.findings import Findings
from segments.channels import address_fields, inbound_channels


def normal_email(address: str) -> str:
    local, at, domain = address.strip().lower().rpartition("@")
    with suppress(UnicodeError):  # it is compared unchanged: no message could reach it
        domain = domain if address.isascii() else domain.encode("idna").decode()
    return f"{local}{at}{domain}"


def normal_phone(number: str) -> str:
    digits = "".join(re.findall(r"\d", number))
    if number.strip().startswith("+"):
        return "+" + digits
    return "+" + digits[2:] if digits.startswith("00") else digits


NORMAL = {"email": normal_email, "phone": normal_phone}


def hash_of(field: str, address: str) -> bytes:
    """HMAC-SHA-256 of the normal spelling, as documented."""
    key = settings.SUPPRESSION_KEY.encode()
    return hmac.new(key, NORMAL[field](address).encode(errors="replace"), "sha256").digest()


def check_suppressed(evidence: Evidence, findings: Findings) -> None:
    fields = address_fields()
    since = {
        (row["channel"], bytes(row["address_hash"])): row["since"]
        for row in rows("SELECT channel, address_hash, since FROM segments_suppression")
    }
    for customer, history in sorted(evidence.history.items()):
        person = evidence.people[customer]
        for contact in history:
            at, channel = contact.arrived_at, contact.channel
            if at is None or at < max(evidence.since, person.updated_at):
                continue
            if channel in inbound_channels() or not person.addresses.get(channel):
                continue
            barred = since.get((channel, hash_of(fields[channel], person.addresses[channel])))
            is_kept = barred is None or at < barred + SLACK
            text = f"customer {customer}, contact {contact.id} by {channel}"
            findings.check("suppressed addresses", is_kept, at, text)
