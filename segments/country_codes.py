"""Countries by their codes: ISO 3166 of two letters, and what many people write instead."""

from functools import lru_cache

import pycountry

OTHERS = {"UK": "GB", "EL": "GR"}  # reserved for nobody else


@lru_cache(maxsize=1)
def country_codes() -> frozenset[str]:
    """ISO 3166 codes of two letters, and XK, which banks and shops use for Kosovo."""
    return frozenset(country.alpha_2 for country in pycountry.countries) | {"XK"}


def country_of(code: str) -> str | None:
    """The ISO 3166 code of a code of two letters in any case; None where it is none."""
    code = code.upper()
    code = OTHERS.get(code, code)
    return code if code in country_codes() else None
