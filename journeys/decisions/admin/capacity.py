"""What budgets and volumes have used: by period, and by run."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from campaigns.models import CapacityLimit
from campaigns.numerics.capacity import MILLS
from campaigns.numerics.rulebook import Rulebook
from campaigns.services.describe_capacity import amount, contradiction_in_words
from journeys.models import CapacityAccount, CapacityUse, DecisionRun
from optiengine.lib.admin import ReadOnlyAdmin
from optiengine.lib.figures import money, percent
from segments.currency import with_currency


@admin.register(CapacityAccount)
class CapacityAccountAdmin(ReadOnlyAdmin):
    list_display = ["limit", "starts_on", "at_most", "used_text", "share"]
    list_select_related = ["limit"]
    list_filter = ["limit"]
    date_hierarchy = "starts_on"

    def get_queryset(self, request: HttpRequest) -> QuerySet[CapacityAccount]:
        return with_currency(super().get_queryset(request))

    @admin.display(description=_("maximum"), ordering="limit__maximum")
    def at_most(self, account: CapacityAccount) -> str:
        return amount(account.limit.measure, account.limit.maximum, account.currency)  # type: ignore[attr-defined]

    @admin.display(description=_("used"), ordering="used")
    def used_text(self, account: CapacityAccount) -> str:
        return in_words(account.limit, account.used, account.currency)  # type: ignore[attr-defined]

    @admin.display(description=_("share"))
    def share(self, account: CapacityAccount) -> str:
        maximum = account.limit.maximum * unit(account.limit)
        return percent(account.used / maximum) if maximum else ""


@admin.register(CapacityUse)
class CapacityUseAdmin(ReadOnlyAdmin):
    list_display = ["run", "limit", "for_run", "used_text", "price_text"]
    list_select_related = ["run", "account__limit"]
    list_filter = ["account__limit"]
    ordering = ["-run__as_of", "place"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[CapacityUse]:
        return with_currency(super().get_queryset(request).defer("run__rulebook"))

    @admin.display(description=_("limit"), ordering="account__limit__name")
    def limit(self, use: CapacityUse) -> CapacityLimit:
        return use.account.limit

    @admin.display(description=_("for this run"), ordering="available")
    def for_run(self, use: CapacityUse) -> str:
        return in_words(use.account.limit, use.available, use.currency)  # type: ignore[attr-defined]

    @admin.display(description=_("used by the run"), ordering="used")
    def used_text(self, use: CapacityUse) -> str:
        return in_words(use.account.limit, use.used, use.currency)  # type: ignore[attr-defined]

    @admin.display(description=_("price"), ordering="price")
    def price_text(self, use: CapacityUse) -> str:
        return price_in_words(use, use.currency)  # type: ignore[attr-defined]


def unit(limit: CapacityLimit) -> int:
    return MILLS if limit.measure == CapacityLimit.Measure.MONEY else 1


def in_words(limit: CapacityLimit, units: int, currency: str) -> str:
    return amount(limit.measure, units / unit(limit), currency)


def price_in_words(use: CapacityUse, currency: str) -> str:
    """Of a message, or of what a unit of money has to bring beyond itself."""
    net = use.price - use.subsidy
    if use.account.limit.measure == CapacityLimit.Measure.MONEY:
        return _("%(price)s per %(one)s") % {
            "price": money(100 * net, currency),
            "one": money(100, currency, 0),
        }
    return _("%s per message") % money(net, currency)


def capacity_panel(run: DecisionRun, currency: str) -> dict[str, Any] | None:
    """What the page of a run says of its limits; None where it had none."""
    uses = list(run.capacity.select_related("account__limit").order_by("place"))
    if not uses:
        return None
    book = Rulebook.from_json(run.rulebook)
    rows, problems = [], []
    if said := contradiction_in_words(book.capacities, run.prices.get("contradicting", [])):
        problems.append(said)
    for use in uses:
        # As the run knew it: the limit may have been changed since.
        entry, limit = book.capacities[use.place], use.account.limit
        left = entry.maximum * unit(limit) - use.used_before - use.used
        rows.append(
            {
                "limit": limit,
                "name": entry.name,
                "maximum": amount(entry.measure, entry.maximum, currency),
                "period": CapacityLimit.Period(entry.period).label,
                "before": in_words(limit, use.used_before, currency),
                "available": in_words(limit, use.available, currency),
                "used": in_words(limit, use.used, currency),
                "width": f"{100 * use.used / use.available:.1f}" if use.available else "0",
                "left": in_words(limit, left, currency),
                "price": price_in_words(use, currency),
            }
        )
        problems += _problems(use, entry.name, left, currency)
    prices = run.prices
    return {
        "rows": rows,
        "problems": problems,
        "quality": _quality(prices, currency),
        "n_sampled": prices.get("n_sampled"),
        "is_sample": prices.get("n_sampled") != run.n_customers,
    }


def _quality(prices: dict[str, Any], currency: str) -> str:
    if prices.get("gap") is None:
        return str(_("No solution found meets every minimum."))
    text = _("Solution found: %(value)s. Upper bound: %(bound)s. Gap: %(gap)s")
    return text % {
        "value": money(prices["value_cents"], currency),
        "bound": money(prices["bound_cents"], currency),
        "gap": percent(prices["gap"], 3),
    }


def _problems(use: CapacityUse, name: str, left: int, currency: str) -> list[str]:
    limit, problems = use.account.limit, []
    if left < 0:
        text = _("“%(name)s” had already exceeded its new maximum by %(over)s, so nothing is sent.")
        problems.append(text % {"name": name, "over": in_words(limit, -left, currency)})
    if use.short:
        text = _("The minimum of “%(name)s” cannot be reached today: %(short)s short.")
        short = amount(limit.measure, use.short, currency)
        problems.append(text % {"name": name, "short": short})
    elif use.run.status == DecisionRun.Status.DONE and use.used < use.wanted:
        text = _("“%(name)s” has a minimum of %(wanted)s today and reached %(used)s.")
        words = {"wanted": use.wanted, "used": use.used}
        shown = {key: in_words(limit, units, currency) for key, units in words.items()}
        problems.append(text % {"name": name, **shown})
    return problems
