"""The texts around a map's drawing: versions, figures, settings, and what can be done now."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from django.db.models import Q, Sum
from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import gettext as _

from journeys.maps.describe_graph import PORTS
from journeys.maps.map_counts import StepCounts
from journeys.models import JourneyMap, MapVersion, StepTally, Traveller
from optiengine.lib.figures import DASH, number, percent
from segments.rules.describe_rule import describe, problem_in_words
from segments.rules.numerics.rule import RuleError, parse_rule

Status = JourneyMap.Status


def version_rows(journey: JourneyMap, versions: list[MapVersion]) -> list[dict[str, Any]]:
    """Per version: its number, whether it is live and how many travel on it, who made it when."""
    travelling = _travelling(versions)
    rows = []
    for version in versions:
        if version.launched_at is None:
            state = _("draft")
        elif version.pk == journey.active_version_id:
            state = _("live") if journey.status == Status.ACTIVE else journey.get_status_display()
        else:
            state = _("earlier")
        words = _("Version %(n)s – %(state)s") % {"n": version.number, "state": state}
        if n := travelling.get(version.pk):
            words += ", " + _("%(n)s in the journey") % {"n": number(n)}
        rows.append({"number": version.number, "words": words, "made": saved_words(version)})
    return rows


def saved_words(version: MapVersion | None) -> str:
    if version is None:
        return _("Not saved yet.")
    when = date_format(localtime(version.made_at), "SHORT_DATETIME_FORMAT")
    if not version.made_by:
        return _("Saved %(when)s") % {"when": when}
    return _("Saved %(when)s by %(who)s") % {"when": when, "who": version.made_by}


def _travelling(versions: list[MapVersion]) -> dict[int, int]:
    is_arrival = Q(result=StepTally.ARRIVED)
    rows = StepTally.objects.filter(version__in=versions).order_by().values("version")
    sums = rows.annotate(arrived=Sum("n", filter=is_arrival), left=Sum("n", filter=~is_arrival))
    return {row["version"]: (row["arrived"] or 0) - (row["left"] or 0) for row in sums}


def map_figures(
    version: MapVersion | None, counts: Mapping[str, StepCounts]
) -> list[tuple[str, str]]:
    """Label and value: who entered a version, who is on the way, how the others ended."""
    if version is None:
        return [(_("Entered"), DASH)]
    entries = {step["id"] for step in version.graph["steps"] if step["kind"] == "entry"}
    entered = sum(count.arrived for step, count in counts.items() if step in entries)
    here = sum(count.here for count in counts.values())
    ended: Counter[str] = Counter()
    for count in counts.values():
        ended.update({name: n for name, n in count.left.items() if name in Traveller.ExitReason})
    figures = [
        (_("Entered version %(n)s") % {"n": version.number}, number(entered)),
        (_("In the journey now"), number(here)),
    ]
    for outcome in Traveller.ExitReason:
        if ended[outcome]:
            figures.append((_("Ended: %(how)s") % {"how": outcome.label}, number(ended[outcome])))
    return figures


def map_settings(journey: JourneyMap) -> list[tuple[str, str]]:
    reentry = journey.get_reentry_display()
    if journey.reentry == JourneyMap.Reentry.AFTER:
        reentry = _("after %(n)s days") % {"n": journey.reentry_days}
    return [
        (_("Goal"), str(journey.goal or _("none"))),
        (_("Exit rule"), _exit_rule(journey)),
        (_("Re-entry"), str(reentry)),
        (_("Control share"), percent(journey.control_share, 0)),
    ]


def _exit_rule(journey: JourneyMap) -> str:
    if not journey.exit_rule:
        return _("none")
    try:
        return describe(parse_rule(journey.exit_rule))
    except RuleError as error:
        return problem_in_words(error)


def acts_of(journey: JourneyMap, newest: MapVersion | None) -> list[dict[str, str]]:
    """What can be done with the map now: the buttons, each with its question."""
    has_draft = newest is None or newest.launched_at is None
    acts = []
    if journey.status != Status.ENDED and (has_draft or journey.status == Status.PAUSED):
        again = journey.status == Status.PAUSED and not has_draft
        acts.append(
            {
                "name": "launch",
                "icon": "rocket_launch",
                "style": "main",
                "label": _("Launch again") if again else _("Launch"),
                "question": _("Launch the journey?"),
                "explanation": _(
                    "Customers enter this version from now on. Participants of an "
                    "earlier version finish that version."
                ),
            }
        )
    if journey.status == Status.ACTIVE:
        acts.append(
            {
                "name": "pause",
                "icon": "pause",
                "style": "",
                "label": _("Pause"),
                "question": _("Pause the journey?"),
                "explanation": _(
                    "Until you launch it again, nobody enters, moves on or gets "
                    "messages. Events in the meantime do not start the journey, and "
                    "messages due in the meantime wait until they expire."
                ),
            }
        )
    if journey.status in (Status.ACTIVE, Status.PAUSED):
        acts.append(
            {
                "name": "end",
                "icon": "stop_circle",
                "style": "danger",
                "label": _("End"),
                "question": _("End the journey permanently?"),
                "explanation": _(
                    "All participants leave at once and waiting messages are withdrawn. "
                    "You cannot launch the journey again. Its history is kept."
                ),
            }
        )
    return acts


def canvas_texts() -> dict[str, Any]:
    """What the page's scripts say, in the reader's language; %(name)s are filled in there."""
    return {
        "ports": {name: str(label) for name, label in PORTS.items()},
        "units": {"minutes": _("minutes"), "hours": _("hours"), "days": _("days")},
        "unit": _("Unit of time"),
        "here": _("%(n)s here"),
        "passed": _("%(n)s passed"),
        "then": _("Next steps"),
        "endsHere": _("The journey ends"),
        "nextStep": _("Next step"),
        "remove": _("Remove step"),
        "editRule": _("Edit rule …"),
        "noRule": _("All customers"),
        "hasRule": _("By a rule"),
        "missing": _("Please choose"),
        "gone": _("%(value)s (no longer exists)"),
        "branch": _("Branch name"),
        "share": _("Share in percent"),
        "addBranch": _("Add branch"),
        "removeBranch": _("Remove branch"),
        "noProblem": _("Ready to launch."),
        "unsaved": _("Unsaved changes"),
        "unreachable": _("The server cannot be reached. Your drawing is not lost. Try again."),
        "failed": _(
            "The server could not process the request. Your drawing is not lost. Try again."
        ),
        "loggedOut": _(
            "You are no longer logged in, or do not have permission. Log in in another "
            "tab and try again here. Your drawing is not lost."
        ),
        "seeTheirs": _("View their version"),
        "saveMine": _("Overwrite with mine"),
        "openPage": _("Open campaign page"),
        "whatIf": _("What if"),
        "asItStands": _("current situation"),
        "clearTest": _("Clear"),
        "close": _("Close"),
    }
