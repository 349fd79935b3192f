"""The days of the month: what is fed in at each tick, what is asked of the engine, what breaks."""

from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from time import monotonic, sleep

import numpy as np
from django.db import connection
from django_q.tasks import async_task

from journeys.decisions.queue_run import TASK, queue_run
from journeys.models import DecisionRun
from optiengine.lab.bench.month.clock import clock_of_environment
from optiengine.lab.bench.month.conductor import HOUR, Extent, run_moment, ticks_of
from optiengine.lab.bench.month.edits import Edits
from optiengine.lab.bench.month.engine import Engine, EngineStuck, Sinks, ring
from optiengine.lab.bench.month.feed import Feed, some
from optiengine.lab.bench.month.install import install
from optiengine.lab.bench.month.journal import Journal
from optiengine.lab.bench.month.town import CustomerEvent, SimulatedShop
from segments.events.new_events import start_cursor
from segments.models import Customer, Organisation

KILL_SECONDS = 120  # real ones, in which a worker has to be seen at work
FILE_EVERY = 5  # ticks: then events come by a file
RUN_SECONDS = 240  # real ones, for a run whose worker was killed: a lease, then the rest
WAITING = """
SELECT c.email, count(*) FROM journeys_delivery d JOIN segments_customer c ON c.id = d.customer_id
WHERE d.status IN ('new', 'claimed') AND d.channel = 'email' GROUP BY 1 ORDER BY 1
"""
HELD = """
SELECT reason_code, count(*) FROM journeys_delivery
WHERE status = 'new' AND reason_code IS NOT NULL GROUP BY 1
"""


class Month:
    def __init__(self, extent: Extent, folder: Path) -> None:
        self.extent, self.folder = extent, folder
        self.clock = clock_of_environment()
        self.journal = Journal(folder / "journal", self.clock.now)
        self.rng = np.random.default_rng([extent.seed, 11])
        self.n_ticks = 0
        self.late_deeds: list[CustomerEvent] = []  # after the day's last tick

    def live(self) -> None:
        """The whole month; always leaves no process behind."""
        extent, folder, sinks = self.extent, self.folder, Sinks()
        self.engine = Engine(sinks.ports["smtp"], folder / "engine.log")
        try:
            self._prepare(sinks.ports["http"])
            for number in range(extent.n_days):
                day = extent.start + timedelta(days=number)
                print(f"{day}", flush=True)
                if extent.sabotage and number == extent.n_days - 1:
                    self._sabotage()
                self._live_day(number, day)
            self._drain()
            self.journal.write("end", n_ticks=self.n_ticks)
        finally:
            self.engine.stop()
            sinks.stop()

    def _prepare(self, http_port: int) -> None:
        """The town before its first day, through the imports; then rules, and the engine is on."""
        extent, at = self.extent, self.clock.now()
        print("history", flush=True)
        town = SimulatedShop(
            extent.n_customers, extent.n_days, seed=extent.seed, start=extent.start
        )
        install(
            extent.start,
            at,
            sink_url=f"http://127.0.0.1:{http_port}/messages",
            per_minute=max(2, extent.n_customers // 200),
        )
        self.zone = Organisation.current().zone
        self.town = town
        self.feed = Feed(town, self.engine, self.journal, self.folder)
        self.edits = Edits(extent, self.journal, self.clock.now)
        self.engine.start()
        residents = town.customers_file(town.residents(), self.folder / "customers.csv")
        self.feed.import_file("customers", residents, at)
        self.engine.settle()
        self.feed.import_file("events", town.history(self.folder), at)
        self.engine.settle()
        if Customer.objects.count() != len(town.residents()):
            raise EngineStuck("Customers were not imported.")
        start_cursor("event campaigns")  # from here on events are new
        self.journal.write_rules()

    def _live_day(self, number: int, day: date) -> None:
        deeds, run_at = self.late_deeds + self.town.day(), run_moment(day, self.zone)
        moments = ticks_of(day, self.zone, hours=self.extent.tick_hours)
        self._go_to(moments[0])
        self.feed.move_in(day, self.clock.now())
        self.engine.settle()
        for tick in moments:
            self._go_to(tick)
            now = self.clock.now()
            done = [deed for deed in deeds if deed.at <= now]
            deeds = deeds[len(done) :]
            self.feed.hand_in(done, now, by_file=self.n_ticks % FILE_EVERY == 0)
            self.engine.settle()  # a file is read: nobody may say that its events came too late
            if tick == run_at:
                self._ask_for_run(day)
            else:
                ring(self.engine, times=1 + self.n_ticks % 2)  # now and then somebody rings twice
            self._visits(done, tick)
            self._hurt(number, tick - run_at, day)
            self.engine.settle()
            self._look_around(number, tick - run_at)
        self.late_deeds = deeds

    def _drain(self) -> None:
        """What still waits leaves or expires; nothing new is decided by runs."""
        self.engine.wait_for_leases()
        end = datetime.combine(self.extent.start, time(), UTC)
        end += timedelta(days=self.extent.n_days)
        for number in range(self.extent.drain_days * 8):
            self._go_to(end + 3 * HOUR * number)
            ring(self.engine)
            self.engine.settle()
            self._look_around(-1, timedelta(0))
        ring(self.engine)  # the minute after: balances of what has just left
        self.engine.settle()

    def _go_to(self, tick: datetime) -> None:
        if self.clock.now() < tick:
            self.clock.set(tick)
        self.n_ticks += 1

    def _ask_for_run(self, day: date) -> None:
        """From two places at once, and again: one run must come of it."""
        run = queue_run(day)
        async_task(TASK, day.isoformat())
        for _ in range(3):
            async_task("journeys.tasks.decide_chunks", run.pk)
        ring(self.engine)

    def _visits(self, done: list[CustomerEvent], tick: datetime) -> None:
        """Some who visit our page ask what there is for them, while the cluster works."""
        visitors = sorted({deed.customer for deed in done if deed.kind == "visit"})
        n = 1 + self.extent.n_customers // 4_000
        for customer in some(visitors, n, rng=self.rng):
            self.feed.ask(customer, f"{tick:%d%H%M} {customer}")

    def _hurt(self, number: int, since_run: timedelta, day: date) -> None:
        """Withdrawals while messages wait and leave; on some days a worker dies."""
        extent = self.extent
        if since_run == timedelta(0) and number in extent.run_kills:
            self._kill("run")
            self._wait_for_run(day)
        if since_run == timedelta(minutes=31) and number in extent.delivery_kills:
            self._kill("delivery")
        if since_run in (timedelta(minutes=15), timedelta(minutes=31), 3 * HOUR, 9 * HOUR):
            self.feed.leave_by_link(self._with_mail_waiting(2 + extent.n_customers // 1_000))
        if since_run == timedelta(minutes=15):
            leaving = some(self.town.population.external_id[:: 7 + number].tolist(),
                           1 + extent.n_customers // 500, rng=self.rng)  # fmt: skip
            known = Customer.objects.filter(external_id__in=leaving)
            names = sorted(known.values_list("external_id", flat=True))
            self.feed.leave_by_file(names, self.clock.now())

    def _kill(self, at_work: str) -> None:
        if owner := self.engine.kill_worker(at_work, seconds=KILL_SECONDS):
            self.journal.write("kill", worker=owner, at_work=at_work)

    def _wait_for_run(self, day: date) -> None:
        """Others go on once the lease of the killed one is over: rung for as each minute does."""
        deadline = monotonic() + RUN_SECONDS
        running = DecisionRun.objects.daily().filter(as_of=day).exclude(status="done")
        while running.exists():
            ring(self.engine)
            sleep(5)
            if monotonic() > deadline:
                raise EngineStuck(f"The run of {day} was not taken over.")

    def _with_mail_waiting(self, n: int) -> list[str]:
        """Addresses for which an e-mail waits, of those who have had one before."""
        with connection.cursor() as cursor:
            cursor.execute(WAITING)
            addresses = [address for address, _n in cursor.fetchall()]
        known = [address for address in addresses if address in self.feed.arrivals.leave]
        return some(known, n, rng=self.rng)

    def _look_around(self, number: int, since_run: timedelta) -> None:
        """The conductor's own business after a tick, while nothing is under way."""
        with connection.cursor() as cursor:
            cursor.execute(HELD)
            held = dict(cursor.fetchall())
        self.journal.write("tick", held=held)
        self.feed.react(self.clock.now())
        if number >= 0:
            self.edits.make(number, since_run)

    def _sabotage(self) -> None:
        self.engine.stop()
        self.engine.start(MONTH_APPS=self.extent.sabotage)
        self.journal.write("sabotage")
