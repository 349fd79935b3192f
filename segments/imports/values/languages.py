"""Languages: codes as BCP 47 writes them, and names in English and in the language itself."""

import re
from functools import lru_cache

import pycountry
from babel.localedata import locale_identifiers

from segments.country_codes import country_codes
from segments.imports.values.column import UNKNOWN, Reader, Spelling, says_unknown
from segments.imports.values.countries import LARGE, country_code, own_names, plain
from segments.shapes import language_tag

CODE = re.compile(r"^([A-Za-z]{2,3})(?:[-_]([A-Za-z]{4}))?(?:[-_]([A-Za-z]{2}|\d{3}))?$")
MAX_LENGTH = 10  # of what the database keeps
OLD_CODES = {"iw": "he", "in": "id", "ji": "yi", "mo": "ro"}  # still written by Java programs
NAMES = {
    "brazilian portuguese": "pt-BR",
    "portugues brasileiro": "pt-BR",
    "portugues do brasil": "pt-BR",
    "european portuguese": "pt-PT",
    "british english": "en-GB",
    "american english": "en-US",
    "castellano": "es",
    "castilian": "es",
    "mandarin": "zh",
    "simplified chinese": "zh-Hans",
    "chinese simplified": "zh-Hans",
    "traditional chinese": "zh-Hant",
    "chinese traditional": "zh-Hant",
    "flemish": "nl-BE",
    "norwegian": "no",
    "farsi": "fa",
}


@lru_cache(maxsize=1)
def language_codes() -> frozenset[str]:
    """Codes of ISO 639: of two letters, and of three where a language has none of two."""
    return frozenset(
        language.alpha_2 if hasattr(language, "alpha_2") else language.alpha_3
        for language in pycountry.languages
    )


@lru_cache(maxsize=1)
def common_codes() -> frozenset[str]:
    """Those of two letters, which need no second look."""
    return frozenset(code for code in language_codes() if len(code) == 2)


@lru_cache(maxsize=1)
def _short_codes() -> dict[str, str]:
    """deu and ger → de."""
    short = {}
    for language in pycountry.languages:
        if hasattr(language, "alpha_2"):
            short[language.alpha_3] = language.alpha_2
            short[getattr(language, "bibliographic", language.alpha_3)] = language.alpha_2
    return short


@lru_cache(maxsize=1)
def _names() -> dict[str, str]:
    names: dict[str, str] = {}
    codes = language_codes()
    for locale in LARGE:
        for code, name in own_names(locale, "languages").items():
            if code in codes:
                names.setdefault(plain(name), code)
    for code in locale_identifiers():
        if "_" not in code and code in codes:
            own_name = own_names(code, "languages").get(code)
            names |= {plain(own_name): code} if own_name else {}
    english = own_names("en", "languages")
    names |= {plain(name): code for code, name in english.items() if code in codes}
    return names | NAMES


def language_code(cell: str) -> str | None:
    """The code that a cell means, such as pt-BR; None where it means no language."""
    cell = cell.strip().partition(".")[0]  # pt_BR.UTF-8
    if parts_of_code := CODE.match(cell):
        language, script, region = parts_of_code.groups()
        language = _short_codes().get(language.lower(), language.lower())
        language = OLD_CODES.get(language, language)
        region = region.upper() if region else ""
        known = region in country_codes() or region.isdigit() or not region
        if language in language_codes() and known:
            code = language_tag("-".join(part for part in (language, script, region) if part))
            return code if len(code) <= MAX_LENGTH else f"{language}-{region}"
    for name in (cell, *cell.split(";"), cell.partition(",")[0]):  # Greek, Modern (1453-)
        if code_of_name := _names().get(plain(name)):
            return code_of_name
    head, bracket, tail = cell.partition("(")  # Portuguese (Brazil)
    if bracket and (language := language_code(head)):
        region = country_code(tail.rstrip(" )")) or ""
        return f"{language.partition('-')[0]}-{region}" if region else None
    return None


class Languages(Reader):
    def spell_one(self, cell: str) -> Spelling:
        return language_code(cell) or (UNKNOWN if says_unknown(cell) else None)
