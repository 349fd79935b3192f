"""No request, however odd, leads to a server error."""

import json
from collections import Counter
from datetime import date

import pytest
from django.core.cache import cache
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.factories import DAY

pytestmark = [pytest.mark.django_db, pytest.mark.slow]

RUBBISH = st.one_of(
    st.text(max_size=30),
    st.integers().map(str),
    st.floats().map(str),
    st.sampled_from(
        ["", "\x00", "null", "None", "١٢", "-0", "1e9", "%00", "' OR 1=1 --", "x" * 300]
    ),
    st.dates(date(1, 1, 1), date(9999, 12, 31)).map(str),
)
DAYS = st.sampled_from([DAY.isoformat(), "2026-02-01", "2026-03-31"])
MOMENTS = st.datetimes().map(lambda moment: f"{moment.isoformat()}Z")
SIZES = st.integers(0, 1_200).map(str)
CURSORS = st.binary(max_size=20).map(lambda raw: raw.hex()) | st.sampled_from(
    ["MTI=", "MjAyNi0wMy0wMQ==", "LTE=", "MA=="]  # 12, 2026-03-01, -1, 0
)
PAGE = {"page_size": SIZES, "cursor": CURSORS}


def questions(**named):
    """Query strings of the parameters, each sound or rubbish, some under an unknown name."""
    sound = {name: st.just(values) for name, values in named.items()}
    pair = st.one_of(
        st.one_of(*[st.tuples(st.just(name), values) for name, values in named.items()]),
        st.tuples(st.sampled_from(sorted(sound)), RUBBISH),
    )
    odd = st.tuples(st.text(min_size=1, max_size=10), RUBBISH)
    return st.lists(pair, max_size=3) | st.lists(pair | odd, max_size=3)


LISTS = {
    "customers/": questions(
        external_id=st.sampled_from(["K-1", "a/b"]),
        email=st.emails(),
        updated_since=MOMENTS,
        **PAGE,
    ),
    "campaigns/": questions(**PAGE),
    "decisions/": questions(
        as_of=DAYS,
        customer=st.sampled_from(["K-1", "K-2"]),
        campaign=st.sampled_from(["{campaign}"]),
        **PAGE,
    ),
    "runs/": questions(**PAGE),
    "journey-maps/": questions(**PAGE),
    "frequency-caps/": questions(**PAGE),
    "reports/uplift/": questions(
        as_of=DAYS,
        since=DAYS,
        until=DAYS,
        campaign=st.sampled_from(["{campaign}"]),
        level=st.sampled_from(["campaign", "action", "micro_segment"]),
    ),
    "reports/arms/": questions(as_of=DAYS, since=DAYS),
}


def strictly(text: str):
    """JSON as its standard has it."""
    return json.loads(text, parse_constant=lambda word: pytest.fail(f"{word} in an answer"))


def fuzz(n_examples: int):
    return settings(
        max_examples=n_examples,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )


@pytest.mark.parametrize("address", LISTS)
def test_any_question_is_answered_or_refused(address, viewer, measured, campaign):
    statuses: Counter[int] = Counter()

    @fuzz(60)
    @given(LISTS[address])
    def ask(query):
        query = [(name, value.replace("{campaign}", str(campaign.pk))) for name, value in query]
        answer = viewer.get(f"/api/v1/{address}", dict(query))
        assert answer.status_code in {200, 400}
        assert isinstance(strictly(answer.content.decode()), dict)
        statuses[answer.status_code] += 1

    ask()

    assert statuses[200] >= 5  # else the fuzz has shown nothing
    assert statuses[400] >= 5


@pytest.mark.parametrize("address", ["customers/{}/", "campaigns/{}/", "decisions/{}/K-1/",
                                     "decisions/2026-03-01/{}/", "runs/{}/"])  # fmt: skip
def test_any_address_is_answered_or_not_found(address, viewer, run, campaign):
    statuses: Counter[int] = Counter()
    sound = st.sampled_from(["K-1", DAY.isoformat(), str(campaign.pk)])

    @fuzz(60)
    @given(sound | RUBBISH | st.text())
    def ask(what):
        path = "/api/v1/" + address.format(what)
        answer = viewer.generic("GET", path.replace("?", "%3F").replace("#", "%23"))
        assert answer.status_code in {200, 301, 404}
        statuses[answer.status_code] += 1

    ask()

    assert statuses[200] >= 1
    assert statuses[404] >= 5


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=6,
)


def one_of_these(**fields):
    """Objects of which each field is sound, anything, or not there."""
    return st.fixed_dictionaries(
        {}, optional={name: sound | ANYTHING for name, sound in fields.items()}
    )


EVENT = one_of_these(
    external_id=st.text(max_size=4),
    customer=st.sampled_from(["K-1", "K-2"]),
    kind=st.sampled_from(["cart", "bounce", "complaint", "unsubscribe"]),
    occurred_at=st.just("2026-03-01T09:00:00Z") | MOMENTS,
    amount_cents=st.integers(),
    properties=one_of_these(channel=st.sampled_from(["email", "push"]), hard=st.booleans()),
)
SOUND_EVENT = st.fixed_dictionaries(
    {
        "external_id": st.text("abc", min_size=1, max_size=4),
        "customer": st.just("K-1"),
        "kind": st.just("cart"),
        "occurred_at": st.just("2026-03-01T09:00:00Z"),
        "properties": st.dictionaries(st.text(max_size=5), ANYTHING, max_size=3),
    }
)
CONSENTS = st.dictionaries(st.sampled_from(["email", "sms"]), st.booleans(), min_size=1)
BODIES = {
    ("post", "events/"): one_of_these(
        source=st.just("shop"), events=st.lists(EVENT | SOUND_EVENT, max_size=3)
    ),
    ("put", "customers/K-1/"): one_of_these(
        email=st.emails(),
        phone=st.text("+0123456789 ", max_size=20),
        first_name=st.text(max_size=10),
        language=st.sampled_from(["pt", "en"]),
        birth_date=st.dates().map(str),
        attributes=st.dictionaries(st.text(max_size=5), ANYTHING, max_size=3),
    ),
    ("patch", "customers/K-1/consents/"): one_of_these(
        consents=CONSENTS, source=st.text(min_size=1, max_size=20), at=MOMENTS
    )
    | st.fixed_dictionaries({"consents": CONSENTS, "source": st.just("a form")}),
}


@pytest.mark.parametrize(("method", "address"), BODIES)
def test_any_written_body_is_taken_or_refused_in_words(method, address, superuser, run):
    statuses: Counter[int] = Counter()

    @fuzz(100)
    @given(BODIES[method, address] | ANYTHING)
    def ask(body):
        answer = getattr(superuser, method)(
            f"/api/v1/{address}", json.dumps(body), content_type="application/json"
        )
        assert answer.status_code in {200, 207, 400}
        assert isinstance(strictly(answer.content.decode()), dict | list)
        statuses[answer.status_code] += 1

    ask()

    assert statuses[200] + statuses[207] >= 5
    assert statuses[400] >= 5


@pytest.mark.parametrize("page", ["u", "p"])
@pytest.mark.parametrize("method", ["get", "post"])
def test_any_token_is_not_found(page, method, client, db):
    @fuzz(60)
    @given(RUBBISH | st.binary(max_size=60).map(lambda raw: raw.hex()) | st.text())
    def ask(token):
        cache.clear()  # the throttle is not what this is about
        path = f"/{page}/{token}/".replace("?", "%3F").replace("#", "%23")
        assert client.generic(method.upper(), path).status_code in {301, 302, 404}

    ask()


@pytest.mark.parametrize("address", ["login/", "runs/"])
def test_any_body_is_refused_in_words(address, superuser):
    anything = st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["as_of", "username", "password"]) | st.text(max_size=5), inner
            )
        ),
        max_leaves=6,
    )

    @fuzz(50)
    @given(anything)
    def ask(body):
        answer = superuser.post(
            f"/api/v1/{address}", json.dumps(body), content_type="application/json"
        )
        assert answer.status_code in {400, 429}
        assert strictly(answer.content.decode())

    ask()
