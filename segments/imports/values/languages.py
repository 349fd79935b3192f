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
    "vlaams": "nl-BE",
    "moldovan": "ro",
    "简体中文": "zh-Hans",
    "中文 简体": "zh-Hans",
    "中文简体": "zh-Hans",
    "繁體中文": "zh-Hant",
    "繁体中文": "zh-Hant",
    "正體中文": "zh-Hant",
    "中文 繁體": "zh-Hant",
    "中文 繁体": "zh-Hant",
}
# What may stand behind a language and is no country.
VARIANTS = {
    "latin": "Latn",
    "cyrillic": "Cyrl",
    "simplified": "Hans",
    "traditional": "Hant",
    "latin america": "419",
    "latam": "419",
    "latinoamerica": "419",
    "america latina": "419",
}
NO_LANGUAGE = {"und", "mul", "zxx", "mis"}  # codes that say that it is not known
REGION = re.compile(r"^(?P<language>[^(,]+?)\s*(?:\(|,\s|\s[-–]\s)(?P<region>.+?)\)?$")


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
    cell = re.split(r"[.@;]", cell.strip())[0]  # pt_BR.UTF-8, de_DE@euro, en;q=0.9
    if CODE.match(first := cell.partition(",")[0]):  # en-US,en
        cell = first
    if parts_of_code := CODE.match(cell):
        language, script, region = parts_of_code.groups()
        language = _short_codes().get(language.lower(), language.lower())
        language = OLD_CODES.get(language, language)
        region = region.upper() if region else ""
        known = region in country_codes() or region.isdigit() or not region
        if language in language_codes() and known:
            code = language_tag("-".join(part for part in (language, script, region) if part))
            return code if len(code) <= MAX_LENGTH else f"{language}-{region}"
    if code_of_name := _names().get(plain(cell)):
        return code_of_name
    if parts := REGION.match(cell):  # Portuguese (Brazil), German - Germany
        language = language_code(parts["language"]) or ""
        name = parts["region"]
        region = VARIANTS.get(plain(name)) or country_code(name)
        if language and region:
            return f"{language.partition('-')[0]}-{region}"
        if "(" in cell.partition(",")[0]:
            return None
    return _names().get(plain(cell.partition(",")[0]))  # Greek, Modern (1453-)


class Languages(Reader):
    def spell_one(self, cell: str) -> Spelling:
        if says_unknown(cell) or cell.strip().lower() in NO_LANGUAGE:
            return UNKNOWN
        return language_code(cell)
