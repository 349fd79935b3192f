"""Countries: ISO 3166 codes of two or three letters, and names in English and local languages."""

import pickle
import re
import unicodedata
from functools import lru_cache
from pathlib import Path

import pycountry
from babel import Locale
from babel.core import get_global
from babel.localedata import locale_identifiers, resolve_locale_filename

from segments.country_codes import country_codes, country_of
from segments.imports.values.column import UNKNOWN, Reader, Spelling, says_unknown

# Names are looked up in these languages first; what another language calls by the same name loses.
LARGE = (
    *("en", "de", "fr", "es", "pt", "it", "nl", "pl", "sv", "da", "nb", "fi", "cs", "sk", "hu"),
    *("ro", "bg", "el", "hr", "sl", "sr", "uk", "ru", "tr", "et", "lv", "lt", "ga", "ca", "eu"),
    *("gl", "is", "mt", "ar", "he", "hi", "id", "ja", "ko", "vi", "th", "zh", "zh_Hant"),
)
NAMES = {  # names in use that neither ISO 3166 nor CLDR has
    "england": "GB",
    "scotland": "GB",
    "wales": "GB",
    "northern ireland": "GB",
    "great britain": "GB",
    "britain": "GB",
    "america": "US",
    "united states of america": "US",
    "the united states": "US",
    "estados unidos da america": "US",
    "estados unidos de america": "US",
    "vereinigte staaten von amerika": "US",
    "etats unis d amerique": "US",
    "eua": "US",
    "eeuu": "US",
    "ee uu": "US",
    "us of a": "US",
    "holland": "NL",
    "the netherlands": "NL",
    "brd": "DE",
    "federal republic of germany": "DE",
    "bundesrepublik deutschland": "DE",
    "republic of ireland": "IE",
    "eire": "IE",
    "oesterreich": "AT",
    "rsa": "ZA",
    "uae": "AE",
    "ksa": "SA",
    "prc": "CN",
    "bosnia": "BA",
    "trinidad": "TT",
    "dr congo": "CD",
    "drc": "CD",
    "bharat": "IN",
    "palestinian territory": "PS",
    "hong kong sar": "HK",
    "macau sar": "MO",
    "korea": "KR",
    "south korea": "KR",
    "republic of korea": "KR",
    "north korea": "KP",
    "macedonia": "MK",
    "swaziland": "SZ",
    "ivory coast": "CI",
    "burma": "MM",
    "cape verde": "CV",
    "czech republic": "CZ",
    "turkey": "TR",
    "russia": "RU",
    "vatican": "VA",
    "palestine": "PS",
    "taiwan": "TW",
    "hong kong": "HK",
    "macau": "MO",
    "macao": "MO",
    "kosovo": "XK",
    "n ireland": "GB",
    "grossbritannien": "GB",
    "grande bretagne": "GB",
    "gran bretana": "GB",
    "gra bretanha": "GB",
    "gran bretagna": "GB",
    "angleterre": "GB",
    "inglaterra": "GB",
    "inghilterra": "GB",
    "engeland": "GB",
    "anglia": "GB",
    "schottland": "GB",
    "ecosse": "GB",
    "escocia": "GB",
    "scozia": "GB",
    "schotland": "GB",
    "pays de galles": "GB",
    "gales": "GB",
    "galles": "GB",
    "nordirland": "GB",
    "irlande du nord": "GB",
    "irlanda del norte": "GB",
    "irlanda do norte": "GB",
    "irlanda del nord": "GB",
    "fyrom": "MK",
    "former yugoslav republic of macedonia": "MK",
    "mazedonien": "MK",
    "elfenbeinkuste": "CI",
    "weissrussland": "BY",
    "byelorussia": "BY",
    "bosnien": "BA",
    "tschechische republik": "CZ",
    "czech rep": "CZ",
    "dominican rep": "DO",
    "holy see": "VA",
    "st kitts": "KN",
    "sao tome": "ST",
    "canary islands": "ES",
    "kanarische inseln": "ES",
    "islas canarias": "ES",
    "balearic islands": "ES",
    "madeira": "PT",
    "azores": "PT",
    "acores": "PT",
    "emirates": "AE",
}
# Codes of three letters that ISO 3166 gives nobody, or gave before.
ALPHA_3 = {"XKX": "XK", "RKS": "XK", "UNK": "XK", "ROM": "RO", "TMP": "TL", "BUR": "MM"}
LOCALE = re.compile(r"^[a-z]{2}[-_](?P<region>[A-Z]{2})$")  # de_DE
UMLAUTS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue"})
FIRST_FLAG = ord("\U0001f1e6")  # 🇦: two of these make a flag
NAME_AND_CODE = re.compile(
    r"^(?:(?P<name>.{3,}?)\s*(?:[(\[]|,\s?)(?P<behind>[A-Za-z]{2})[)\]]?"
    r"|(?P<before>[A-Za-z]{2})\s*[-–:|]\s*(?P<name_behind>.{3,}))$"
)
UNCLEAR = {"congo"}  # two countries, although ISO 3166 calls one of them so


def plain(name: str) -> str:
    """A name without what people vary: case, accents, punctuation, "&" for "and", "St." ."""
    if name.isascii() and name.isalnum():
        return name.lower()
    bare = unicodedata.normalize("NFKD", name.casefold().replace("&", " and "))
    bare = "".join(c for c in bare if not unicodedata.combining(c))
    words = "".join(c if c.isalnum() else " " for c in unicodedata.normalize("NFC", bare)).split()
    return " ".join(words)


@lru_cache(maxsize=1)
def _large_names() -> dict[str, str]:
    names = _names_in(LARGE)
    for country in pycountry.countries:
        for field in ("name", "official_name", "common_name"):
            if name := getattr(country, field, ""):
                names[plain(name)] = country.alpha_2
                head, comma, tail = name.partition(", ")
                if comma:  # Korea, Republic of
                    names.setdefault(plain(f"{tail} {head}"), country.alpha_2)
    english = Locale.parse("en").territories
    names |= {plain(english[code]): code for code in country_codes() if code in english}
    names |= NAMES
    german = own_names("de", "territories")
    for code, name in german.items():  # Aegypten
        if code in country_codes():
            names.setdefault(plain(name.lower().translate(UMLAUTS)), code)
    return {name: code for name, code in names.items() if name not in UNCLEAR}


@lru_cache(maxsize=1)
def _all_names() -> dict[str, str]:
    """In all languages of CLDR; takes half a second, so only where a large one does not do."""
    others = [code for code in locale_identifiers() if "_" not in code and code not in LARGE]
    return _names_in(tuple(others)) | _large_names() | dict.fromkeys(UNCLEAR, "")


def own_names(language: str, what: str) -> dict[str, str]:
    """Names by code in a language, as CLDR has them; what : territories or languages.

    Without what all inherit from the root, which takes most of the time to load. Another parent
    counts: the names of nb and nn are those of no.
    """
    parent = get_global("parent_exceptions").get(language, "root")
    inherited = {} if parent == "root" else own_names(parent, what)
    with Path(resolve_locale_filename(language)).open("rb") as file:
        data = pickle.load(file)  # noqa: S301 - the package's own data
    return inherited | data.get(what, {})


def _names_in(languages: tuple[str, ...]) -> dict[str, str]:
    """Names that mean one country only."""
    pairs = set()
    for language in languages:
        pairs |= set(own_names(language, "territories").items())
    codes_by_name: dict[str, set[str]] = {}
    for code, name in pairs:
        if code in country_codes():
            codes_by_name.setdefault(plain(name), set()).add(code)
    return {name: next(iter(codes)) for name, codes in codes_by_name.items() if len(codes) == 1}


def country_code(cell: str) -> str | None:
    """The ISO 3166 code of two letters that a cell means; None where it means no country."""
    code = cell.strip().upper().replace(".", "")
    if country := country_of(code):
        return country
    if region := LOCALE.match(cell.strip()):
        return country_of(region["region"])
    if flag := _flag(cell.strip()):
        return country_of(flag)
    if len(code) == 3 and code.isascii():
        listed = pycountry.countries.get(alpha_3=code) or pycountry.countries.get(numeric=code)
        if listed:
            return listed.alpha_2
        if code in ALPHA_3:
            return ALPHA_3[code]
        replaced = get_global("territory_aliases").get(code, [])
        if len(replaced) == 1 and replaced[0] in country_codes():
            return replaced[0]
    name = plain(cell)
    if len(name) < 2 or (len(name) == 2 and name.isascii()):
        return None  # a code that is none
    if both := NAME_AND_CODE.match(cell.strip()):  # shops write United States (US)
        named = country_of(both["behind"] or both["before"])
        other = country_code(both["name"] or both["name_behind"])
        return named if named == other else None
    parts = [part for part in cell.split("/") if part.strip()]
    if len(parts) > 1:  # Schweiz/Suisse
        codes = {country_code(part) for part in parts}
        return codes.pop() if len(codes) == 1 else None
    names = [name, plain(code), re.sub(r"^the | the$", "", name)]  # U.A.E.; Gambia, The
    known = (_large_names().get(each) or _all_names().get(each) for each in names)
    return next(filter(None, known), None)


def _flag(cell: str) -> str:
    letters = [ord(c) - FIRST_FLAG for c in cell]
    is_flag = len(letters) == 2 and all(0 <= letter < 26 for letter in letters)
    return "".join(chr(ord("A") + letter) for letter in letters) if is_flag else ""


class Countries(Reader):
    def spell_one(self, cell: str) -> Spelling:
        return country_code(cell) or (UNKNOWN if says_unknown(cell) else None)
