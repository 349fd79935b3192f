"""What the dashboard says, from the runs' own counts: no page view scans the ledgers.

What has to be counted from rows is counted once per day of the engine and kept in the cache.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from django.conf import settings
from django.core.cache import cache
from django.db.models import Count
from django.utils.translation import gettext as _

from campaigns.models import Campaign
from journeys.models import Contact, DecisionRun, Delivery
from optiengine.lib.admin import COUNTED
from segments.channels import EMAIL
from segments.models import CustomerState, ImportJob, Stage, StateBuild

N_DAYS = 30  # of the chart
WEEK = timedelta(days=7)
N_TOP = 8  # campaigns
KEPT = 24 * 3600  # seconds that figures of a finished day are kept

OPEN = (Delivery.Status.NEW, Delivery.Status.CLAIMED, Delivery.Status.ATTEMPTING)


@dataclass(frozen=True)
class DayCounts:
    """Contacts of one finished run, by what decided them."""

    as_of: date
    ranked: int
    journey: int
    auto: int
    baseline: int
    controls: int

    @property
    def contacts(self) -> int:
        return self.ranked + self.journey + self.auto + self.baseline

    @classmethod
    def of(cls, run: DecisionRun) -> "DayCounts":
        """Only decisions by value can be for no message; each of the others is a contact."""
        counts = run.counts
        ranked, journey, baseline = (
            counts.get(layer, 0) for layer in ("ranked", "journey", "baseline")
        )
        auto = counts.get("contacts", 0) - ranked - journey - baseline
        return cls(run.as_of, ranked, journey, auto, baseline, counts.get("controls", 0))


def newest_runs() -> list[DecisionRun]:
    """The last runs, newest first, without what they pinned."""
    fields = ("as_of", "status", "counts", "n_customers", "error", "model_id", "state_id")
    return list(DecisionRun.objects.daily().order_by("-as_of").only(*fields)[:N_DAYS])


def stage_mix(build: StateBuild | None) -> list[tuple[str, int]]:
    """How many customers are in each stage on a day, in the life cycle's order."""
    if build is None:
        return []
    key = f"stage-mix-{build.pk}-{build.n_customers}"
    if (mix := cache.get(key)) is None:
        states = CustomerState.objects.filter(as_of=build.as_of).order_by()
        mix = dict(states.values_list("stage").annotate(n=Count("pk")))
        cache.set(key, mix, KEPT)
    return [(str(stage.label), mix[stage.value]) for stage in Stage if mix.get(stage.value)]


def top_campaigns(newest: DecisionRun | None) -> list[tuple[int, str, int]]:
    """(id, name, contacts) of the campaigns with the most contacts in the week up to a run."""
    if newest is None:
        return []
    key = f"top-campaigns-{newest.pk}-{newest.status}"
    if (counted := cache.get(key)) is None:
        week = (newest.as_of - WEEK + timedelta(days=1), newest.as_of)
        contacts = Contact.objects.filter(as_of__range=week).order_by()
        counted = list(
            contacts.values_list("campaign_id").annotate(n=Count("pk")).order_by("-n")[:N_TOP]
        )
        cache.set(key, counted, KEPT if newest.status == DecisionRun.Status.DONE else 60)
    names = dict(Campaign.objects.values_list("pk", "name"))
    return [(pk, names[pk], n) for pk, n in counted if pk in names]


def outbox() -> dict[str, int]:
    """How many messages wait, are unclear or failed; counted up to a bound, by partial indexes."""
    waiting = Delivery.objects.filter(status__in=OPEN)
    return {
        "waiting": _bounded(waiting),
        "unknown": _bounded(Delivery.objects.unsettled()),
        "failed": _bounded(Delivery.objects.filter(status=Delivery.Status.FAILED)),
    }


def _bounded(rows: Any) -> int:
    return rows.order_by()[: COUNTED + 1].count()


def warnings_of(
    runs: list[DecisionRun], counts: dict[str, int], *, today: date
) -> list[tuple[str, str, str]]:
    """(colour, sentence, name of the page to go to) of what somebody should look at."""
    warnings = []
    newest = next(iter(runs), None)
    if counts["unknown"]:
        text = _("It is unknown whether %d messages arrived.")
        warnings.append(("warning", text % counts["unknown"], "unknown"))
    if newest and newest.status in (DecisionRun.Status.FAILED, DecisionRun.Status.NOT_RUN):
        text = _("The run of %(day)s failed: %(error)s")
        words = {"day": newest.as_of, "error": newest.error}
        warnings.append(("alarm", text % words, "runs"))
    if newest and newest.counts.get("quarantined"):
        text = _("%(n)d customers of %(day)s could not be decided and are in quarantine.")
        words = {"n": newest.counts["quarantined"], "day": newest.as_of}
        warnings.append(("warning", text % words, "runs"))
    if newest and newest.as_of < today - timedelta(days=1):
        text = _("The latest run is from %s. Later days have not been decided.")
        warnings.append(("warning", text % newest.as_of, "runs"))
    if not settings.PUBLIC_URL and _sends_email():
        text = _("E-mail cannot be sent: set PUBLIC_URL, the address of the unsubscribe page.")
        warnings.append(("warning", text, "campaigns"))
    if failed := ImportJob.objects.filter(status=ImportJob.Status.FAILED).count():
        warnings.append(
            ("warning", _("%d imports failed. You can run them again.") % failed, "imports")
        )
    return warnings


def _sends_email() -> bool:
    return Campaign.objects.filter(
        status=Campaign.Status.ACTIVE,
        transactional=False,
        actions__channel=EMAIL,
        actions__is_active=True,
    ).exists()
