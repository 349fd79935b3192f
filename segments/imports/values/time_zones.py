"""Time zones: IANA names, and what Windows and Ruby on Rails call them."""

import html
import re
from functools import lru_cache

from babel.core import get_global

from segments.imports.values.column import UNKNOWN, Reader, Spelling, says_unknown
from segments.imports.values.countries import plain

# Names that Rails shows instead of the zone's own city; the other cities are IANA's.
RAILS = {
    "International Date Line West": "Etc/GMT+12",
    "American Samoa": "Pacific/Pago_Pago",
    "Midway Island": "Pacific/Midway",
    "Hawaii": "Pacific/Honolulu",
    "Alaska": "America/Juneau",
    "Pacific Time (US & Canada)": "America/Los_Angeles",
    "Arizona": "America/Phoenix",
    "Mountain Time (US & Canada)": "America/Denver",
    "Central Time (US & Canada)": "America/Chicago",
    "Central America": "America/Guatemala",
    "Guadalajara": "America/Mexico_City",
    "Saskatchewan": "America/Regina",
    "Eastern Time (US & Canada)": "America/New_York",
    "Indiana (East)": "America/Indiana/Indianapolis",
    "Quito": "America/Lima",
    "Atlantic Time (Canada)": "America/Halifax",
    "Georgetown": "America/Guyana",
    "Newfoundland": "America/St_Johns",
    "Brasilia": "America/Sao_Paulo",
    "Greenland": "America/Godthab",
    "Mid-Atlantic": "Atlantic/South_Georgia",
    "Cape Verde Is.": "Atlantic/Cape_Verde",
    "Edinburgh": "Europe/London",
    "Bern": "Europe/Zurich",
    "West Central Africa": "Africa/Algiers",
    "Pretoria": "Africa/Johannesburg",
    "Kyev": "Europe/Kiev",
    "St. Petersburg": "Europe/Moscow",
    "Abu Dhabi": "Asia/Muscat",
    "Ekaterinburg": "Asia/Yekaterinburg",
    "Islamabad": "Asia/Karachi",
    "Chennai": "Asia/Kolkata",
    "Mumbai": "Asia/Kolkata",
    "New Delhi": "Asia/Kolkata",
    "Sri Jayawardenepura": "Asia/Colombo",
    "Astana": "Asia/Dhaka",
    "Hanoi": "Asia/Bangkok",
    "Beijing": "Asia/Shanghai",
    "Osaka": "Asia/Tokyo",
    "Sapporo": "Asia/Tokyo",
    "Canberra": "Australia/Melbourne",
    "Solomon Is.": "Pacific/Guadalcanal",
    "New Caledonia": "Pacific/Noumea",
    "Marshall Is.": "Pacific/Majuro",
    "Wellington": "Pacific/Auckland",
    "Nuku'alofa": "Pacific/Tongatapu",
    "Tokelau Is.": "Pacific/Fakaofo",
    "Chatham Is.": "Pacific/Chatham",
    "Samoa": "Pacific/Apia",
}
# Names that neither CLDR's table of Windows names nor Rails has.
OTHERS = {
    "Kamchatka Standard Time": "Asia/Kamchatka",
    "Mid-Atlantic Standard Time": "Atlantic/South_Georgia",
    "Central European Time": "CET",
    "Mitteleuropäische Zeit": "CET",
    "MEZ": "CET",
    "Eastern European Time": "EET",
    "Western European Time": "WET",
}
# The names of these mean other zones, too, or no place at all: EST is in America and Australia.
UNCLEAR = frozenset({"EST", "MST", "Factory", "localtime", "posixrules"})
INSIDE = re.compile(r"[A-Za-z]+(?:/[A-Za-z0-9_+-]+)+")  # Greenwich Mean Time (Europe/London)
SIGNED = ("Etc/GMT+", "Etc/GMT-")  # a sign is no punctuation in these
UTC_WORDS = ("z", "utc", "gmt", "coordinated universal time", "greenwich mean time")


class TimeZones(Reader):
    """zones : the names that may be stored, as they are spelt."""

    def __init__(self, zones: frozenset[str]) -> None:
        self._zones = zones
        self._names = _names(zones)
        self._signed = {zone.casefold(): zone for zone in zones if zone.startswith(SIGNED)}

    def spell_one(self, cell: str) -> Spelling:
        name = html.unescape(cell).strip().partition(";")[0]
        if (inside := INSIDE.search(name)) and (zone := self._of_iana(inside[0])):
            return zone
        if name.startswith("(") and ")" in name:  # (UTC+01:00) Berlin, Bern, Rome
            name = name.partition(")")[2].strip()
            name = name if plain(name) in self._names else name.partition(",")[0]
        without_remark = name.partition(" (")[0]
        zone = self._names.get(plain(name)) or self._names.get(plain(without_remark))
        return zone or (UNKNOWN if says_unknown(cell) else None)

    def _of_iana(self, name: str) -> str | None:
        if name.casefold().startswith(("etc/gmt+", "etc/gmt-")):
            return self._signed.get(name.casefold())
        return self._names.get(plain(name))


@lru_cache(maxsize=2)
def _names(zones: frozenset[str]) -> dict[str, str]:
    names: dict[str, str] = {}
    cities: dict[str, set[str]] = {}
    for zone in zones:
        if "/" in zone and not zone.startswith(("Etc/", "posix/", "right/", "SystemV/", "US/")):
            cities.setdefault(plain(zone.rpartition("/")[2]), set()).add(zone)
    aliases = get_global("zone_aliases")
    for city, zones_of_city in cities.items():
        canonical = {aliases.get(zone, zone) for zone in zones_of_city} & zones or zones_of_city
        if len(canonical) == 1:
            names[city] = next(iter(canonical))
    windows = get_global("windows_zone_mapping")
    for table in (windows, RAILS, OTHERS):
        names |= {plain(name): zone for name, zone in table.items() if zone in zones}
    names |= {plain(zone): zone for zone in zones if not zone.startswith(SIGNED)}
    names |= dict.fromkeys(UTC_WORDS, "UTC") if "UTC" in zones else {}
    return names
