"""The steps of a journey map, and what is wrong with them, in the reader's language."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, pgettext, pgettext_lazy

from campaigns.models import Campaign
from journeys.maps.numerics.journey_graph import Graph, GraphError, Problem, Step
from segments.models import TargetGroup
from segments.models.event import EventKind
from segments.rules.describe_rule import describe, problem_in_words
from segments.rules.numerics.rule import RuleError, parse_rule
from segments.rules.rule_fields import RuleFields, newest_state, rule_fields

Words = str | Promise

KINDS: Mapping[str, Words] = {
    "entry": pgettext_lazy("step", "Entry"),
    "wait": pgettext_lazy("step", "Wait"),
    "split": pgettext_lazy("step", "Split"),
    "send": pgettext_lazy("step", "Send"),
    "set": pgettext_lazy("step", "Set attribute"),
    "exit": pgettext_lazy("step", "Exit"),
}
PORTS: Mapping[str, Words] = {
    "next": pgettext_lazy("port", "next"),
    "happened": pgettext_lazy("port", "happened"),
    "timed_out": pgettext_lazy("port", "timed out"),
    "yes": pgettext_lazy("port", "yes"),
    "no": pgettext_lazy("port", "no"),
}
SETTINGS: Mapping[str, Words] = {
    "by": pgettext_lazy("setting", "by"),
    "for": pgettext_lazy("setting", "wait for"),
    "event_kind": pgettext_lazy("setting", "event kind"),
    "rule": pgettext_lazy("setting", "rule"),
    "target_group": pgettext_lazy("setting", "target group"),
    "field": pgettext_lazy("setting", "date"),
    "days": pgettext_lazy("setting", "days"),
    "yearly": pgettext_lazy("setting", "every year"),
    "time": pgettext_lazy("setting", "time"),
    "minutes": pgettext_lazy("setting", "minutes"),
    "weekday": pgettext_lazy("setting", "weekday"),
    "shares": pgettext_lazy("setting", "shares"),
    "branches": pgettext_lazy("setting", "branches"),
    "campaign": pgettext_lazy("setting", "campaign"),
    "when": pgettext_lazy("setting", "when"),
    "when_blocked": pgettext_lazy("setting", "when not possible"),
    "wait_hours": pgettext_lazy("setting", "hours to wait"),
    "then": pgettext_lazy("setting", "after that"),
    "attribute": pgettext_lazy("setting", "attribute"),
    "value": pgettext_lazy("setting", "value"),
    "reason": pgettext_lazy("setting", "reason"),
    "label": pgettext_lazy("setting", "label"),
}
WEEKDAYS = (
    gettext_lazy("Monday"),
    gettext_lazy("Tuesday"),
    gettext_lazy("Wednesday"),
    gettext_lazy("Thursday"),
    gettext_lazy("Friday"),
    gettext_lazy("Saturday"),
    gettext_lazy("Sunday"),
)
PROBLEMS: Mapping[str, Words] = {
    "no_entry": gettext_lazy("The journey has no entry step, so nobody can enter."),
    "second_entry": gettext_lazy("This is a second entry. A journey can only have one."),
    "entry_leads_nowhere": gettext_lazy("The entry is not connected to a step."),
    "unknown_kind": gettext_lazy("“%(kind)s” is not a valid step type."),
    "unknown_setting": gettext_lazy("“%(setting)s” is not a setting of this step."),
    "missing_setting": gettext_lazy("“%(setting)s” is not filled in."),
    "bad_setting": gettext_lazy("“%(setting)s” cannot be “%(got)s”."),
    "not_positive": gettext_lazy("“%(setting)s” must be more than 0."),
    "shares_do_not_add_up": gettext_lazy("The shares add up to %(total)s, not to 100 %%."),
    "too_few_branches": gettext_lazy("At least two branches with different names are required."),
    "bad_rule": gettext_lazy("Rule: %(rule)s"),
    "link_to_nothing": gettext_lazy(
        "A connection refers to the step “%(missing)s”, which does not exist."
    ),
    "unknown_port": gettext_lazy(
        "A connection uses the exit “%(port)s”, which the step does not have."
    ),
    "double_link": gettext_lazy("The exit “%(port)s” has two connections. Remove one."),
    "link_into_entry": gettext_lazy("A connection leads back to the entry."),
    "unreachable": gettext_lazy("This step cannot be reached from the entry."),
    "loop_without_wait": gettext_lazy("This loop has no wait: %(steps)s."),
    "no_send_on_branch": gettext_lazy(
        "The engine chooses between messages, but branch “%(port)s” reaches no send step."
    ),
    "no_campaign": gettext_lazy("The campaign of this step no longer exists."),
    "campaign_not_active": gettext_lazy(
        "The campaign “%(name)s” is “%(status)s”. Launch it before the journey."
    ),
    "campaign_not_for_steps": gettext_lazy(
        "The campaign “%(name)s” has a schedule of its own. Set its recurrence to “as "
        "a step of journeys”."
    ),
    "campaign_problem": gettext_lazy("Campaign “%(name)s”: %(text)s"),
    "no_target_group": gettext_lazy("The target group no longer exists."),
    "bad_target_group": gettext_lazy("Rule of the target group: %(rule)s"),
}


@dataclass(frozen=True)
class Names:
    """What the ids in a graph stand for."""

    campaigns: Mapping[int, str]
    target_groups: Mapping[int, str]
    fields: RuleFields = field(default_factory=dict)  # of rules; without it names stand for labels


def load_names(graph: Graph) -> Names:
    """Names of the campaigns, target groups and fields of rules that the steps refer to.

    Two queries, and those of the catalogue of fields where a step has a rule.
    """
    groups = [s.get("target_group") for s in graph.steps.values() if s.kind == "entry"]
    campaigns = Campaign.objects.filter(pk__in=graph.campaign_ids())
    target_groups = TargetGroup.objects.filter(pk__in={pk for pk in groups if type(pk) is int})
    has_rule = any(step.kind == "split" and step.fork == "rule" for step in graph.steps.values())
    return Names(
        dict(campaigns.values_list("pk", "name")),
        dict(target_groups.values_list("pk", "name")),
        rule_fields(newest_state()) if has_rule else {},
    )


def describe_graph(graph: Graph, names: Names | None = None) -> dict[str, str]:
    """A line per step, by its id: “Wait 1 hour”."""
    names = names or load_names(graph)
    return {step.id: describe_step(step, names) for step in graph.steps.values()}


def describe_step(step: Step, names: Names) -> str:
    """A step as a line; its own label where it has one. A step not set up yet is just its kind."""
    if step.get("label"):
        return str(step["label"])
    try:
        return _line(step, names)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, OverflowError):
        return str(KINDS.get(step.kind, step.kind))


def describe_problem(problem: Problem, graph: Graph, lines: Mapping[str, str]) -> str:
    """The sentence, behind the step's line. lines : of `describe_graph`."""
    values = dict(problem.values)
    if "setting" in values:
        values["setting"] = SETTINGS.get(values["setting"], values["setting"])
    if "port" in values:
        values["port"] = PORTS.get(values["port"], values["port"])
    if "steps" in values:
        values["steps"] = " → ".join(lines.get(step, step) for step in values["steps"])
    if "error" in values:
        values["rule"] = problem_in_words(values["error"])
    if "total" in values:
        values["total"] = f"{100 * values['total']:.6g} %"
    sentence = str(PROBLEMS[problem.code]) % values
    if problem.step_id is None:
        return sentence
    return f"“{lines.get(problem.step_id, problem.step_id)}”: {sentence}"


def describe_graph_error(error: GraphError) -> str:
    return _(error.template) % error.data


def event_words(kind: str) -> str:
    """A kind of event in a sentence: its label where the engine knows it, else the word itself."""
    return str(EventKind(kind).label) if kind in EventKind.values else kind


def span_words(minutes: int) -> str:
    """1500 as “1 day, 1 hour”."""
    days, rest = divmod(minutes, 24 * 60)
    hours, minutes = divmod(rest, 60)
    parts = [
        ngettext("%(n)d day", "%(n)d days", days) % {"n": days} if days else "",
        ngettext("%(n)d hour", "%(n)d hours", hours) % {"n": hours} if hours else "",
        ngettext("%(n)d minute", "%(n)d minutes", minutes) % {"n": minutes},
    ]
    if not minutes and (days or hours):
        parts.pop()
    return ", ".join(filter(None, parts))


def _line(step: Step, names: Names) -> str:
    match step.kind, step.fork:
        case "entry", "event":
            return _("Entry on event “%(kind)s”") % {"kind": event_words(step["event_kind"])}
        case "entry", "target_group":
            group = names.target_groups.get(step["target_group"], _("none"))
            return _("Entry from target group “%(group)s”") % {"group": group}
        case "entry", "date":
            return _date_entry(step)
        case "wait", "duration":
            return _("Wait %(span)s") % {"span": span_words(step["minutes"])}
        case "wait", "until":
            if step.get("weekday"):
                words = {"day": WEEKDAYS[step["weekday"] - 1], "time": step["time"]}
                return _("Wait until %(day)s, %(time)s") % words
            return _("Wait until %(time)s") % {"time": step["time"]}
        case "wait", "event":
            words = {"kind": event_words(step["event_kind"]), "span": span_words(step["minutes"])}
            return _("Wait for event “%(kind)s”, up to %(span)s") % words
        case "split", "rule":
            return _("Split: %(rule)s?") % {"rule": _rule_words(step["rule"], names.fields)}
        case "split", "event":
            kind = event_words(step["event_kind"])
            if step.get("minutes"):
                words = {"kind": kind, "span": span_words(step["minutes"])}
                return _("Split: event “%(kind)s” within %(span)s?") % words
            return _("Split: event “%(kind)s” since entry?") % {"kind": kind}
        case "split", "random":
            shares = ", ".join(f"{port} {100 * s:.4g} %" for port, s in step["shares"].items())
            return _("Split at random: %(shares)s") % {"shares": shares}
        case "split", "engine":
            return _("The engine chooses: %(ports)s") % {"ports": ", ".join(step["branches"])}
        case "send", _fork:
            name = names.campaigns.get(step["campaign"], _("none"))
            return _("Send “%(campaign)s”") % {"campaign": name}
        case "set", _fork:
            words = {"attribute": step["attribute"], "value": step["value"]}
            return _("Set %(attribute)s to “%(value)s”") % words
        case "exit", _fork if step.get("reason"):
            return _("Exit: %(reason)s") % {"reason": step["reason"]}
    return str(KINDS[step.kind])


def _date_entry(step: Step) -> str:
    name, days = step["field"], step.get("days", 0)
    date = {
        "birth_date": pgettext("date", "birthday"),
        "registered_on": pgettext("date", "registration date"),
    }.get(name, name.removeprefix("attribute."))
    words = {"n": abs(days), "date": date, "time": step["time"]}
    if days == 0:
        return _("Entry on “%(date)s” at %(time)s") % words
    if days < 0:
        text = ngettext(
            "Entry %(n)d day before “%(date)s” at %(time)s",
            "Entry %(n)d days before “%(date)s” at %(time)s",
            -days,
        )
    else:
        text = ngettext(
            "Entry %(n)d day after “%(date)s” at %(time)s",
            "Entry %(n)d days after “%(date)s” at %(time)s",
            days,
        )
    return text % words


def _rule_words(json: object, fields: RuleFields) -> str:
    try:
        return describe(parse_rule(json), fields)
    except RuleError as error:
        return problem_in_words(error)
