"""A first look at a text with `{{ … }}` and `{% … %}`: is all of it closed, and does it nest?

It takes time proportional to the text, whatever the text is: the template engine's own reader
searches to the end of the text for every `{{` that is not closed, so it is only shown texts that
passed here.
"""

import re

from django.utils.translation import gettext as _

BLOCKS = ("if", "unless", "case", "for", "capture", "comment")
PARTS = {
    "else": ("if", "unless", "case", "for"),
    "elsif": ("if", "unless"),
    "when": ("case",),
    "break": BLOCKS,  # outside of a loop they end the text, which is no harm
    "continue": BLOCKS,
}
ALONE = ("assign", "#")
TAGS = (*BLOCKS, *PARTS, *ALONE, "raw")

MOST_CHARACTERS = 200_000  # of a text
MOST_MARKUP = 20_000  # characters between braces, in all
LONGEST_MARKUP = 2_000

_OPENER = re.compile(r"\{[{%]")
_TAG_NAME = re.compile(r"-?\s*(#|\w*)")
_QUOTED = re.compile(r"\"[^\"]*\"|'[^']*'")
_END_OF_RAW = re.compile(r"\{%-?\s*endraw\s*-?%\}")


class TextError(Exception):
    """What is wrong with a text, in sentences that name the line and say what to do."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__(" ".join(problems))
        self.problems = problems


def at_line(line: int, sentence: str) -> str:
    return _("Line %(line)s: %(sentence)s") % {"line": line, "sentence": sentence}


def line_of(text: str, position: int) -> int:
    return text.count("\n", 0, position) + 1


def scan(text: str) -> int:
    """How much is between braces, in characters. Raises TextError at the first thing wrong."""
    if len(text) > MOST_CHARACTERS:
        raise TextError([_("The text has more than %s characters.") % f"{MOST_CHARACTERS:,}"])
    open_blocks: list[tuple[str, int]] = []  # name and position
    n_markup = position = 0
    while opener := _OPENER.search(text, position):
        start = opener.start()
        inner, position = _markup(text, start)
        n_markup += len(inner)
        if n_markup > MOST_MARKUP:
            sentence = _("the text between braces is longer than %s characters. Shorten it.")
            raise _wrong(text, start, sentence % f"{MOST_MARKUP:,}")
        if opener.group() == "{%":
            position = _follow(text, start, inner, position, open_blocks)
    if open_blocks:
        name, start = open_blocks[-1]
        raise _wrong(text, start, _never_closed(name))
    return n_markup


def _markup(text: str, start: int) -> tuple[str, int]:
    """What is between the braces that open at `start`, and where the text goes on."""
    opener, closer = text[start : start + 2], {"{": "}}", "%": "%}"}[text[start + 1]]
    end = text.find(closer, start + 2, start + 2 + LONGEST_MARKUP + len(closer))
    inner = text[start + 2 : end] if end >= 0 else ""
    if end < 0 or _OPENER.search(_QUOTED.sub("", inner)):
        sentence = _("“%(opener)s” is not closed. Add “%(closer)s” where it ends.")
        raise _wrong(text, start, sentence % {"opener": opener, "closer": closer})
    if not inner.strip("- \t\r\n"):
        raise _wrong(text, start, _("there is nothing between the braces. Add a placeholder."))
    return inner, end + 2


def _follow(
    text: str, start: int, inner: str, position: int, open_blocks: list[tuple[str, int]]
) -> int:
    """Take one tag into account; returns where the text goes on."""
    match = _TAG_NAME.match(inner)
    name = match.group(1) if match else ""
    innermost = open_blocks[-1][0] if open_blocks else ""
    if innermost == "comment" and name not in ("comment", "endcomment", "raw", "doc"):
        return position  # raw and doc are no comment to the engine's own reader
    if name == "raw":
        end = _END_OF_RAW.search(text, position)
        if end is None or inner.strip("- \t\r\n") != "raw":
            raise _wrong(text, start, _never_closed(name))
        return end.end()
    if name in BLOCKS:
        open_blocks.append((name, start))
    elif name.startswith("end") and name[3:] in BLOCKS:
        if innermost != name[3:]:
            sentence = _("“%(end)s” has no opening tag. Remove it.")
            if innermost:
                sentence = _("“%(end)s” was found where “%(wanted)s” is expected.")
            raise _wrong(text, start, sentence % {"end": name, "wanted": f"end{innermost}"})
        open_blocks.pop()
    elif name in PARTS:
        if not any(block in PARTS[name] for block, _at in open_blocks):
            sentence = _("“%(tag)s” can only be used inside “%(block)s”.")
            raise _wrong(text, start, sentence % {"tag": name, "block": PARTS[name][0]})
    elif name not in ALONE:
        sentence = _("“%(tag)s” is not a known tag. Known tags: %(all)s.")
        raise _wrong(text, start, sentence % {"tag": name, "all": ", ".join(TAGS)})
    return position


def _never_closed(name: str) -> str:
    return _("“%(tag)s” is not closed. Add “{%% end%(tag)s %%}” where it ends.") % {"tag": name}


def _wrong(text: str, position: int, sentence: str) -> TextError:
    return TextError([at_line(line_of(text, position), sentence)])
