"""Limits in words, as lists and conflicts tell them."""

from collections.abc import Sequence

from django.utils.formats import time_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from campaigns.models import FrequencyCap, MinimumGap, QuietHours, Weekday
from segments.channel_labels import channel_label

Window = FrequencyCap.Window


def window_in_words(window: str, length: int, week_starts_on: int) -> str:
    """The window of a cap: “7 rolling days (24 hours each)”, “calendar week, from Monday”."""
    words = str(Window(window).label)
    if window in (Window.HOURS, Window.DAYS):
        return f"{length} {words}"
    if window == Window.WEEK:
        return _("%(week)s, from %(day)s") % {"week": words, "day": Weekday(week_starts_on).label}
    return words


def scope_in_words(channel: str, tag: object = None) -> str:
    """What a limit counts: “SMS”, “tag “offers””, “all messages”. tag : its name."""
    if channel:
        return channel_label(channel)
    return _("all messages") if tag is None else _("tag “%s”") % tag


def cap_in_words(cap: FrequencyCap) -> str:
    words = {
        "limit": cap.limit,
        "window": window_in_words(cap.window, cap.length, cap.week_starts_on),
        "scope": scope_in_words(cap.channel, cap.tag),
    }
    if cap.limit is None:
        return _("no cap on %(scope)s") % words
    if cap.limit == 0:
        return _("no messages allowed: %(scope)s") % words
    return _("%(limit)s in %(window)s: %(scope)s") % words


def gap_in_words(gap: MinimumGap) -> str:
    text = ngettext(
        "at least %(n)d hour between %(scope)s",
        "at least %(n)d hours between %(scope)s",
        gap.hours,
    )
    scope = (
        _("two messages by %s") % channel_label(gap.channel)
        if gap.channel
        else _("any two messages")
    )
    return text % {"n": gap.hours, "scope": scope}


def quiet_in_words(quiet: QuietHours) -> str:
    """“e-mail in DE: Mon, Tue from 22:00 to 08:00 of the next day”."""
    past_midnight = quiet.ends_at < quiet.starts_at
    text = _("%(where)s: %(days)s from %(start)s to %(end)s")
    if past_midnight:
        text = _("%(where)s: %(days)s from %(start)s to %(end)s of the next day")
    return text % {
        "where": where_in_words(quiet.channel, quiet.country),
        "days": days_in_words(quiet.weekdays),
        "start": time_format(quiet.starts_at, "H:i"),
        "end": time_format(quiet.ends_at, "H:i"),
    }


def where_in_words(channel: str, country: str) -> str:
    """“SMS in DE”, “every channel”."""
    by = channel_label(channel) if channel else _("all channels")
    return _("%(channel)s in %(country)s") % {"channel": by, "country": country} if country else by


def days_in_words(weekdays: Sequence[int]) -> str:
    if not weekdays or len(weekdays) == len(Weekday):
        return _("every day")
    return ", ".join(str(Weekday(day).label) for day in weekdays)
