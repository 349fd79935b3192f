"""A Markdown file as tokens, with the headings, links and code that checks and pages need."""

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token

NOT_IN_ANCHOR = re.compile(r"[^\w\- ]")


def _in_scroll_box(renderer: object, tokens: list[Token], index: int, *_: object) -> str:
    return '<div class="scroll"><table>' if tokens[index].nesting == 1 else "</table></div>"


PARSER = MarkdownIt("commonmark", {"html": False}).enable("table")  # raw HTML is shown as text
PARSER.add_render_rule("table_open", _in_scroll_box)
PARSER.add_render_rule("table_close", _in_scroll_box)


@dataclass(frozen=True)
class Heading:
    level: int
    text: str
    anchor: str  # as git hosts make it, so that links work in both places


@dataclass(frozen=True)
class Link:
    target: str
    text: str
    line: int
    is_image: bool


@dataclass(frozen=True)
class Block:
    """A fenced block: ```language argument."""

    language: str
    argument: str
    text: str
    line: int


class Document:
    """One file. `tokens` are shared and must not be changed: see `copy_tokens`."""

    def __init__(self, text: str) -> None:
        self.tokens = PARSER.parse(text)
        self.headings = list(_headings(self.tokens))
        self.anchors = {heading.anchor for heading in self.headings}

    @property
    def title(self) -> str:
        return next((heading.text for heading in self.headings if heading.level == 1), "")

    def links(self) -> Iterator[Link]:
        for line, token, text in self._inline():
            if token.type == "link_open":
                yield Link(str(token.attrs["href"]), text, line, is_image=False)
            elif token.type == "image":
                yield Link(str(token.attrs["src"]), token.content, line, is_image=True)

    def code(self) -> Iterator[tuple[int, str]]:
        """What is in backticks, with its line."""
        for line, token, _text in self._inline():
            if token.type == "code_inline":
                yield line, token.content

    def emphasis(self) -> Iterator[tuple[int, str]]:
        """What is in italics, with its line."""
        return self._marked("em_open")

    def bold(self) -> Iterator[tuple[int, str]]:
        return self._marked("strong_open")

    def blocks(self) -> Iterator[Block]:
        for token in self.tokens:
            if token.type == "fence":
                language, _, argument = token.info.strip().partition(" ")
                yield Block(language, argument.strip(), token.content, _line(token))

    def _marked(self, opening: str) -> Iterator[tuple[int, str]]:
        for line, token, text in self._inline():
            if token.type == opening:
                yield line, text

    def _inline(self) -> Iterator[tuple[int, Token, str]]:
        """(line, token, the text until the token is closed)."""
        for token in self.tokens:
            children = token.children or []
            for position, child in enumerate(children):
                yield _line(token), child, _text_within(children[position:])


@lru_cache(maxsize=512)
def _read(path: Path, changed_at_ns: int) -> Document:
    return Document(path.read_text(encoding="utf-8"))


def read(path: Path) -> Document:
    """Parsed once, and again when the file has changed."""
    return _read(path, path.stat().st_mtime_ns)


def _line(token: Token) -> int:
    return token.map[0] + 1 if token.map else 0


def _headings(tokens: list[Token]) -> Iterator[Heading]:
    taken: dict[str, int] = {}
    for opening, inline in itertools.pairwise(tokens):
        if opening.type == "heading_open":
            text = _plain(inline.children or [])
            anchor = NOT_IN_ANCHOR.sub("", text.lower()).replace(" ", "-")
            taken[anchor] = taken.get(anchor, -1) + 1
            if taken[anchor]:
                anchor = f"{anchor}-{taken[anchor]}"
            yield Heading(int(opening.tag[1]), text, anchor)


def _plain(children: list[Token]) -> str:
    return "".join(
        " " if child.type == "softbreak" else child.content
        for child in children
        if child.type in ("text", "code_inline", "softbreak")
    )


def _text_within(children: list[Token]) -> str:
    """The text between an opening token, the first of `children`, and what closes it."""
    depth = 0
    for position, child in enumerate(children):
        depth += child.nesting
        if depth == 0:
            return _plain(children[: position + 1])
    return ""
