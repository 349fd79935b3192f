"""Every example in the documentation does what the page says."""

import re

import pytest
from django.contrib.auth.models import User
from django.core.cache import cache
from rest_framework.authtoken.models import Token

from campaigns.message_variables import VARIABLES
from optiengine.docs.markdown import read
from optiengine.docs.references import PLAIN_FILES
from optiengine.docs.site import ORIGINAL, Site
from optiengine.lib.text_template import read_text
from tests.docs.prepared import PREPARED
from tests.docs.story import Story, as_pattern, assert_holds, runnable

pytestmark = pytest.mark.slow

SITE = Site()
PAGES = {path: file for path, file in SITE.files.items() if path.endswith(".md")}
PAGES |= {file.name: file for file in PLAIN_FILES}
# Of a translation only the texts to customers are run: its other examples are the same, which
# `optiengine.docs.references` checks.
TRANSLATED = {path for path in SITE.files if SITE.split(path)[0] != ORIGINAL}
STORIES = [path for path, file in PAGES.items() if path not in TRANSLATED and runnable(read(file))]


@pytest.mark.slow
@pytest.mark.parametrize("path", STORIES)
@pytest.mark.django_db(transaction=True)
def test_examples_run(path, tmp_path, live_server):
    cache.clear()
    if prepare := PREPARED.get(path):
        prepare()
    token = Token.objects.create(user=User.objects.create_superuser("root"))
    story = Story(tmp_path, live_server.url, token.key)

    for block in runnable(read(PAGES[path])):
        try:
            story.run(block)
        except Exception as error:
            error.add_note(f"in {path}, line {block.line}")
            raise


@pytest.mark.parametrize("path", sorted(TRANSLATED))
def test_translated_texts_to_customers_are_valid(path):
    for block in read(PAGES[path]).blocks():
        if block.language == "liquid":
            read_text(block.text, VARIABLES)


def test_prepared_pages_exist():
    assert set(PREPARED) <= set(STORIES)


@pytest.mark.parametrize(
    ("shown", "printed", "is_same"),
    [
        ("read 3", "read 3\n", True),
        ("read 3", "read 4\n", False),
        ("read … rows", "read 12 rows", True),
        ("first\n…\nlast", "first\n2\n3\nlast", True),
        ("first\n…\nlast", "first\nlast", True),
        ("first\n…", "first\n2\n3", True),
        ("first\nlast", "first\n2\nlast", False),
    ],
)
def test_an_ellipsis_matches_anything(shown, printed, is_same):
    assert bool(re.fullmatch(as_pattern(shown), printed.strip())) is is_same


def test_shown_json_is_part_of_the_printed():
    printed = {"id": "K-1", "consents": ["email"], "runs": [{"id": 1, "at": "x"}, {"id": 2}]}

    assert_holds({"id": "…", "runs": [{"id": 1}, "…"]}, printed)
    for wrong in ({"id": "K-2"}, {"name": "…"}, {"runs": [{"id": 1}]}, {"consents": []}):
        with pytest.raises(AssertionError):
            assert_holds(wrong, printed)
