"""Why a delivery was not sent, waits, failed or is unclear: a code with its parameters.

A delivery stores both (Delivery.reason_code, Delivery.reason_params); the sentence is made when
somebody reads it, in their language. A new reason is a member of ReasonCode with the next free
number and a line in SENTENCES. Numbers and names are stored and served: they never change.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

from django.db import models
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from optiengine.lib.safe_text import one_line

LONGEST = 200  # characters of a parameter: another side may answer anything


class ReasonCode(models.IntegerChoices):
    """The labels are for filters and counts; SENTENCES has the words for one delivery."""

    # The check before the hand-over stops the message.
    CUSTOMER_UNKNOWN = 1, _("customer no longer known")
    CUSTOMER_ERASED = 2, _("customer erased")
    CUSTOMER_SUPPRESSED = 3, _("customer suppressed")
    ADDRESS_SUPPRESSED = 4, _("address suppressed")
    NO_CONSENT = 5, _("no consent")
    NO_ADDRESS = 6, _("no address")
    CAMPAIGN_INACTIVE = 7, _("campaign not active")
    JOURNEY_INACTIVE = 8, _("journey not active")
    TOPIC_DECLINED = 9, _("topic declined")
    ACTION_INACTIVE = 10, _("action not active")
    EXPIRED = 11, _("too late")
    CONSENT_UNCLEAR = 12, _("consent unclear")
    ADDRESS_UNSETTLED = 17, _("address unclear")
    # It holds the message, which may leave once this is over; where it expires first, that is why.
    CAMPAIGN_PAUSED = 13, _("campaign paused")
    JOURNEY_PAUSED = 14, _("journey paused")
    ROUTE_CLOSED = 15, _("channel closed")
    SENDING_STOPPED = 16, _("sending stopped")
    # A limit lets it wait, or stops it where it would be too late afterwards.
    QUIET_HOURS = 20, _("quiet hours")
    FREQUENCY_CAP = 21, _("frequency cap")
    MINIMUM_GAP = 22, _("minimum gap")
    EXCLUSION = 23, _("exclusion")
    COOL_DOWN = 24, _("cool-down")
    # The message itself cannot be handed over.
    ADDRESS_INVALID = 30, _("invalid address")
    TEXT_FAULT = 31, _("fault in the text")
    MESSAGE_INVALID = 32, _("message cannot be sent")
    # What the other side answered.
    ADDRESS_REFUSED = 40, _("address refused")
    MESSAGE_REFUSED = 41, _("message refused")
    NOT_TAKEN = 42, _("not accepted this time")
    UNCLEAR_ANSWER = 43, _("unclear answer")
    NOT_CONFIRMED = 44, _("not confirmed")
    CONNECTION_LOST = 45, _("connection lost")
    FILE_UNCLEAR = 46, _("file possibly delivered")
    SESSION_OVER = 47, _("no more messages accepted")
    # Nothing was sent to the other system.
    UNREACHABLE = 50, _("other system not reached")
    NOT_SET_UP = 51, _("channel not set up")
    PROVIDER_NOT_SET = 52, _("no e-mail service provider")
    ENDPOINT_INACTIVE = 53, _("webhook endpoint not active")
    TARGET_INACTIVE = 54, _("SFTP target not active")
    # What became of a delivery that was unclear.
    INTERRUPTED = 60, _("interrupted")
    SETTLED_AS_SENT = 61, _("settled as sent")
    SETTLED_AS_NOT_SENT = 62, _("settled as not sent")
    REPORTED_BY_PROVIDER = 63, _("reported by the provider")
    # Of a delivery that is older than the codes.
    AS_WRITTEN = 99, _("original text")

    @property
    def slug(self) -> str:
        """The name under which the API serves the code."""
        return self.name.lower()


def reason_choices() -> list[tuple[int, Any]]:
    """A function, so that a new reason needs no migration."""
    return ReasonCode.choices


SENTENCES: Mapping[ReasonCode, Any] = {
    ReasonCode.CUSTOMER_UNKNOWN: _("The customer is no longer known."),
    ReasonCode.CUSTOMER_ERASED: _("The customer was erased."),
    ReasonCode.CUSTOMER_SUPPRESSED: _("The customer is suppressed."),
    ReasonCode.ADDRESS_SUPPRESSED: _("The address is suppressed."),
    ReasonCode.NO_CONSENT: _("No consent for this channel."),
    ReasonCode.CONSENT_UNCLEAR: _(
        "Consent for this channel is unclear: the latest statement could not be read."
    ),
    ReasonCode.NO_ADDRESS: _("No address for this channel."),
    ReasonCode.CAMPAIGN_INACTIVE: _("The campaign is no longer active."),
    ReasonCode.JOURNEY_INACTIVE: _("The journey is no longer active."),
    ReasonCode.TOPIC_DECLINED: _("The customer opted out of a topic of the campaign."),
    ReasonCode.ACTION_INACTIVE: _("The action is no longer active."),
    ReasonCode.EXPIRED: _("The message has expired."),
    ReasonCode.CAMPAIGN_PAUSED: _("The campaign is paused."),
    ReasonCode.JOURNEY_PAUSED: _("The journey is paused."),
    ReasonCode.ROUTE_CLOSED: _("The channel is closed."),
    ReasonCode.SENDING_STOPPED: _("Sending is stopped."),
    ReasonCode.ADDRESS_UNSETTLED: _(
        "The address cannot be compared with the suppression list. "
        "Set the customer's country or write the number with its country code."
    ),
    ReasonCode.QUIET_HOURS: _("Quiet hours"),  # of a limit: the beginning, see _limit_sentence
    ReasonCode.FREQUENCY_CAP: _("Frequency cap “%(rule)s”"),
    ReasonCode.MINIMUM_GAP: _("Minimum gap “%(rule)s”"),
    ReasonCode.EXCLUSION: _("Exclusion “%(rule)s”"),
    ReasonCode.COOL_DOWN: _("Cool-down of “%(rule)s”"),
    ReasonCode.ADDRESS_INVALID: _("The address is not a valid e-mail address."),
    ReasonCode.TEXT_FAULT: _("The text could not be filled in: %(fault)s"),
    ReasonCode.MESSAGE_INVALID: _("The message cannot be sent: %(fault)s"),
    ReasonCode.ADDRESS_REFUSED: _("The address was refused: %(answer)s"),
    ReasonCode.MESSAGE_REFUSED: _("The message was refused: %(answer)s"),
    ReasonCode.NOT_TAKEN: _("The message was not accepted this time: %(answer)s"),
    ReasonCode.UNCLEAR_ANSWER: _("It is unclear whether the message was accepted: %(answer)s"),
    ReasonCode.NOT_CONFIRMED: _("The other system did not confirm that it accepted the message."),
    ReasonCode.CONNECTION_LOST: _("The connection was lost: %(fault)s"),
    ReasonCode.FILE_UNCLEAR: _("The file may have been delivered: %(fault)s"),
    ReasonCode.SESSION_OVER: _("The other system did not accept more messages."),
    ReasonCode.UNREACHABLE: _("The other system could not be reached: %(fault)s"),
    ReasonCode.NOT_SET_UP: _("The channel is not set up: %(fault)s"),
    ReasonCode.PROVIDER_NOT_SET: _("No e-mail service provider is configured. Set ANYMAIL_ESP."),
    ReasonCode.ENDPOINT_INACTIVE: _("The webhook endpoint is not active."),
    ReasonCode.TARGET_INACTIVE: _("The SFTP target is not active."),
    ReasonCode.INTERRUPTED: _("Interrupted while sending. The message may have arrived."),
    ReasonCode.SETTLED_AS_SENT: _("Marked as sent by %(by)s."),
    ReasonCode.SETTLED_AS_NOT_SENT: _("Marked as not sent by %(by)s."),
    ReasonCode.REPORTED_BY_PROVIDER: _("Sent: %(provider)s reported on it."),
    ReasonCode.AS_WRITTEN: "%(text)s",
}
LIMITS = frozenset(code for code in ReasonCode if 20 <= code < 30)
# until: a moment in UTC, null where there is none; zone: whose clock people read it by;
# too_late: the message expires before.
LIMIT_PARAMETERS = frozenset({"until", "zone", "too_late"})
# What others say may name a person or an address: it goes when the customer is erased.
PERSONAL = frozenset({"answer", "fault", "text"})


@cache
def parameters_of(code: ReasonCode) -> frozenset[str]:
    """Names of all parameters that a reason with this code has."""
    named = frozenset(re.findall(r"%\((\w+)\)s", str(SENTENCES[code])))
    return named | LIMIT_PARAMETERS if code in LIMITS else named


@dataclass(frozen=True, slots=True)
class Reason:
    """A reason as a delivery stores it; as a string, its sentence in the current language.

    A delivery that is older than the codes keeps its sentence as the parameter `text`.
    """

    code: ReasonCode
    params: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        if text := self.params.get("text"):
            return str(text)
        missing = parameters_of(self.code) - self.params.keys()
        words = {name: gettext("(deleted)") for name in missing} | dict(self.params)
        sentence = str(SENTENCES[self.code]) % words
        return _limit_sentence(sentence, self.params) if self.code in LIMITS else sentence


def make_reason(code: ReasonCode, **params: Any) -> Reason:
    """A reason to store. Raises TypeError unless the parameters are just those of its code."""
    if params.keys() != parameters_of(code):
        raise TypeError(f"{code.slug} takes {sorted(parameters_of(code))}, not {sorted(params)}")
    return Reason(code, {name: _storable(value) for name, value in params.items()})


def _storable(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    if isinstance(value, str):  # half of a surrogate pair is no text to PostgreSQL
        return one_line(value.encode(errors="replace").decode())[:LONGEST]
    return value


def _limit_sentence(limit: str, params: Mapping[str, Any]) -> str:
    """Until when a limit holds a message, or why it is not sent at all."""
    if not params.get("until"):
        return gettext("%(limit)s: there is no possible time.") % {"limit": limit}
    until = datetime.fromisoformat(params["until"]).astimezone(ZoneInfo(params["zone"]))
    words = {"limit": limit, "moment": f"{until:%Y-%m-%d %H:%M %Z}"}
    if params.get("too_late"):
        return gettext("%(limit)s until %(moment)s, after the message expires.") % words
    return gettext("%(limit)s until %(moment)s.") % words
