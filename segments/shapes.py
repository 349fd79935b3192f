"""What a customer's or an event's field may look like: the same in files and in the API."""

from datetime import date

EARLIEST_BIRTH = date(1900, 1, 1)
EARLIEST_EVENT = date(1970, 1, 1)
MAX_EXTRA = 1_000  # characters of an attribute or property
MAX_CENTS = 10**15

# The HTML standard's address, only ASCII: look-alike letters and invisible ones stay outside.
# Counted repeats such as {1,64} make PostgreSQL's matcher ten times slower; lengths are compared.
EMAIL = r"^[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9][A-Za-z0-9.-]*\.[A-Za-z][A-Za-z]+$"
PHONE = r"^\+?[0-9(][0-9 ()./-]+$"
KIND = r"^[A-Za-z][A-Za-z0-9_.-]*$"  # of an event
LANGUAGE = r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,4}){0,2}$"
