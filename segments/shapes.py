"""What a customer's or an event's field may look like: the same in files and in the API."""

from datetime import date

EARLIEST_BIRTH = date(1900, 1, 1)
YEARLESS = 1604  # the year of a birthday whose year is not known: a leap year of nobody alive
EARLIEST_EVENT = date(1970, 1, 1)
MAX_EXTRA = 1_000  # characters of an attribute or property
MAX_CENTS = 10**15

# The HTML standard's address, only ASCII: look-alike letters and invisible ones stay outside.
# Counted repeats such as {1,64} make PostgreSQL's matcher ten times slower; lengths are compared.
EMAIL = r"^[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9][A-Za-z0-9.-]*\.[A-Za-z][A-Za-z]+$"
PHONE = r"^\+?[0-9(][0-9 ()./-]+$"
KIND = r"^[A-Za-z][A-Za-z0-9_.-]*$"  # of an event
LANGUAGE = r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,4}){0,2}$"


def birthday_in_words(day: date | None) -> date | str | None:
    """A birth date, or of one without a year --03-14, as ISO 8601 once wrote it."""
    return f"-{day:-%m-%d}" if day and day.year == YEARLESS else day
