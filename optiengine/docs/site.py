"""Pages of the documentation: which there are, how they hang together, and how they look."""

import itertools
import posixpath
import shutil
from collections.abc import Callable, Iterator
from copy import copy
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from urllib.parse import unquote

from django.conf import settings
from django.contrib.staticfiles import finders
from django.template.loader import render_to_string
from django.utils import translation
from django.utils.safestring import mark_safe
from django.utils.translation import get_language_info
from markdown_it.token import Token

from optiengine.docs.markdown import PARSER, Document, read

FOLDER = settings.BASE_DIR / "docs"
ORIGINAL = "en"
# The manual is written in every language: a new page is, too. These are for people who work on the
# code, or against it, and are in English only.
ENGLISH_ONLY = {
    "benchmarks",
    "explanation/style",
    "explanation/words",
    "reference/api",
}
IMAGES = {".png": "image/png", ".svg": "image/svg+xml", ".jpg": "image/jpeg"}
STYLE, ICON = "optiengine/docs.css", "optiengine/icon.svg"
FONTS = [f"unfold/fonts/inter/Inter-{weight}.woff2" for weight in ("Regular", "Medium", "SemiBold")]
FONTS += ["unfold/fonts/inter/LICENSE"]


@dataclass(frozen=True)
class Entry:
    """A page in the navigation."""

    page: str
    title: str


@dataclass(frozen=True)
class Section:
    title: str
    entries: list[Entry]


class Site:
    """A folder of Markdown files.

    A page is named by its path in the folder, without suffix and language: `how-to/import`. Its
    address is `how-to/import.html`, or `pt/how-to/import.html`, where the Portuguese file is shown
    if there is one, and the English one if not. All addresses in a page are relative.
    """

    def __init__(self, folder: Path = FOLDER) -> None:
        self.folder = folder
        self.languages = [code for code, _name in settings.LANGUAGES]

    @cached_property
    def files(self) -> dict[str, Path]:
        """Every file that is shown, by its path in the folder."""
        return {
            path.relative_to(self.folder).as_posix(): path
            for path in sorted(self.folder.rglob("*"))
            if path.is_file()
            and not path.is_symlink()
            and (path.suffix == ".md" or path.suffix in IMAGES)
        }

    @cached_property
    def pages(self) -> list[str]:
        """Names of all pages, those that exist only in a translation too."""
        return sorted({self.split(path)[1] for path in self.files if path.endswith(".md")})

    def split(self, path: str) -> tuple[str, str]:
        """'pt/how-to/import.md' → ('pt', 'how-to/import')."""
        name = posixpath.splitext(path)[0]
        language, _, rest = name.partition("/")
        is_translated = rest and language != ORIGINAL and language in self.languages
        return (language, rest) if is_translated else (ORIGINAL, name)

    def source(self, page: str, language: str) -> tuple[str, str]:
        """Path and language of the file that is shown; raises KeyError without one."""
        for code in (language, ORIGINAL):
            if (path := self.path(page, code)) in self.files:
                return path, code
        raise KeyError(page)

    def path(self, page: str, language: str) -> str:
        return f"{page}.md" if language == ORIGINAL else f"{language}/{page}.md"

    def translated_files(self) -> Iterator[tuple[str, str]]:
        """(path in the original language, path of a translation), whether it exists or not."""
        for page in self.pages:
            if page not in ENGLISH_ONLY:
                for language in self.languages:
                    if language != ORIGINAL:
                        yield self.path(page, ORIGINAL), self.path(page, language)

    def anchors(self, path: str) -> dict[str, str]:
        """What each anchor of a file is called on its page: there it is that of the original, so
        that addresses differ between languages in their folder only."""
        anchors = [heading.anchor for heading in read(self.files[path]).headings]
        original = self.files.get(self.path(self.split(path)[1], ORIGINAL))
        shown = [heading.anchor for heading in read(original).headings] if original else anchors
        return dict(zip(anchors, shown if len(shown) == len(anchors) else anchors, strict=True))

    def address(self, page: str, language: str) -> str:
        return self.path(page, language).removesuffix(".md") + ".html"

    def sections(self, language: str) -> list[Section]:
        """The navigation: the headings of the index, and the links that begin its list items."""
        path, _ = self.source("index", language)
        tokens = read(self.files[path]).tokens
        sections: list[Section] = []
        for before, token in itertools.pairwise(tokens):
            children = token.children or []
            if before.type == "heading_open" and before.tag == "h2":
                sections.append(Section(token.content, []))
            elif sections and len(children) > 1 and children[0].type == "link_open":
                page = self.target(path, str(children[0].attrs["href"]))
                if page and page.endswith(".md"):
                    entry = Entry(self.split(page)[1], children[1].content)
                    sections[-1].entries.append(entry)
        return sections

    def target(self, source: str, href: str) -> str | None:
        """Path of the file that a link in `source` leads to; None if there is no such file."""
        path = posixpath.normpath(posixpath.join(posixpath.dirname(source), href.split("#")[0]))
        return path if path in self.files else None

    def render(
        self,
        page: str,
        language: str,
        *,
        static: Callable[[str], str] | None = None,
        home: str = "",
    ) -> str:
        """The whole page as HTML. Raises KeyError where the page is in another language only.

        static : address of a static file, by default that of `build`. home : of the admin.
        """
        path, written_in = self.source(page, language)
        document = read(self.files[path])
        root = "../" * self.address(page, language).count("/")
        static = static or (lambda name: f"{root}static/{name}")
        sections = self.sections(language)
        entries = [entry for section in sections for entry in section.entries]
        position = next((n for n, entry in enumerate(entries) if entry.page == page), None)
        context = {
            "document": document,
            "content": mark_safe(self._content(path, document, language, root)),  # noqa: S308
            "page": page,
            "language": language,
            "written_in": written_in,
            "languages": [
                (code, get_language_info(code)["name_local"], root + self.address(page, code))
                for code in self.languages
            ],
            "sections": [
                (
                    section.title,
                    [
                        (e, root + self.address(e.page, language), self.source(e.page, language)[1])
                        for e in section.entries
                    ],
                )
                for section in sections
            ],
            "index": root + self.address("index", language),
            "neighbours": [
                (side, entries[n], root + self.address(entries[n].page, language))
                for side, n in (("prev", (position or 0) - 1), ("next", (position or 0) + 1))
                if position is not None and 0 <= n < len(entries)
            ],
            "contents": [
                (anchor, heading.text)
                for anchor, heading in zip(
                    self.anchors(path).values(), document.headings, strict=True
                )
                if heading.level == 2
            ],
            "style": static(STYLE),
            "icon": static(ICON),
            "home": home,
        }
        with translation.override(language):
            return render_to_string("optiengine/docs.html", context)

    def _content(self, path: str, document: Document, language: str, root: str) -> str:
        """The body, its links led to where the files are shown, its headings marked."""
        tokens = [self._shown(token, path, language, root) for token in document.tokens]
        openings = [token for token in tokens if token.type == "heading_open"]
        for opening, anchor in zip(openings, self.anchors(path).values(), strict=True):
            opening.attrs = {"id": anchor}
        return str(PARSER.renderer.render(tokens, PARSER.options, {}))

    def _shown(self, token: Token, path: str, language: str, root: str) -> Token:
        token = copy(token)
        if token.children:
            token.children = [self._shown(t, path, language, root) for t in token.children]
        for name in ("href", "src"):
            if shown := self._shown_address(str(token.attrs.get(name, "")), path, language, root):
                token.attrs = {**token.attrs, name: shown}
        return token

    def _shown_address(self, href: str, path: str, language: str, root: str) -> str | None:
        """Where a link in the file leads on a page; None for addresses outside the folder."""
        file, _, anchor = href.partition("#")
        target = self.target(path, file) if file else path
        if not href or target is None:
            return None
        shown = target
        if target.endswith(".md"):
            anchor = self.anchors(target).get(unquote(anchor), anchor)
            shown = self.address(self.split(target)[1], language)
        return (root + shown if file else "") + (f"#{anchor}" if anchor else "")

    def build(self, to: Path) -> int:
        """Writes all pages in all languages, with all they need, below `to`; returns how many."""
        pages = {
            self.address(page, language): self.render(page, language)
            for page in self.pages
            for language in self.languages
        }
        for address, html in pages.items():
            (to / address).parent.mkdir(parents=True, exist_ok=True)
            (to / address).write_text(html, encoding="utf-8")
        images = {p: file for p, file in self.files.items() if not p.endswith(".md")}
        static = {f"static/{name}": Path(str(finders.find(name))) for name in [STYLE, ICON, *FONTS]}
        for name, file in (images | static).items():
            (to / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, to / name)
        return len(pages)
