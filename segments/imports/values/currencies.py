"""Currencies: ISO 4217 codes, and the signs that stand for them."""

from functools import lru_cache

import pycountry

from segments.imports.values.column import Reader, Spelling, Unclear

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
MAIN = {"$", "£"}  # signs that mean their first currency wherever nothing else is said


@lru_cache(maxsize=1)
def currency_codes() -> frozenset[str]:
    return frozenset(currency.alpha_3 for currency in pycountry.currencies) - {"XXX", "XTS"}


def currency_code(sign: str, home: str) -> str | Unclear | None:
    """The code of a sign or code; None where it is none. home : the organisation's currency."""
    sign = sign.strip().rstrip(".").upper()
    if sign in currency_codes() or sign == home:
        return sign
    codes = SIGNS.get(sign, ())
    if home in codes:
        return home
    if len(codes) == 1 or sign in MAIN:
        return codes[0]
    return Unclear("currency") if codes else None


class Currencies(Reader):
    """home : the organisation's currency."""

    def __init__(self, home: str) -> None:
        self._home = home

    def spell_one(self, cell: str) -> Spelling:
        return currency_code(cell, self._home)
