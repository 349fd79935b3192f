"""One thing has one name: what is written keeps to the glossary, and to words we do not use."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest
from drf_spectacular.generators import SchemaGenerator

from tests.test_translations import CATALOGUES, entries

pytestmark = pytest.mark.long

ROOT = Path(__file__).resolve().parent.parent
GLOSSARY = ROOT / "docs" / "glossary.md"
PORTUGUESE_GLOSSARY = ROOT / "docs" / "pt" / "glossary.md"
BANNED = ROOT / "docs" / "explanation" / "words.md"
APPS = ["segments", "campaigns", "journeys", "reports", "optiengine"]

TRANSLATING = {"_", "gettext", "gettext_lazy", "ngettext", "ngettext_lazy", "pgettext"}
SHOWN = {"help", "help_text", "description", "summary", "verbose_name", "label", "title"}


@dataclass(frozen=True)
class Text:
    """A text that people read, and where it is written."""

    place: str
    words: str


def rows(markdown: str) -> list[list[str]]:
    """The rows of all tables, without their heads."""
    cells = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in markdown.splitlines()
        if line.startswith("|")
    ]
    heads = {i - 1 for i, row in enumerate(cells) if set(row[0]) == {"-"}}
    return [row for i, row in enumerate(cells) if i not in heads and set(row[0]) != {"-"}]


def glossary() -> list[list[str]]:
    return rows(GLOSSARY.read_text())


def banned(language: str) -> list[tuple[re.Pattern[str], str]]:
    """(phrase, what to write instead) of a language."""
    table = BANNED.read_text().partition(f"## In {language}")[2].partition("##")[0]
    return [(pattern(phrase), instead) for phrase, instead in rows(table)]


def pattern(phrase: str) -> re.Pattern[str]:
    """The phrase as whole words, over line ends, with its plural where it says (s)."""
    words = re.escape(phrase).replace(r"\(s\)", "s?").replace(r"\ ", r"\s+")
    return re.compile(rf"(?<![\w-]){words}(?![\w-])", re.IGNORECASE)


def strings_of(app: str) -> Iterator[Text]:
    for path in sorted((ROOT / app).rglob("*.py")):
        if "migrations" in path.parts:
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            for value in shown(node):
                for leaf in ast.walk(value):
                    if isinstance(leaf, ast.Constant) and isinstance(leaf.value, str):
                        yield Text(f"{path.relative_to(ROOT)}:{leaf.lineno}", leaf.value)
    for path in sorted((ROOT / app).rglob("*.html")):
        yield Text(str(path.relative_to(ROOT)), template_text(path.read_text()))


def shown(node: ast.AST) -> list[ast.expr]:
    """What a call, or an attribute such as `help`, gives people to read."""
    if isinstance(node, ast.Assign):
        targets = {target.id for target in node.targets if isinstance(target, ast.Name)}
        return [node.value] if targets & SHOWN else []
    if not isinstance(node, ast.Call):
        return []
    name = getattr(node.func, "id", getattr(node.func, "attr", ""))
    texts = list(node.args) if name in TRANSLATING else []
    return texts + [word.value for word in node.keywords if word.arg in SHOWN]


def template_text(source: str) -> str:
    """What readers see of a template: texts between tags, and those in translation tags."""
    source = re.sub(r"{#.*?#}|{% comment %}.*?{% endcomment %}|<!--.*?-->", " ", source, flags=re.S)
    source = re.sub(r"""{% *trans(?:late)? +["'](.*?)["'].*?%}""", r"\1", source)
    return re.sub(r"{[%{].*?[%}]}|<[^>]*>", " ", source, flags=re.S)


def texts_of_the_api() -> Iterator[Text]:
    def walk(value: object, path: str) -> Iterator[Text]:
        if isinstance(value, dict):
            for key, part in value.items():
                if key in {"description", "summary"} and isinstance(part, str):
                    yield Text(path, without_code(part))
                else:
                    yield from walk(part, f"{path}/{key}")
        elif isinstance(value, list):
            for part in value:
                yield from walk(part, path)

    yield from walk(SchemaGenerator().get_schema(request=None, public=True), "schema")


def pages(*, portuguese: bool) -> Iterator[Text]:
    for path in sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]):
        is_portuguese = "pt" in path.relative_to(ROOT).parts
        if path != BANNED and is_portuguese is portuguese:
            yield Text(str(path.relative_to(ROOT)), without_code(path.read_text()))


def without_code(markdown: str) -> str:
    markdown = re.sub(r"^(```+|~~~+).*?^\1", " ", markdown, flags=re.S | re.M)
    markdown = re.sub(r"^ {4,}\S.*$", " ", markdown, flags=re.M)
    return re.sub(r"(`+).+?\1|\]\([^)]*\)", " ", markdown, flags=re.S)


def catalogue(of: int) -> list[Text]:
    """All sources (0) or all translations (1)."""
    return [
        Text(path.parts[-3], form[of])
        for path in CATALOGUES
        for entry in entries(path)
        for form in entry.forms
    ]


def english_of(app: str) -> tuple[Iterator[Text], str]:
    return strings_of(app), "English"


AREAS = {
    **{app: partial(english_of, app) for app in APPS},
    "api": lambda: (texts_of_the_api(), "English"),
    "catalogue-english": lambda: (catalogue(0), "English"),
    "catalogue-portuguese": lambda: (catalogue(1), "Portuguese"),
    "documentation": lambda: (pages(portuguese=False), "English"),
    "documentation-portuguese": lambda: (pages(portuguese=True), "Portuguese"),
}


@pytest.mark.parametrize("name", AREAS)
def test_no_banned_word_is_used(name):
    texts, language = AREAS[name]()
    phrases = banned(language)

    uses = [
        f"{text.place}: “{use.group()}”, write: {instead}"
        for text in texts
        for phrase, instead in phrases
        for use in phrase.finditer(text.words)
    ]

    assert not uses, "\n".join(sorted(uses))


def test_the_glossary_stays_short_and_names_everything_once():
    terms = [term for row in glossary() for term in row[0].split(", ")]
    translations = [term for row in glossary() for term in row[1].split(", ")]

    assert len(glossary()) <= 60
    assert len(set(terms)) == len(terms)
    assert len(set(translations)) == len(translations)
    assert all(len(row) == 4 and all(row) for row in glossary())


def test_both_glossaries_name_the_same_terms():
    portuguese = [[row[1], row[0]] for row in rows(PORTUGUESE_GLOSSARY.read_text())]

    assert portuguese == [row[:2] for row in glossary()]


def test_the_catalogue_translates_a_term_as_the_glossary_does():
    terms = dict(
        pair
        for row in glossary()
        for pair in zip(row[0].split(", "), row[1].split(", "), strict=True)
    )
    # A context tells another meaning apart, so its translation is its own; and so does a capital:
    # “Run” on a button is a verb.
    translated = [
        (form[0], form[1].lower())
        for path in CATALOGUES
        for entry in entries(path)
        if "msgctxt" not in entry.texts
        for form in entry.forms
    ]

    differing = {
        (source, translation)
        for source, translation in translated
        if source in terms and not translation.startswith(terms[source].lower())  # or its plural
    }

    assert not differing


@pytest.mark.parametrize("language", ["English", "Portuguese"])
def test_the_lists_of_banned_words_are_read(language):
    phrases = banned(language)

    assert len(phrases) >= 12
    assert all(instead for _phrase, instead in phrases)


def test_a_phrase_is_found_as_whole_words_in_any_case_and_over_line_ends():
    assert pattern("journey map(s)").search("All Journey\nMaps")
    assert not pattern("deed(s)").search("indeed")
    assert not pattern("owed").search("allowed")


def test_code_and_targets_of_links_are_exempt():
    page = "See `holdout` and [the group](holdout.md).\n\n```sh\nghost\n```\n\n    ghost\n\nEnd."

    assert "ghost" not in without_code(page)
    assert "holdout" not in without_code(page)
    assert "the group" in without_code(page)


def test_templates_are_read_without_their_logic():
    template = '{% if arm == "holdout" %}{% trans "Ghost" %}<b class="deed">Owed</b>{% endif %}'

    assert template_text(template).split() == ["Ghost", "Owed"]
