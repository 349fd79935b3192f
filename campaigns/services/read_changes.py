"""Changes of the rules as people write them: `rank`, "Birthday=1"."""

import re
from collections.abc import Iterable

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from campaigns.errors import ChangeRefused
from campaigns.models import Campaign, Exclusion, FrequencyCap
from campaigns.numerics.rule_changes import (
    AddCap,
    Change,
    DropCap,
    DropExclusion,
    Exclude,
    Pause,
    Retarget,
    SetCap,
    SetRank,
    Written,
)
from campaigns.numerics.rulebook_entries import CapEntry
from segments.channels import CHANNELS
from segments.models import TargetGroup

KINDS = {  # kind: how it is written
    "rank": gettext_lazy("CAMPAIGN=PRIORITY, such as Birthday=1"),
    "auto": gettext_lazy("CAMPAIGN: the engine decides"),
    "pause": gettext_lazy("CAMPAIGN: not sent"),
    "target": gettext_lazy("CAMPAIGN=TARGET GROUP; all customers if the group is left out"),
    "cap": gettext_lazy(
        "CAP=LIMIT or CAP=LIMIT/WINDOW, with a window such as 7d, 48h, day, week or "
        "month. Use a channel or “all channels” instead of a name to add a cap."
    ),
    "drop-cap": gettext_lazy("CAP"),
    "exclude": gettext_lazy("A,B,DAYS: a message from campaign A blocks campaign B"),
    "drop-exclusion": gettext_lazy("EXCLUSION"),
}
ALL_CHANNELS = "all channels"
MOST = 32_767  # what the tables hold in a limit, a rank or a number of days
_LIMIT = re.compile(r"(\d{1,5})(?:/(?:(\d{1,5})([dh])|(day|week|month)))?")


def read_changes(written: Iterable[tuple[str, str]]) -> list[Change]:
    """Pairs of kind and text as changes. Raises ChangeRefused, naming the text."""
    return [Written(f"{kind} {text}", _read(kind, text.strip())) for kind, text in written]


def _read(kind: str, text: str) -> Change:
    match kind:
        case "rank":
            name, rank = _cut(text)
            return SetRank(_campaign(name), _number(rank, text, least=1))
        case "auto":
            return SetRank(_campaign(text), None)
        case "pause":
            return Pause(_campaign(text))
        case "target":
            return _retarget(text)
        case "cap":
            return _cap(text)
        case "drop-cap":
            return DropCap(_named(FrequencyCap, text, _("There is no cap named “%s”.")))
        case "exclude":
            return _exclude(text)
        case "drop-exclusion":
            return DropExclusion(_named(Exclusion, text, _("There is no exclusion named “%s”.")))
    raise ChangeRefused(_("“%s” is not a valid kind of change.") % kind)


def _cut(text: str) -> tuple[str, str]:
    """At the last equals sign: names may hold one."""
    name, sign, value = text.rpartition("=")
    if not sign:
        raise ChangeRefused(_("“%s” has no equals sign.") % text)
    return name.strip(), value.strip()


def _number(value: str, text: str, *, least: int = 0) -> int:
    if value.isascii() and value.isdigit() and least <= int(value) <= MOST:
        return int(value)
    raise ChangeRefused(
        _("“%(text)s” must be a whole number from %(least)d to %(most)d.")
        % {"text": text, "least": least, "most": MOST}
    )


def _campaign(name: str) -> int:
    pk = Campaign.objects.filter(name=name).values_list("pk", flat=True).first()
    if pk is None:
        raise ChangeRefused(_("There is no campaign named “%s”.") % name)
    return pk


def _named(model: type[FrequencyCap] | type[Exclusion], name: str, refusal: str) -> str:
    if not model.objects.filter(name=name).exists():
        raise ChangeRefused(refusal % name)
    return name


def _retarget(text: str) -> Retarget:
    for equals_at in (i for i, sign in enumerate(text) if sign == "="):
        name, group = text[:equals_at].strip(), text[equals_at + 1 :].strip()
        if not (campaign := Campaign.objects.filter(name=name).first()):
            continue
        if not group:
            return Retarget(campaign.pk, {})
        if target_group := TargetGroup.objects.filter(name=group).first():
            return Retarget(campaign.pk, target_group.rule)
    raise ChangeRefused(_("“%s” must name a campaign and a target group.") % text)


def _cap(text: str) -> Change:
    name, value = _cut(text)
    match = _LIMIT.fullmatch(value)
    if match is None:
        raise ChangeRefused(
            _("“%s” must be a limit such as 1, 1/7d, 1/48h, 1/day, 1/week or 1/month.") % text
        )
    limit = _number(match[1], text)
    length, window = _number(match[2] or "1", text, least=1), match[4]
    if match[3]:
        window = {"d": FrequencyCap.Window.DAYS, "h": FrequencyCap.Window.HOURS}[match[3]].value
    if FrequencyCap.objects.filter(name=name).exists():
        return SetCap(name, limit, window, length)
    scope = name.lower()
    if scope != ALL_CHANNELS and scope not in CHANNELS:
        raise ChangeRefused(_("“%s” is not a cap, a channel or “all channels”.") % name)
    if window is None:
        raise ChangeRefused(_("“%s”: a new cap needs a window, such as 1/7d.") % text)
    channel = "" if scope == ALL_CHANNELS else scope
    return AddCap(CapEntry("what if", channel, None, limit, window, length))


def _exclude(text: str) -> Exclude:
    names, _sign, days = text.rpartition(",")
    n_days = _number(days.strip(), text, least=1)
    ids = dict(Campaign.objects.values_list("name", "pk"))
    for comma_at in (i for i, sign in enumerate(names) if sign == ","):
        first, second = names[:comma_at].strip(), names[comma_at + 1 :].strip()
        if first in ids and second in ids:
            return Exclude(ids[first], ids[second], n_days)
    raise ChangeRefused(_("“%s” must name two campaigns.") % names)
