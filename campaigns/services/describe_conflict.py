"""Conflicts between rules, in sentences."""

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from campaigns.numerics.conflicts import ShutOut
from campaigns.numerics.rulebook import Rulebook
from segments.models import Stage


def shut_out_in_words(book: Rulebook, target: int, shut_out: ShutOut) -> str:
    """“Birthday” can never be sent to lapsed: “Win-back” shuts it out for 14 days …"""
    source = book.campaigns[shut_out.source].name
    if shut_out.is_certain and shut_out.is_for_all:
        text = _("“%(name)s” can never be sent: %(because)s.")
    elif shut_out.is_certain:
        text = _("“%(name)s” can never be sent to %(whom)s: %(because)s.")
    elif shut_out.is_for_all:
        text = _("If “%(source)s” is sent every time, “%(name)s” is never sent: %(because)s.")
    else:
        text = _(
            "If “%(source)s” is sent every time, “%(name)s” is never sent to %(whom)s: %(because)s."
        )
    stages = ", ".join(str(Stage(stage).label) for stage in shut_out.stages)
    return text % {
        "name": book.campaigns[target].name,
        "source": source,
        "whom": stages or _("the target group of “%s”") % source,
        "because": _because(book, shut_out),
    }


def _because(book: Rulebook, shut_out: ShutOut) -> str:
    words = {"source": book.campaigns[shut_out.source].name, "days": shut_out.days}
    if shut_out.exclusion is None:
        text = _("“%(source)s” has a cool-down of %(days)d days")
    else:
        text = _("“%(source)s” blocks it for %(days)d days through the exclusion “%(rule)s”")
        words["rule"] = book.exclusions[shut_out.exclusion].name
    again = ngettext("comes again after %d day", "comes again after %d days", shut_out.again)
    return _("%(because)s and %(again)s") % {
        "because": text % words,
        "again": again % shut_out.again,
    }


def zero_cap_in_words(book: Rulebook, what: str, cap: int) -> str:
    text = _("%(what)s can never be sent: the cap “%(cap)s” allows no messages.")
    return text % {"what": what, "cap": book.caps[cap].name}


def dead_step_in_words(book: Rulebook, step: int, source: str, days: int) -> str:
    entry = book.follow_ups[step]
    text = _(
        "“%(name)s” can never follow “%(source)s”, whose message blocks it for "
        "%(days)d days; the step is only possible until day %(last)d."
    )
    return text % {
        "name": book.campaigns[entry.target].name,
        "source": source,
        "days": days,
        "last": entry.after_days + entry.within_days - 1,
    }


def unreachable_cap_in_words(book: Rulebook, gap: int, cap: int, most: int) -> str:
    text = ngettext(
        "The cap “%(cap)s” allows %(limit)d, but the minimum gap “%(gap)s” leaves room "
        "for only %(n)d message in its window, so the cap is never reached.",
        "The cap “%(cap)s” allows %(limit)d, but the minimum gap “%(gap)s” leaves room "
        "for only %(n)d messages in its window, so the cap is never reached.",
        most,
    )
    limit = book.caps[cap]
    words = {"cap": limit.name, "limit": limit.limit, "gap": book.gaps[gap].name, "n": most}
    return text % words


def nobody_in_words(name: str, channels: str, day: str, stage: str, n: int) -> str:
    """None of n customers of the target group can be reached. stage : "" for all of them."""
    words = {"name": name, "channels": channels, "day": day, "stage": stage, "n": n}
    if not n:
        text = _("On %(day)s “%(name)s” has no customers: its target group is empty.")
    elif not stage:
        text = _(
            "On %(day)s “%(name)s” has no customers: nobody in its target group has both "
            "consent and an address for %(channels)s."
        )
    else:
        text = ngettext(
            "On %(day)s “%(name)s” cannot be sent to %(stage)s: the %(n)d customer of "
            "its target group has no consent or no address for %(channels)s.",
            "On %(day)s “%(name)s” cannot be sent to %(stage)s: none of the %(n)d "
            "customers of its target group has both consent and an address for "
            "%(channels)s.",
            n,
        )
    return text % words
