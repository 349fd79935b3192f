"""What marketers change while the month goes on: pauses, rules, a map, the stop switch."""

from collections.abc import Callable
from datetime import datetime, time, timedelta

from django.db import connection

from campaigns.models import Campaign, FrequencyCap, QuietHours
from campaigns.services.launch_campaign import launch_campaign, pause_campaign
from journeys.maps.edit_map import (
    launch_map,
    newest_version,
    pause_map,
    save_graph,
)
from journeys.models import JourneyMap
from optiengine.lab.bench.month.conductor import HOUR, Extent
from optiengine.lab.bench.month.journal import Journal
from segments.channels import ADDRESS_FIELDS
from segments.customers.erase_customer import erase_customer
from segments.customers.stop_sending import set_sending_stopped
from segments.models import Customer, TargetGroup

# The daily campaign of which most messages wait just now.
BUSIEST = """
SELECT a.campaign_id FROM journeys_delivery d JOIN campaigns_action a ON a.id = d.action_id
JOIN campaigns_campaign k ON k.id = a.campaign_id
WHERE d.status = 'new' AND k.recurrence NOT IN ('step', 'event') AND k.status = 'active'
GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT 1
"""

# The map of which most messages wait just now.
BUSIEST_MAP = """
SELECT m.id FROM journeys_journeymap m
LEFT JOIN journeys_traveller t ON t.map_id = m.id
LEFT JOIN journeys_steppassage p ON p.traveller_id = t.id
LEFT JOIN journeys_delivery d ON d.contact_id = p.contact_id AND d.status = 'new'
WHERE m.status = 'active' GROUP BY 1 ORDER BY count(d.id) DESC, 1 LIMIT 1
"""

AWAITED = """
SELECT customer_id FROM journeys_delivery WHERE status = 'new' GROUP BY 1 ORDER BY 1 LIMIT %s
"""


class Edits:
    def __init__(self, extent: Extent, journal: Journal, now: Callable[[], datetime]) -> None:
        self.journal, self.now = journal, now
        n = extent.n_days
        before_lock, after_lock, noon = timedelta(minutes=15), timedelta(minutes=45), 3 * HOUR
        # By day and hours since the run; ticks of several hours are fine.
        self._plan: list[tuple[int, timedelta, Callable[[], None]]] = [
            (n // 4, before_lock, self._pause),
            (n // 4 + 1, noon, self._go_on),
            (n // 3, 6 * HOUR, self._edit_rules),
            (n // 2, before_lock, self._erase),
            (n // 2, before_lock, self._pause_map),
            (n // 2, after_lock, self._go_on_with_map),
            (n // 2, after_lock, self._redraw),
            (n // 2, noon, self._stop),
            (n // 2, 6 * HOUR, self._start),
        ]
        self._n_erased = 1 + extent.n_customers // 1_000
        self._paused: Campaign | None = None
        self._paused_map: JourneyMap | None = None

    def make(self, number: int, since_run: timedelta) -> None:
        edits = [edit for day, since, edit in self._plan if (day, since) == (number, since_run)]
        for edit in edits:
            edit()
            self.journal.write_rules()

    def _pause(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute(BUSIEST)
            if row := cursor.fetchone():
                self._paused = pause_campaign(Campaign.objects.get(pk=row[0]))
                self.journal.write("paused", campaign=self._paused.pk)

    def _go_on(self) -> None:
        if self._paused:
            launch_campaign(self._paused)
            self.journal.write("launched", campaign=self._paused.pk)

    def _pause_map(self) -> None:
        """Over the lock time, at which its messages would leave."""
        with connection.cursor() as cursor:
            cursor.execute(BUSIEST_MAP)
            if row := cursor.fetchone():
                self._paused_map = pause_map(JourneyMap.objects.get(pk=row[0]))
                self.journal.write("map paused", map=self._paused_map.pk)

    def _go_on_with_map(self) -> None:
        if self._paused_map:
            launch_map(self._paused_map, by="town", at=self.now())
            self.journal.write("map launched", map=self._paused_map.pk)

    def _edit_rules(self) -> None:
        FrequencyCap.objects.filter(name="Three in seven days").update(limit=2)
        QuietHours.objects.filter(name="Nights").update(starts_at=time(20))
        rule = {"field": "feature.recency_days", "op": "le", "value": 45}
        TargetGroup.objects.filter(name="recent").update(rule=rule)

    def _stop(self) -> None:
        set_sending_stopped(True)
        self.journal.write("stopped")

    def _start(self) -> None:
        self.journal.write("started")
        set_sending_stopped(False)

    def _erase(self) -> None:
        """People with a message waiting ask to be forgotten; the journal knows who they were."""
        with connection.cursor() as cursor:
            cursor.execute(AWAITED, [self._n_erased])
            ids = [pk for (pk,) in cursor.fetchall()]
        for customer in Customer.objects.filter(pk__in=ids).order_by("pk"):
            erase_customer(customer, source="town", at=self.now())
            names = ("id", "external_id", *ADDRESS_FIELDS, "country", "time_zone")
            self.journal.write("erased", **{name: getattr(customer, name) for name in names})

    def _redraw(self) -> None:
        """The cart's first wait is halved: participants on the way finish on the old drawing."""
        journey = JourneyMap.objects.get(name__icontains="cart")
        drawn = newest_version(journey)
        assert drawn is not None
        graph = drawn.graph
        for step in graph["steps"]:
            if step["kind"] == "wait" and step.get("minutes") == 60:
                step["minutes"] = 30
        save_graph(journey, graph, by="town", at=self.now())
        launch_map(journey, by="town", at=self.now())
