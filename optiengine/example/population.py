"""The customers of a simulated retailer: what can be seen of them, and what cannot."""

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

from optiengine.example.drawing import pick
from optiengine.example.names import COUNTRIES, FIRST_NAMES, LAST_NAMES

CATEGORIES = ("shoes", "outdoor", "home", "beauty", "kids", "electronics")
MARGIN_RATES = np.array([0.45, 0.40, 0.42, 0.50, 0.40, 0.28])  # margin / revenue, per category
CHANNELS = ("email", "sms", "app")
STORES = ("Lisboa", "Porto", "Madrid", "Paris", "Berlin", "London", "online")
SIGNUP_SOURCES = ("store", "search", "social", "coupon_site")
LOYALTY_TIERS = ("basic", "silver", "gold")
CUSTOMER_COLUMNS = (
    *("external_id", "email", "phone", "first_name", "last_name", "country", "timezone"),
    *("language", "birth_date", "registered_on", "consent_email", "consent_sms", "consent_app"),
    *("favourite_store", "loyalty_tier", "signup_source", "interest"),
)


@dataclass(frozen=True)
class PurchaseProcess:
    """How a population buys; time in days, money in cents of margin.

    While active a customer buys at rate lambda ~ Gamma(r, rate alpha) a day and stops permanently
    after any purchase but the first with probability p ~ Beta(a, b): Fader, Hardie & Lee (2005),
    Marketing Science 24:275-284. Margins of his orders are Gamma(shape, rate nu) with
    nu ~ Gamma(q, rate gamma): Fader & Hardie (2013), "The Gamma-Gamma model of monetary value".
    """

    r: float = 0.9
    alpha: float = 50.0
    a: float = 1.0
    b: float = 11.0
    shape: float = 6.0
    q: float = 4.0
    gamma: float = 1_000.0  # mean margin = shape * gamma / (q - 1) = 2,000 cents


@dataclass(frozen=True)
class Population:
    """n customers as columns of length n. Day 0 is `start`; earlier days are negative.

    The first block is what the retailer's database would show, the second is hidden from it and
    drives behaviour.
    """

    start: date
    process: PurchaseProcess
    external_id: np.ndarray  # str, ascending
    first_name: np.ndarray
    last_name: np.ndarray
    country: np.ndarray
    timezone: np.ndarray  # IANA name; empty for the few of whom it is not known
    language: np.ndarray
    birth_on: np.ndarray  # datetime64[D]
    registered_day: np.ndarray  # int; the day of the first order
    consent: np.ndarray  # (n, n_channels) bool, as given at registration
    favourite_store: np.ndarray
    loyalty_tier: np.ndarray
    signup_source: np.ndarray
    interest: np.ndarray  # the category ticked at registration; empty where none was

    taste: np.ndarray  # (n, n_categories), rows sum to 1: P(category | order)
    price_sensitivity: np.ndarray  # in [0, 1]
    channel_affinity: np.ndarray  # (n, n_channels), in [0.3, 1.7], mean about 1
    fatigue_sensitivity: np.ndarray  # lost log-response for each recent message
    order_rate: np.ndarray  # lambda, orders a day while active
    p_dropout: np.ndarray  # after each order but the first
    mean_margin_cents: np.ndarray  # of one order
    visit_rate: np.ndarray  # visits a day while active

    def __len__(self) -> int:
        return len(self.external_id)

    @classmethod
    def generate(
        cls,
        n: int,
        *,
        seed: int,
        start: date,
        past_days: int = 730,
        lived_days: int = 60,
        process: PurchaseProcess | None = None,
    ) -> "Population":
        """n customers registered over `past_days` before the start, and newcomers at the same pace.

        Newcomers (n * lived_days / past_days of them) register on the days 0 ... lived_days - 1.
        """
        if n < 1 or past_days < 1 or lived_days < 0:
            raise ValueError("A population needs a customer, a past day, and no negative future.")
        process = process or PurchaseProcess()
        rng = np.random.default_rng([seed, n])
        n_new = round(n * lived_days / past_days)
        size = n + n_new
        before = rng.integers(-past_days, 0, n)
        lived = rng.integers(0, max(lived_days, 1), n_new)
        registered_day = np.sort(np.concatenate([before, lived]))
        hidden = _hidden_traits(rng, size, process)
        return cls(
            start=start,
            process=process,
            external_id=np.array([f"C{number:07d}" for number in range(1, size + 1)]),
            registered_day=registered_day,
            **_identities(rng, size, start),
            **_observable_traits(rng, hidden, is_new=registered_day >= 0),
            **hidden,
        )

    def date_of(self, day: int) -> date:
        return self.start + timedelta(days=day)

    def day_of(self, on: date) -> int:
        return (on - self.start).days

    def positions(self, external_ids: np.ndarray) -> np.ndarray:
        """Row numbers of these customers; ValueError names the first one that is unknown."""
        wanted = np.asarray(external_ids, dtype=str)
        rows = np.minimum(np.searchsorted(self.external_id, wanted), len(self) - 1)
        unknown = self.external_id[rows] != wanted
        if unknown.any():
            raise ValueError(f"There is no customer {str(wanted[unknown][0])!r} in this world.")
        return rows

    def registered_between(self, first: date, last: date) -> np.ndarray:
        """Row numbers of the customers registered from `first` to `last`, both included."""
        low, high = self.day_of(first), self.day_of(last)
        return np.flatnonzero((self.registered_day >= low) & (self.registered_day <= high))

    def customers_csv_rows(self, rows: np.ndarray | None = None) -> Iterator[tuple[str, ...]]:
        """Rows under CUSTOMER_COLUMNS, as the retailer's database exports them."""
        if rows is None:
            rows = np.arange(len(self))
        yes_no = np.where(self.consent, "true", "false")
        registered_on = np.datetime64(self.start, "D") + self.registered_day
        for i in rows:
            first, last = str(self.first_name[i]), str(self.last_name[i])
            yield (
                str(self.external_id[i]),
                f"{_ascii(first)}.{_ascii(last)}.{i + 1}@example.com",
                f"+999{i + 1:08d}",  # +999 belongs to no country, so nobody can be reached
                first,
                last,
                str(self.country[i]),
                str(self.timezone[i]),
                str(self.language[i]),
                str(self.birth_on[i]),
                str(registered_on[i]),
                *map(str, yes_no[i]),
                str(self.favourite_store[i]),
                str(self.loyalty_tier[i]),
                str(self.signup_source[i]),
                str(self.interest[i]),
            )


def _identities(rng: np.random.Generator, n: int, start: date) -> dict[str, np.ndarray]:
    share = np.array([country.share for country in COUNTRIES])
    which = rng.choice(len(COUNTRIES), n, p=share / share.sum())
    language = np.array([country.language for country in COUNTRIES])[which]
    timezone = np.empty(n, dtype="U32")
    for c, country in enumerate(COUNTRIES):
        lives_here = np.flatnonzero(which == c)
        zones, zone_share = zip(*country.timezones, strict=True)
        timezone[lives_here] = rng.choice(zones, len(lives_here), p=zone_share)
    timezone[rng.random(n) < 0.003] = ""
    first_name, last_name = np.empty(n, dtype="U16"), np.empty(n, dtype="U16")
    for code in FIRST_NAMES:
        speaks = np.flatnonzero(language == code)
        first_name[speaks] = rng.choice(FIRST_NAMES[code].split(), len(speaks))
        last_name[speaks] = rng.choice(LAST_NAMES[code].split(), len(speaks))
    age_days = (18 + 62 * rng.beta(2, 3, n)) * 365.25
    return {
        "country": np.array([country.code for country in COUNTRIES])[which],
        "timezone": timezone,
        "language": language,
        "first_name": first_name,
        "last_name": last_name,
        "birth_on": np.datetime64(start, "D") - age_days.astype(int),
    }


def _hidden_traits(
    rng: np.random.Generator, n: int, process: PurchaseProcess
) -> dict[str, np.ndarray]:
    order_rate = rng.gamma(process.r, 1 / process.alpha, n)
    return {
        "taste": rng.dirichlet(np.full(len(CATEGORIES), 0.45), n),
        "price_sensitivity": rng.beta(0.9, 1.1, n),
        "channel_affinity": rng.uniform(0.3, 1.7, (n, len(CHANNELS))),
        "fatigue_sensitivity": rng.gamma(2.0, 0.1, n),
        "order_rate": order_rate,
        "p_dropout": rng.beta(process.a, process.b, n),
        "mean_margin_cents": process.shape / rng.gamma(process.q, 1 / process.gamma, n),
        "visit_rate": 0.01 + 2 * order_rate * rng.gamma(4.0, 0.25, n),
    }


def _observable_traits(
    rng: np.random.Generator, hidden: dict[str, np.ndarray], is_new: np.ndarray
) -> dict[str, np.ndarray]:
    """What the database shows follows the hidden traits, with noise, so it can be learned from."""
    n = len(is_new)
    p_consent = np.array([0.85, 0.35, 0.15]) + np.array([0.1, 0.15, 0.35]) * (
        hidden["channel_affinity"] / 1.7
    )
    worth = hidden["order_rate"] * hidden["mean_margin_cents"] * rng.lognormal(0, 0.4, n)
    tier = np.searchsorted(np.quantile(worth, [0.6, 0.9]), worth)
    source = rng.integers(0, len(SIGNUP_SOURCES) - 1, n)
    source[rng.random(n) < 0.8 * (hidden["price_sensitivity"] - 0.3)] = 3  # came for a coupon
    ticked = pick(hidden["taste"], rng.random(n))
    return {
        "consent": rng.random((n, len(CHANNELS))) < p_consent,
        "loyalty_tier": np.array(LOYALTY_TIERS)[np.where(is_new, 0, tier)],
        "signup_source": np.array(SIGNUP_SOURCES)[source],
        "favourite_store": rng.choice(STORES, n),
        "interest": np.where(rng.random(n) < 0.8, np.array(CATEGORIES)[ticked], ""),
    }


def _ascii(name: str) -> str:
    """Part of an e-mail address: "Conceição" -> "conceicao", "Groß" -> "gross"."""
    plain = unicodedata.normalize("NFKD", name.casefold()).encode("ascii", "ignore").decode()
    return plain.replace("'", "")
