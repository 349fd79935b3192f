"""Portuguese is whole: what is written in the .po is complete, and is what the .mo gives."""

import ast
import gettext
import re
import struct
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import unfold
from django.utils import translation
from django.utils.translation import gettext as _

from optiengine.package_texts import PACKAGE_TEXTS

ROOT = Path(__file__).resolve().parent.parent
CATALOGUES = sorted((ROOT / "optiengine" / "locale").glob("*/LC_MESSAGES/*.po"))
KEYWORD = re.compile(r'(msgctxt|msgid_plural|msgid|msgstr(?:\[\d\])?) (".*")')
PLACEHOLDER = re.compile(r"%%|%\(\w+\)[-+#0-9.]*[a-z]|%[sd]|\{\w*\}|\$\$|\$\{?\w+")


@dataclass
class Entry:
    """One message of a .po file: its texts by keyword ("msgid", "msgstr[1]", ...)."""

    texts: dict[str, str] = field(default_factory=dict)
    flags: str = ""

    @property
    def forms(self) -> list[tuple[str, str]]:
        """(source, translation); of a plural one pair per number."""
        source = self.texts.get("msgid_plural", self.texts["msgid"])
        return [
            (self.texts["msgid"] if keyword in ("msgstr", "msgstr[0]") else source, text)
            for keyword, text in self.texts.items()
            if keyword.startswith("msgstr")
        ]


def entries(path: Path) -> list[Entry]:
    """The messages of a .po file, its header left out."""
    all_entries = []
    for block in path.read_text(encoding="utf-8").split("\n\n"):
        entry, keyword = Entry(), ""
        for line in block.splitlines():
            if line.startswith("#,"):
                entry.flags += line
            elif match := KEYWORD.fullmatch(line):
                keyword, quoted = match.groups()
                entry.texts[keyword] = ast.literal_eval(quoted)
            elif line.startswith('"'):
                entry.texts[keyword] += ast.literal_eval(line)
            else:
                # Obsolete messages ("#~") are nobody's: `make messages` drops them.
                assert re.match("#(?!~)", line), line
        if entry.texts.get("msgid"):
            all_entries.append(entry)
    return all_entries


@pytest.fixture(params=CATALOGUES, ids=lambda path: "-".join(path.parts[-3::2]))
def catalogue(request) -> Path:
    return request.param


def test_every_message_is_translated_for_good(catalogue):
    for entry in entries(catalogue):
        assert all(text for _source, text in entry.forms), entry.texts["msgid"]
        assert "fuzzy" not in entry.flags, entry.texts["msgid"]


def test_placeholders_are_the_same_in_both_languages(catalogue):
    for entry in entries(catalogue):
        for source, text in entry.forms:
            wanted, translated = (Counter(PLACEHOLDER.findall(words)) for words in (source, text))
            assert translated == wanted, text


def test_the_compiled_file_is_as_new_as_its_source(catalogue):
    """`make messages` compiles; the result is committed, since users have no gettext tools."""
    compiled = catalogue.with_suffix(".mo")
    with compiled.open("rb") as file:
        translations = gettext.GNUTranslations(file)
    written = entries(catalogue)

    for entry in written:
        texts, context = entry.texts, entry.texts.get("msgctxt")
        for n, (_source, text) in zip((1, 2), entry.forms, strict=False):
            if "msgid_plural" in texts:
                shown = translations.ngettext(texts["msgid"], texts["msgid_plural"], n)
            elif context is not None:
                shown = translations.pgettext(context, texts["msgid"])
            else:
                shown = translations.gettext(texts["msgid"])
            assert shown == text
    (n_compiled,) = struct.unpack("<I", compiled.read_bytes()[8:12])
    assert n_compiled == len(written) + 1  # the header is one


def test_a_portuguese_reader_is_addressed_in_portuguese():
    with translation.override("pt"):
        assert _("Frequency caps") == "Limites de frequência"


@pytest.mark.django_db
def test_the_admin_follows_the_readers_browser(client):
    page = client.get("/admin/login/", headers={"accept-language": "pt-PT,pt;q=0.9"})

    assert page.headers["Content-Language"] == "pt"


def texts_of_the_admin() -> set[str]:
    """What the templates of the admin say, except those of fields that we do not use."""
    folder = Path(unfold.__file__).parent / "templates"
    text = "".join(path.read_text() for path in folder.rglob("*.html"))
    return {words for _quote, words in re.findall(r"""{%\s*trans (['"])(.*?)\1""", text)}


NOT_SHOWN = {
    "Add row",  # crispy forms
    "Image preview",  # files
    "No results found",  # our own template says more
    "Record picture",
    "Return to site",  # there is none
    "This page yielded into no results. Create a new item or reset your filters.",
}


def test_the_admins_own_texts_are_in_portuguese_too():
    """What its packages do not translate is in PACKAGE_TEXTS, and with that in our catalogue."""
    with translation.override("pt"):
        missing = {
            text
            for text in texts_of_the_admin() - NOT_SHOWN - set(PACKAGE_TEXTS)
            if _(text) == text
        }

    assert not missing
