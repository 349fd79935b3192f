"""Texts with variables, in Liquid, of which nothing but text can come.

    Dear {{ customer.first_name | default: "customer" }},
    {% if customer.attributes.vip == "yes" %}your lounge is open.{% endif %}

The language has no way to a file, a clock, a setting or the insides of an object; tags and filters
are those listed here and no other. Every limit counts work, not time, so that a text that is
rendered for one customer today is rendered tomorrow.

Values are data: what is in braces in a value stays in braces, and in HTML it is escaped.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import lru_cache
from typing import Any

from django.utils.translation import gettext as _
from liquid import Environment, RenderContext, Token
from liquid.builtin import content, illegal, output
from liquid.builtin.tags import (
    assign_tag,
    capture_tag,
    case_tag,
    comment_tag,
    for_tag,
    if_tag,
    inline_comment_tag,
    unless_tag,
)
from liquid.exceptions import (
    BlockNestingError,
    LiquidError,
    LocalNamespaceLimitError,
    LoopIterationLimitError,
    OutputStreamLimitError,
)
from liquid.static_analysis import TemplateAnalysis, Variable
from liquid.template import BoundTemplate

from optiengine.lib.text_filters import FILTERS, bounded
from optiengine.lib.text_scan import TextError, at_line, line_of, scan

MOST_ITERATIONS = 1_000  # of all loops of a text together
MOST_FILTERS = 10_000  # filters applied while a text is rendered
MOST_OUTPUT = 500_000  # bytes

_TAGS = (
    content.Literal,
    output.Output,
    illegal.Illegal,
    if_tag.IfTag,
    unless_tag.UnlessTag,
    case_tag.CaseTag,
    for_tag.ForTag,
    for_tag.BreakTag,
    for_tag.ContinueTag,
    assign_tag.AssignTag,
    capture_tag.CaptureTag,
    comment_tag.CommentTag,
    inline_comment_tag.InlineCommentTag,
)


class _Context(RenderContext):
    """Counts loops and filters over the whole text: Liquid itself only counts nested loops."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.n_iterations = 0
        self.n_filters = 0

    def raise_for_loop_limit(self, length: int = 1) -> None:
        self.n_iterations += length
        if self.n_iterations > MOST_ITERATIONS:
            raise LoopIterationLimitError("", token=None)

    def filter(self, name: str, token: Token | None) -> Any:
        self.n_filters += 1
        if self.n_filters > MOST_FILTERS:
            raise LoopIterationLimitError("", token=None)
        return super().filter(name, token)

    def get_item(self, obj: Any, key: Any) -> Any:
        """A customer's attributes have the names that a company gave them: `size` is one of them
        or missing, and never how many there are. Lists and texts keep what Liquid says of them.
        """
        return obj[key] if isinstance(obj, Mapping) else super().get_item(obj, key)


class _Template(BoundTemplate):
    context_class = _Context


class _Sandbox(Environment):
    template_class = _Template
    block_nesting_limit = 20
    context_depth_limit = 40
    output_stream_limit = MOST_OUTPUT
    local_namespace_limit = MOST_OUTPUT

    def error(self, exc: Any, msg: str | None = None, token: Token | None = None) -> None:
        """An error at the end of an expression is reported at the position of the expression."""
        if isinstance(exc, LiquidError) and (exc.token is None or exc.token.start_index < 0):
            exc.token = token
        super().error(exc, msg, token)

    def setup_tags_and_filters(self, *, extra: bool = False) -> None:
        for tag in _TAGS:
            self.add_tag(tag)
        for name, function in FILTERS.items():
            self.add_filter(name, bounded(function))


_PLAIN = _Sandbox()
_HTML = _Sandbox(autoescape=True)


@dataclass(frozen=True)
class Variables:
    """What a text may ask for: `customer.first_name`, and any name below an open one."""

    names: Collection[str]
    open_names: Collection[str] = ()  # customer.attributes: any customer.attributes.NAME

    def know(self, variable: Variable) -> bool:
        if not all(isinstance(segment, str) for segment in variable.segments):
            return False  # customer[offer]: which one, nobody can tell beforehand
        segments = [str(segment) for segment in variable.segments]
        names = {".".join(segments[:n]) for n in range(1, len(segments))}
        return ".".join(segments) in self.names or not names.isdisjoint(self.open_names)

    def __str__(self) -> str:
        return ", ".join([*self.names, *(f"{name}.NAME" for name in self.open_names)])


@dataclass(frozen=True, eq=False)
class TextTemplate:
    """A text that was read and found sound."""

    source: str
    names: frozenset[str] = frozenset()  # variables it asks for
    parsed: BoundTemplate | None = field(default=None, repr=False)  # None: no braces in it

    def fill_in(self, values: Mapping[str, Any]) -> str:
        """The text for these values; what is not among them is empty. Raises TextError."""
        if self.parsed is None:
            return self.source
        try:
            return self.parsed.render(values)
        except LiquidError as error:
            raise TextError([_in_words(self.source, error)]) from error
        except Exception as error:  # any error in a text fails only that text
            text = _("The text cannot be rendered: %s.")
            raise TextError([text % (error or type(error).__name__)]) from error


@lru_cache(maxsize=4_096)
def read_text(source: str, variables: Variables, *, is_html: bool = False) -> TextTemplate:
    """A text, ready to be filled in many times. Raises TextError with everything wrong in it."""
    if not scan(source):
        return TextTemplate(source)
    try:
        parsed = (_HTML if is_html else _PLAIN).from_string(source)
        analysis = parsed.analyze()
    except LiquidError as error:
        raise TextError([_in_words(source, error)]) from error
    except RecursionError as error:
        raise TextError([_("The text is nested too deeply. Simplify it.")]) from error
    if problems := list(_unknown(source, analysis, variables)):
        raise TextError(problems)
    names = {str(each) for places in analysis.globals.values() for each in places}
    return TextTemplate(source, frozenset(names), parsed)


def _unknown(source: str, analysis: TemplateAnalysis, variables: Variables) -> Iterator[str]:
    """Unknown variables and filters, each once, where it is first used."""
    used = [each for places in analysis.globals.values() for each in places]
    unknown = {str(each): each for each in reversed(used) if not variables.know(each)}
    for name, each in sorted(unknown.items(), key=lambda item: item[1].span.index):
        sentence = _("“%(name)s” does not exist%(close)s. Available: %(all)s.")
        words = {"name": name, "close": _close(name, variables.names), "all": str(variables)}
        yield at_line(line_of(source, each.span.index), sentence % words)
    for name, spans in analysis.filters.items():
        if name not in FILTERS:
            sentence = _("the filter “%(name)s” does not exist%(close)s. Available: %(all)s.")
            words = {"name": name, "close": _close(name, FILTERS), "all": ", ".join(FILTERS)}
            yield at_line(line_of(source, spans[0].index), sentence % words)


def _close(name: str, known: Collection[str]) -> str:
    """What was perhaps meant: text in place of a word that is nearly one that is known."""
    ends = {each.rpartition(".")[2]: each for each in known} | {each: each for each in known}
    matches = get_close_matches(name, ends, n=1)
    return _(" (did you mean “%s”?)") % ends[matches[0]] if matches else ""


def _in_words(source: str, error: LiquidError) -> str:
    match error:
        case OutputStreamLimitError() | LocalNamespaceLimitError():
            sentence = _("the text is longer than %s bytes. Shorten it.") % f"{MOST_OUTPUT:,}"
        case LoopIterationLimitError():
            sentence = _("loops and filters run too long. The limit is %s iterations in total.")
            sentence %= f"{MOST_ITERATIONS:,}"
        case BlockNestingError():
            sentence = _("blocks are nested too deeply. The limit is %s levels.")
            sentence %= _Sandbox.block_nesting_limit
        case _:
            sentence = _("this is not valid: %s.") % str(error.message or error).rstrip(".")
    token = error.token
    if token is None or not 0 <= token.start_index <= len(source):
        return sentence[:1].upper() + sentence[1:]
    return at_line(line_of(source, token.start_index), sentence)
