"""How long a page waits for its answer over HTTP, beside the least that a request can take."""

import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import UTC, date, datetime
from pathlib import Path
from secrets import token_urlsafe
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import numpy as np
import requests
from django.contrib.auth.models import User
from django.db import ProgrammingError, connection
from numpy.typing import NDArray
from rest_framework.authtoken.models import Token

from campaigns.models import Campaign
from campaigns.services.assign_arms import assign_arms
from journeys.explain.replay_run import replay_live
from journeys.models import DecisionRun, LiveDecision
from optiengine.lab.bench.process import BenchFailed, measure
from optiengine.serving import web_server

N_CUSTOMERS, N_CAMPAIGNS = 1_000_000, 200
N_STEPS = 5
ADDRESS = "127.0.0.1:8917"
N_IN_TURN, N_WARM = 2_000, 50  # requests one after the other; before any is counted
RATE, SECONDS = 10, 60  # requests a second that arrive, whether earlier ones are answered or not
FEW = 1_000  # customers: with fewer, there are fewer requests, too
SEED = 7
CHUNK = 2**24  # bytes
# Customers drawn at random would each be the first of a night: what is measured is a database in
# use, whose pages are in memory, and not the disk.
READ_ALL = """
SELECT sum(length(pg_read_binary_file(
    path || coalesce('.' || nullif(place / 1073741824, 0), ''), place %% 1073741824,
    %(chunk)s, true)))
FROM (SELECT pg_relation_filepath(oid) AS path, pg_relation_size(oid) AS size FROM pg_class
      WHERE relkind IN ('r', 'i', 't') AND relpages > 0) file,
     generate_series(0, size - 1, %(chunk)s::int8) AS place
"""
COLUMNS = {
    "live_customers": "customers in the database, with a year of events",
    "live_campaigns": "active campaigns, every second for a page, with target groups and limits",
    "live_p50_ms": "of answers, requests one after the other, over HTTP with a token",
    "live_p99_ms": "as above",
    "live_messages": "answers with something to say",
    "live_rate": "requests a second in the second part: they arrive at random moments",
    "live_open_p50_ms": "of answers at that rate, from the moment of arrival",
    "live_open_p99_ms": "as above",
    "live_errors": "answers other than 200, of both parts",
    "live_floor_p50_ms": "reading one campaign over the same server and token",
    "live_floor_p99_ms": "as above",
    "live_replayed": "decisions that were replayed; none may differ",
}


def bench_realtime(
    database: str, folder: Path, *, n: int | None, step: Callable[[str], None]
) -> dict[str, Any]:
    """Ask for the next best campaign of customers drawn at random; returns COLUMNS."""
    n = n or N_CUSTOMERS
    today = datetime.now(UTC).date()  # the server decides for the day that it is
    step("customers")
    options = {"n_customers": n, "n_campaigns": N_CAMPAIGNS, "inbound": True}
    measure(database, folder, "prepare", as_of=today.isoformat(), **options)
    step("state and learning")
    measure(database, folder, "ready", as_of=today.isoformat())
    measure(database, folder, "live_ready", as_of=today.isoformat())
    client = Client(Token.objects.create(user=User.objects.create_superuser("bench")).key)
    rng = np.random.default_rng(SEED)
    share = min(1.0, n / FEW)
    n_in_turn = round(N_IN_TURN * share**2)
    names = [f"C{number}" for number in rng.integers(1, n + 1, N_WARM + n_in_turn)]
    # Who may not read the server's files measures its disk, too.
    with suppress(ProgrammingError), connection.cursor() as cursor:
        cursor.execute(READ_ALL, {"chunk": CHUNK})
    with _server(database, folder, client):
        step("in turn")
        floor = np.array([client.read_campaign() for _ in range(n_in_turn)])
        alone = np.array([client.ask(name) for name in names])[N_WARM:]
        step("as they come")
        arriving = _arriving(client, n, rng, round(RATE * SECONDS * share**2))
    step("replay")
    return {
        "live_customers": n,
        "live_campaigns": Campaign.objects.count(),
        **_percentiles("live", alone),
        "live_messages": client.n_messages,
        "live_rate": RATE,
        **_percentiles("live_open", arriving),
        "live_errors": client.n_errors,
        **_percentiles("live_floor", floor),
        "live_replayed": _replayed(),
    }


def task_live_ready(as_of: str) -> None:
    assign_arms(date.fromisoformat(as_of))


class Client:
    """Somebody with a token. Each thread keeps a connection of its own."""

    def __init__(self, token: str) -> None:
        self.headers = {"Authorization": f"Token {token}"}
        self.session = requests.Session()
        self.campaign = Campaign.objects.values_list("pk", flat=True).first()
        self.n_messages = self.n_errors = 0

    def ask(self, customer: str, since: float | None = None) -> float:
        """Seconds until the answer was there, from `since` or from now."""
        since = time.perf_counter() if since is None else since
        address = f"http://{ADDRESS}/api/v1/customers/{customer}/next-best-campaign/"
        answer = self.session.post(address, json={}, headers=self.headers, timeout=30)
        taken = time.perf_counter() - since
        if answer.status_code == 200:
            self.n_messages += answer.json()["message"] is not None
        else:
            self.n_errors += 1
        return taken

    def read_campaign(self) -> float:
        started = time.perf_counter()
        address = f"http://{ADDRESS}/api/v1/campaigns/{self.campaign}/"
        answer = self.session.get(address, headers=self.headers, timeout=30)
        if answer.status_code != 200:
            raise BenchFailed(f"The server answered {answer.status_code}: {answer.text[:200]}")
        return time.perf_counter() - started


def _arriving(
    client: Client, n: int, rng: np.random.Generator, n_requests: int
) -> NDArray[np.float64]:
    """Seconds that each of the requests waited that come at random: an open model, in which a slow
    answer keeps nobody from asking."""
    moments = np.cumsum(rng.exponential(1 / RATE, n_requests))
    customers = rng.integers(1, n + 1, len(moments))
    began = time.perf_counter()
    with ThreadPoolExecutor(max_workers=10) as pool:
        answers = []
        for moment, number in zip(moments, customers, strict=True):
            time.sleep(max(0.0, began + moment - time.perf_counter()))
            answers.append(pool.submit(client.ask, f"C{number}", began + moment))
        return np.array([answer.result() for answer in answers])


@contextmanager
def _server(database: str, folder: Path, client: Client) -> Iterator[None]:
    """The product's own web server as in production, on the benchmark's database."""
    url = urlsplit(os.environ["DATABASE_URL"])
    environment = {
        "DATABASE_URL": urlunsplit(url._replace(path=f"/{database}")),
        "DATA_DIR": str(folder),
        "DEBUG": "false",  # it would write down each query, at a third of an answer's time
        "SECRET_KEY": token_urlsafe(50),
        "SUPPRESSION_KEY": token_urlsafe(50),
        "ALLOWED_HOSTS": "127.0.0.1",
        "SECURE_SSL_REDIRECT": "false",  # no proxy stands in front
    }
    child = web_server(ADDRESS)
    child.environment = {**child.environment, **environment}
    child.start()
    try:
        for _second in range(120):
            if not child.is_running:
                raise BenchFailed("The web server ended; its error is above.")
            with suppress(requests.RequestException):
                client.read_campaign()
                break
            time.sleep(0.5)
        yield
    finally:
        child.stop(10)


def _replayed() -> int:
    n = 0
    for run in DecisionRun.objects.filter(kind=DecisionRun.Kind.LIVE):
        replay = replay_live(run)
        if replay.differing:
            raise BenchFailed(f"{len(replay.differing)} real-time decisions replay differently.")
        n += replay.n_decisions
    if n != LiveDecision.objects.count():
        raise BenchFailed(f"{n} decisions were replayed, of {LiveDecision.objects.count()}.")
    connection.close()
    return n


def _percentiles(name: str, seconds: NDArray[np.float64]) -> dict[str, float]:
    p50, p99 = np.percentile(seconds * 1000, [50, 99])
    return {f"{name}_p50_ms": round(float(p50), 1), f"{name}_p99_ms": round(float(p99), 1)}
