"""In the tutorial and the how-to guides, bold is a label that people see: see CONTRIBUTING.md."""

import re
from collections import defaultdict
from collections.abc import Iterator
from functools import cache

import pytest
from django.utils import translation
from django.utils.translation import gettext

from optiengine.docs.markdown import read
from optiengine.docs.site import ORIGINAL, Site
from tests.test_translations import CATALOGUES, entries
from tests.test_words import APPS, ROOT, strings_of

SITE = Site()
GUIDES = [page for page in SITE.pages if page.startswith(("tutorial/", "how-to/"))]
TRANSLATED = re.compile(r"""{% *(?:trans|translate) +["'](.*?)["'].*?%}""")
BLOCK = re.compile(r"{% *blocktrans(?:late)?\b.*?%}(.*?){% *endblocktrans", re.DOTALL)
ICONS = {"+"}


def labels(page: str, language: str) -> Iterator[str]:
    """What is bold, without the words that begin a paragraph as its heading: they end as a
    sentence does."""
    shown = sources() if language == ORIGINAL else set().union(*shown_in_portuguese().values())
    for _line, text in read(SITE.files[SITE.path(page, language)]).bold():
        if text not in ICONS and (not text.endswith((".", "?")) or as_compared(text) in shown):
            yield text


def as_compared(text: str) -> str:
    """As it is written in a list and at the beginning of a line, without what is filled in."""
    plain = " ".join(text.split()).partition(": %")[0].removesuffix(":")
    return plain[:1].lower() + plain[1:]


@cache
def sources() -> set[str]:
    """Every text of the interface, in English: in our code, and in the packages' catalogues."""
    texts = [text.words for app in APPS for text in strings_of(app)]
    for app in APPS:
        for file in (ROOT / app).rglob("*.html"):
            source = file.read_text()
            texts += TRANSLATED.findall(source) + BLOCK.findall(source)
    return {as_compared(text) for text in texts}


@cache
def shown_in_portuguese() -> dict[str, set[str]]:
    """By the English text, each way in which it is translated."""
    shown = defaultdict(set)
    for path in CATALOGUES:
        for entry in entries(path):
            for source, text in entry.forms:
                shown[as_compared(source)].add(as_compared(text))
    return shown


def translations_of(label: str) -> set[str]:
    with translation.override("pt"):
        text = gettext(label)
    return shown_in_portuguese()[as_compared(label)] | ({text} if text != label else set())


@pytest.mark.parametrize("page", GUIDES)
def test_every_label_is_one_of_the_interface(page):
    for label in labels(page, ORIGINAL):
        assert as_compared(label) in sources() or translations_of(label), label


@pytest.mark.parametrize("page", GUIDES)
def test_a_translated_page_shows_the_labels_of_the_translated_interface(page):
    english = set(labels(page, ORIGINAL))
    translated = {as_compared(label) for label in labels(page, "pt")}

    # What is not in the catalogue yet will be: `make messages`, and then its own test.
    known = {label: translations_of(label) for label in english if translations_of(label)}
    for label, texts in known.items():
        assert translated & {as_compared(text) for text in texts}, label
    if len(known) == len(english):
        assert translated <= {as_compared(t) for texts in known.values() for t in texts}


@pytest.mark.parametrize("page", GUIDES)
@pytest.mark.parametrize("language", SITE.languages)
def test_italics_are_paths_in_the_menu(page, language):
    emphasised = [text for _, text in read(SITE.files[SITE.path(page, language)]).emphasis()]

    assert [text for text in emphasised if "→" not in text] == []
