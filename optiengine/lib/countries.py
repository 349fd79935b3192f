"""Countries by their ISO 3166 codes, as the time zone database lists them."""

from functools import lru_cache
from importlib.resources import files

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _


@lru_cache(maxsize=1)
def country_of_zones() -> dict[str, str]:
    """The one country of each time zone. Source: zone.tab, as the tzdata package carries it."""
    countries = {}
    for line in (files("tzdata.zoneinfo") / "zone.tab").read_text("utf-8").splitlines():
        if line and not line.startswith("#"):
            country, _coordinates, zone, *_comment = line.split("\t")
            countries[zone] = country
    return countries


def country_of_zone(zone: str) -> str:
    """Empty for zones of no country, such as UTC."""
    return country_of_zones().get(zone, "")


def validate_country(code: str) -> None:
    """Raises ValidationError unless `code` is that of a country, in capital letters."""
    if code not in country_of_zones().values():
        raise ValidationError(
            _("“%(code)s” is not a known country. Use a two-letter ISO 3166 code such as DE."),
            params={"code": code},
        )
