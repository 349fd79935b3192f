"""What a customer's or an event's field may look like: the same in files and in the API."""

from datetime import date

from segments.addresses import BLANK_CLASS, INVISIBLE_CLASS

EARLIEST_BIRTH = date(1900, 1, 1)
YEARLESS = 1604  # the year of a birthday whose year is not known: a leap year of nobody alive
EARLIEST_EVENT = date(1970, 1, 1)
MAX_EXTRA = 1_000  # characters of an attribute or property
MAX_CENTS = 10**15

# The HTML standard's address, in ASCII or with a domain in other letters (IDNA); invisible
# characters are taken off before. In the part before the @ few servers take more than ASCII.
# Counted repeats such as {1,64} make PostgreSQL's matcher ten times slower; lengths are compared.
EMAIL = (
    r"^[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9][A-Za-z0-9.-]*"
    r"\.(xn--[A-Za-z0-9-]+|[A-Za-z][A-Za-z]+)$"
)
EMAIL_IDNA = (
    r"^[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9\u00a1-\uffef][A-Za-z0-9.\u00a1-\uffef-]*"
    r"\.[A-Za-z\u00a1-\uffef][A-Za-z0-9\u00a1-\uffef-]+$"
)
# Kept as written; what no country settles is held. Letters make it something else: an extension.
PHONE = (
    f"^[{INVISIBLE_CLASS}{BLANK_CLASS}]*'?[+＋]?[0-9０-９(]"
    f"[0-9０-９ ()./\\u2010-\\u2015{INVISIBLE_CLASS}{BLANK_CLASS}-]+$"
)
KIND = r"^[A-Za-z]([A-Za-z0-9_.:/ -]*[A-Za-z0-9_.-])?$"  # of an event: "Product Viewed"
MAX_KIND = 40  # characters of it
LANGUAGE = r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,4}){0,2}$"


def language_tag(code: str) -> str:
    """A language's code as it is stored: pt_br is pt-BR, zh-hans is zh-Hans."""
    language, *rest = code.replace("_", "-").split("-")
    rest = [part.title() if len(part) == 4 else part.upper() for part in rest]
    return "-".join([language.lower(), *rest])


def birthday_in_words(day: date | None) -> date | str | None:
    """A birth date, or of one without a year --03-14, as ISO 8601 once wrote it."""
    return f"-{day:-%m-%d}" if day and day.year == YEARLESS else day
