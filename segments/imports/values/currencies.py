"""Currencies: ISO 4217 codes, and the signs that stand for them."""

import re
from functools import lru_cache

import pycountry
from babel import Locale

from segments.imports.values.column import Reader, Spelling, Unclear
from segments.imports.values.countries import plain

# A sign of several currencies is the organisation's if that is one of them, else the first, unless
# that is a guess: then it is not clear.
SIGNS = {
    "€": ("EUR",),
    "$": ("USD", "CAD", "AUD", "NZD", "MXN", "ARS", "CLP", "COP", "SGD", "HKD", "TWD"),
    "US$": ("USD",),
    "CA$": ("CAD",),
    "C$": ("CAD",),
    "A$": ("AUD",),
    "AU$": ("AUD",),
    "NZ$": ("NZD",),
    "R$": ("BRL",),
    "MX$": ("MXN",),
    "HK$": ("HKD",),
    "S$": ("SGD",),
    "NT$": ("TWD",),
    "£": ("GBP", "EGP", "GIP"),
    "¥": ("JPY", "CNY"),
    "￥": ("JPY", "CNY"),
    "CN¥": ("CNY",),
    "JP¥": ("JPY",),
    "元": ("CNY", "TWD"),
    "円": ("JPY",),
    "₹": ("INR",),
    "RS": ("INR", "PKR", "LKR", "NPR", "MUR"),
    "₽": ("RUB",),
    "РУБ": ("RUB",),
    "ZŁ": ("PLN",),
    "KČ": ("CZK",),
    "FT": ("HUF",),
    "KR": ("SEK", "NOK", "DKK", "ISK"),
    "LEI": ("RON", "MDL"),
    "ЛВ": ("BGN",),
    "FR": ("CHF",),
    "SFR": ("CHF",),
    "₺": ("TRY",),
    "TL": ("TRY",),
    "₪": ("ILS",),
    "₩": ("KRW",),
    "₴": ("UAH",),
    "₫": ("VND",),
    "฿": ("THB",),
    "₱": ("PHP",),
    "₦": ("NGN",),
    "RP": ("IDR",),
    "RM": ("MYR",),
    "EURO": ("EUR",),
    "EUROS": ("EUR",),
}
IN_BRACKETS = re.compile(r"[(\[{]\s*([^)\]}]+?)\s*[)\]}]")
# Codes that a heading may have without brackets: others are words, such as ALL, TOP and TRY.
OF_HEADINGS = {
    *("AED", "AUD", "BRL", "CAD", "CHF", "CNY", "CZK", "DKK", "EUR", "GBP", "HKD", "HUF", "ILS"),
    *("INR", "JPY", "KRW", "MXN", "NOK", "NZD", "PLN", "RON", "RUB", "SAR", "SEK", "SGD", "THB"),
    *("TWD", "UAH", "USD", "ZAR"),
}
METALS = {"XAU", "XAG", "XPT", "XPD"}
MAIN = {"$", "£"}  # signs that mean their first currency wherever nothing else is said


@lru_cache(maxsize=1)
def currency_codes() -> frozenset[str]:
    return frozenset(currency.alpha_3 for currency in pycountry.currencies) - {"XXX", "XTS"}


def currency_code(sign: str, home: str) -> str | Unclear | None:
    """The code of a sign or code; None where it is none. home : the organisation's currency."""
    sign = sign.strip().rstrip(".").upper()
    if sign in currency_codes() or sign == home:
        return sign
    if sign[:3] in currency_codes() and sign[3:] in SIGNS:  # USD$
        return sign[:3]
    codes = SIGNS.get(sign, ())
    if home in codes:
        return home
    if len(codes) == 1 or sign in MAIN:
        return codes[0]
    return Unclear("currency") if codes else None


@lru_cache(maxsize=1)
def _names() -> dict[str, str]:
    """In English, singular: us dollar."""
    names = Locale.parse("en").currencies
    codes = currency_codes() - METALS
    return {plain(name): code for code, name in names.items() if code in codes}


def heading_currency(heading: str, home: str) -> tuple[str | Unclear, str]:
    """The currency that a heading names, or nothing, and the heading without it.

    Amount (USD), amount_usd, Total in €.
    """
    for match in IN_BRACKETS.finditer(heading):
        if code := currency_code(match[1], home):
            return code, " ".join((heading[: match.start()] + heading[match.end() :]).split())
    head, blank, last = re.sub(r"[\s_-]+", " ", heading).strip().rpartition(" ")
    is_sign = last == "$" or not (last.isascii() or last.isalnum())
    is_code = last.upper() in OF_HEADINGS or is_sign
    if blank and is_code and (code := currency_code(last, home)):
        return code, head.removesuffix(" in")
    return "", heading


class Currencies(Reader):
    """home : the organisation's currency."""

    def __init__(self, home: str) -> None:
        self._home = home

    def spell_one(self, cell: str) -> Spelling:
        name = plain(cell)
        named = _names().get(name) or _names().get(name.removesuffix("s"))
        return currency_code(cell, self._home) or named
