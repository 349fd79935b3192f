"""In which time zones a customer may be: by what is known of the customer, else of the country."""

from functools import lru_cache
from importlib.resources import files
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray


def zones_of(customer_zone: str, country: str, organisation_zone: str) -> tuple[str, ...]:
    """IANA names of the zones in which a customer may be, the likeliest first.

    customer_zone : used if it is a zone; country : otherwise all zones of the country, ISO 3166, in
    the order of tzdata's zone.tab, the most populous about first; organisation_zone : else this.
    Where something holds in local time, such as quiet hours, it is over once it is in all of them.
    """
    if is_zone(customer_zone):
        return (customer_zone,)
    return zones_of_countries().get(country.upper()) or (organisation_zone,)


def main_zones(
    customer_zones: NDArray, countries: NDArray, organisation_zone: str
) -> NDArray[np.object_]:
    """(n,) the first of each customer's zones, in which calendar windows are counted."""
    known: dict[tuple[str, str], str] = {}
    zones = np.empty(len(customer_zones), dtype=object)
    for row, pair in enumerate(zip(customer_zones.tolist(), countries.tolist(), strict=True)):
        if pair not in known:
            known[pair] = zones_of(*pair, organisation_zone)[0]
        zones[row] = known[pair]
    return zones


@lru_cache(maxsize=1024)
def is_zone(name: str) -> bool:
    """Whether a text is the name of a time zone, whatever else it may be."""
    try:
        return bool(name) and ZoneInfo(name) is not None
    except (LookupError, ValueError, OSError):  # unknown; not a key; a folder of zones
        return False


@lru_cache(maxsize=1)
def zones_of_countries() -> dict[str, tuple[str, ...]]:
    """All zones of each country, by its ISO 3166 code, in the order of zone.tab.

    Source: zone.tab of the IANA time zone database, as the tzdata package carries it.
    """
    zones: dict[str, tuple[str, ...]] = {}
    for line in (files("tzdata.zoneinfo") / "zone.tab").read_text("utf-8").splitlines():
        if line and not line.startswith("#"):
            country, _coordinates, zone, *_comment = line.split("\t")
            zones[country] = (*zones.get(country, ()), zone)
    return zones
