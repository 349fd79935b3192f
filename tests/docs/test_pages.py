"""The documentation is sound, is served to anybody, and hands out nothing else."""

import re

import pytest
from django.contrib import admin
from django.core.management import CommandError, call_command
from django.utils import translation

from optiengine.docs import references
from optiengine.docs.markdown import Document, read
from optiengine.docs.places import PLACES
from optiengine.docs.references import PLAIN_FILES, problems, unknown_references
from optiengine.docs.site import ENGLISH_ONLY, Site

PIXEL = bytes.fromhex("89504e470d0a1a0a")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Two pages, one of them in Portuguese too, and an image."""
    monkeypatch.setattr("optiengine.docs.site.ENGLISH_ONLY", {"how-to/import", "how-to/new"})
    site = tmp_path / "docs"
    for path, text in {
        "index.md": "# Start\n\n## Guides\n\n- [Import](how-to/import.md): files\n",
        "how-to/import.md": "# Import\n\n![A page](../images/a.png)\n\n## Quiet hours & caps\n\n"
        "[Start](../index.md) [Caps](#quiet-hours--caps)\n",
        "pt/index.md": "# Início\n\n## Guias\n\n- [Importar](../how-to/import.md): ficheiros\n",
    }.items():
        (site / path).parent.mkdir(parents=True, exist_ok=True)
        (site / path).write_text(text)
    (site / "images").mkdir()
    (site / "images" / "a.png").write_bytes(PIXEL)
    return site


def test_nothing_is_wrong_with_the_documentation():
    assert problems() == []


def test_the_readme_is_one_page():
    words = re.findall(r"\w+", PLAIN_FILES[0].read_text())
    assert len(words) <= 900


@pytest.mark.django_db
def test_everybody_may_read_and_nothing_comes_from_elsewhere(client):
    start = client.get("/docs/", follow=True)
    assert start.redirect_chain == [("/docs/index.html", 302)]

    for page in Site().pages:
        response = client.get(f"/docs/{page}.html")
        assert response.status_code == 200, page
        assert "default-src 'none'" in response["Content-Security-Policy"]
        text = response.content.decode()
        assert not re.search(r"<(script|iframe|style)\b|\son\w+=", text), page
        loaded = re.findall(r'(?:src|<link[^>]* href)="([^"]*)"', text)
        assert not [address for address in loaded if "//" in address], page


@pytest.mark.parametrize(
    "address",
    [
        "../manage.py",
        "..%2Fmanage.py",
        "%2e%2e/%2e%2e/etc/passwd",
        "images/../../README.md",
        "/etc/passwd",
        "index.md",
        "index",
        "nothing.html",
        "pt/nothing.html",
        "en/index.html",
        "images/nothing.png",
        "index.html%00.png",
    ],
)
@pytest.mark.django_db
def test_nothing_but_pages_and_images_can_be_reached(client, address):
    assert client.get(f"/docs/{address}").status_code == 404


@pytest.mark.django_db
def test_links_out_of_the_folder_are_not_followed(client, folder, monkeypatch):
    secret = folder.parent / "secret.png"
    secret.write_bytes(PIXEL)
    (folder / "images" / "link.png").symlink_to(secret)
    monkeypatch.setattr("optiengine.docs.views.Site", lambda: Site(folder))

    assert client.get("/docs/images/a.png")["Content-Type"] == "image/png"
    assert client.get("/docs/images/link.png").status_code == 404


def test_raw_html_is_shown_as_text(folder):
    (folder / "how-to" / "import.md").write_text("# Import\n\n<script>alert(1)</script>\n")

    html = Site(folder).render("how-to/import", "en")

    assert "&lt;script&gt;" in html
    assert "<script" not in html


def test_a_page_without_translation_is_shown_in_english_with_a_note(folder):
    site = Site(folder)

    english, portuguese = site.render("how-to/import", "en"), site.render("how-to/import", "pt")

    assert '<article lang="en">' in portuguese
    assert 'class="note"' in portuguese
    assert 'class="note"' not in english
    assert 'src="../images/a.png"' in english
    assert 'src="../../images/a.png"' in portuguese
    assert 'href="../../pt/index.html"' in portuguese  # the reader stays in Portuguese
    assert "Importar <small" in portuguese
    assert "Import <small" not in english
    assert 'href="../../how-to/import.html" lang="en"' in portuguese


@pytest.mark.django_db
def test_the_first_page_is_in_the_readers_language(client):
    with translation.override("pt"):
        response = client.get("/docs/", headers={"accept-language": "pt"})

    assert response["Location"] == "/docs/pt/index.html"


def test_headings_get_the_anchors_of_git_hosts():
    document = Document("# A `code` and *more*!\n\n## Same\n\n## Same\n\n## Quiet hours & caps\n")

    anchors = [heading.anchor for heading in document.headings]
    assert anchors == ["a-code-and-more", "same", "same-1", "quiet-hours--caps"]


def test_files_are_written_with_all_they_need(folder, tmp_path):
    n_pages = Site(folder).build(tmp_path / "out")

    assert n_pages == 4
    for html in (tmp_path / "out").rglob("*.html"):
        for address in re.findall(r'(?:src|href)="([^"#]+)', html.read_text()):
            assert (html.parent / address).resolve().is_file(), (html, address)
    css = tmp_path / "out/static/optiengine/docs.css"
    for address in re.findall(r'url\("([^"]+)"\)', css.read_text()):
        assert (css.parent / address).resolve().is_file(), address


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[x](missing.md)", "missing.md does not exist."),
        ("[x](import.md#no)", "import.md#no: there is no such heading."),
        ("[x](#no)", "#no: there is no such heading."),
        ("[x](../../secret.md)", "../../secret.md leads out of docs/."),
        ("![x](../images/b.png)", "../images/b.png does not exist."),
        ("![](../images/a.png)", "../images/a.png: the image has no description."),
        ("# Twice", "a page has one heading of level 1."),
        ("*Audience → Nobody*", "“Audience → Nobody” is not in the menu."),
        ("```env\nNO_SUCH=1\n```", "NO_SUCH is not read by the settings."),
        ("```sh nonsense\n```", "“nonsense” is not a file, “output” or “not-run: reason”."),
        ("```sh not-run:\n```", "“not-run:” is not a file, “output” or “not-run: reason”."),
        ("```json\n{}\n```", "nothing runs “json”: write “not-run: reason” after it."),
        ("```sh\nmake nothing\n```", "there is no `make nothing`."),
        (
            "```sh\nmanage.py run_day --as-of x \\\n  --no\n```",
            "`manage.py run_day` has no option --no.",
        ),
    ],
)
def test_what_is_broken_is_named(folder, monkeypatch, text, problem):
    (folder / "how-to" / "import.md").write_text(f"# Import\n\n{text}\n")
    monkeypatch.setattr(references, "PLAIN_FILES", [])

    faults = problems(Site(folder))

    assert len(faults) == 1
    assert faults[0].endswith(problem)


def test_what_is_in_english_only_exists_in_english_only():
    site = Site()

    assert set(site.pages) >= ENGLISH_ONLY
    assert not [page for page in ENGLISH_ONLY if site.path(page, "pt") in site.files]


@pytest.fixture
def manual(folder, monkeypatch):
    """A page of the manual, in both languages."""
    monkeypatch.setattr("optiengine.docs.site.ENGLISH_ONLY", set())
    monkeypatch.setattr(references, "PLAIN_FILES", [])
    (folder / "how-to" / "import.md").write_text(
        "# Import\n\n## Quiet hours\n\n`--json`\n\n```sh not-run: slow\nls\n```\n\n"
        "```liquid\nHi\n```\n"
    )
    portuguese = folder / "pt" / "how-to" / "import.md"
    portuguese.parent.mkdir()
    portuguese.write_text(
        "# Importar\n\n## Horas de silêncio\n\n`--json` [ver](#horas-de-silêncio)\n\n"
        "```sh not-run: demora\nls\n```\n\n```liquid\nOlá\n```\n"
    )
    (folder / "pt" / "index.md").write_text(
        "# Início\n\n## Guias\n\n- [Importar](how-to/import.md#horas-de-silêncio)\n"
    )
    return folder


def test_a_page_and_its_translation_have_the_same_addresses(manual):
    site = Site(manual)

    assert problems(site) == []
    html = site.render("how-to/import", "pt")
    assert '<h2 id="quiet-hours">Horas de silêncio</h2>' in html
    assert 'href="#quiet-hours">ver</a>' in html
    assert "how-to/import.html#quiet-hours" in site.render("index", "pt")


def test_the_manual_is_written_in_every_language(manual):
    (manual / "pt" / "how-to" / "import.md").unlink()
    (manual / "pt" / "index.md").write_text("# Início\n\n## Guias\n\n- [x](../how-to/import.md)\n")

    assert problems(Site(manual)) == [
        "pt/how-to/import.md is missing: the manual is written in every language."
    ]


@pytest.mark.parametrize(
    ("text", "other", "problem"),
    [
        ("## Horas", "# Horas", "a heading differs from how-to/import.md: number 2 is of level"),
        ("`--json`", "`--days`", "a name in backticks differs from how-to/import.md: --days"),
        ("\nls", "\nrm", "an example differs from how-to/import.md: number 1 is"),
    ],
)
def test_a_translation_keeps_headings_names_and_examples(manual, text, other, problem):
    page = manual / "pt" / "how-to" / "import.md"
    page.write_text(page.read_text().replace(text, other))

    assert any(problem in sentence for sentence in problems(Site(manual)))


def test_a_translation_links_to_translations(manual):
    index = manual / "pt" / "index.md"
    index.write_text(index.read_text().replace("(how-to", "(../how-to").split("#horas")[0] + ")\n")

    assert problems(Site(manual)) == ["pt/index.md:5: ../how-to/import.md is in another language."]


def test_the_index_lists_every_page(folder, monkeypatch):
    (folder / "how-to" / "new.md").write_text("# New\n")
    monkeypatch.setattr(references, "PLAIN_FILES", [])

    faults = problems(Site(folder))

    assert faults == [
        "index.md: does not list how-to/new.",
        "pt/index.md: does not list how-to/new.",
    ]


def test_nothing_is_written_when_something_is_broken(folder, monkeypatch, tmp_path):
    (folder / "how-to" / "import.md").write_text("# Import\n\n[x](missing.md)\n")
    monkeypatch.setattr(references, "PLAIN_FILES", [])
    monkeypatch.setattr("optiengine.management.commands.build_docs.Site", lambda: Site(folder))

    with pytest.raises(CommandError, match=r"missing\.md does not exist"):
        call_command("build_docs", to=tmp_path / "out")

    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "code",
    [
        "manage.py run_day --days 3",
        "make demo",
        "DATABASE_URL",
        "ANYMAIL_POSTMARK_SERVER_TOKEN",
        "optiengine/settings.py",
        "tests/journeys/*_peer.py",
        "var/outbox",
        "optiengine.lib.outbound",
        "segments.view_customer",
        "Customer.email",
        "Somebody.else",
        "POST /api/v1/events/",
        "/api/v1/customers/{id}/",
        "GET /api/v1/runs/{as_of}/",
        "/admin/segments/customer/",
        "--json",
        "text/html",
        "customers.csv",
        "e-mail",
    ],
)
def test_references_that_exist(code):
    assert unknown_references(code) == []


@pytest.mark.parametrize(
    "code",
    [
        "manage.py no_such_command",
        "manage.py run_day --no-such-option",
        "make nothing",
        "NO_SUCH_" + "SETTING",
        "optiengine/nothing.py",
        "tests/journeys/*_nothing.py",
        "nothing.py",
        "optiengine.lib.nothing",
        "segments.view_nothing",
        "Customer.nothing",
        "POST /api/v1/campaigns/",
        "/api/v1/nothing/",
        "/admin/nothing/",
        "--no-such-option",
    ],
)
def test_references_that_do_not_exist(code):
    assert unknown_references(code)


def test_the_menu_opens_parts_that_exist():
    site = Site()
    names = {
        getattr(pattern, "name", "")
        for model_admin in admin.site._registry.values()
        for pattern in model_admin.get_urls()
    }

    for name, link in PLACES.items():
        page, _, anchor = link.partition("#")
        assert {name, f"{name}_changelist"} & names, name
        assert not anchor or anchor in read(site.files[f"{page}.md"]).anchors, link


@pytest.mark.parametrize(
    ("page", "language", "part"),
    [
        ("/admin/", "en", "/docs/index.html"),
        ("/admin/campaigns/frequencycap/", "en", "/docs/reference/limits.html#frequency-caps"),
        ("/admin/campaigns/quiethours/add/", "pt", "/docs/pt/reference/limits.html#quiet-hours"),
        ("/admin/auth/user/", "en", "/docs/index.html"),
    ],
)
@pytest.mark.django_db
def test_the_menu_opens_the_part_about_the_page(admin_client, page, language, part):
    text = admin_client.get(page, headers={"accept-language": language}).content.decode()

    assert f'href="{part}"' in text


def test_code_that_leads_to_a_page_leads_to_one_that_exists():
    site, pages = Site(), []
    files = [
        file
        for package in references.PACKAGES[:-1]
        for file in (references.ROOT / package).rglob("*")
        if file.suffix in {".py", ".html", ".js"}
    ]
    for file in files:
        for page, anchor in re.findall(r"/docs/([\w/-]+)\.html(?:#([\w-]+))?", file.read_text()):
            path, _language = site.source(page, "en")  # raises where there is none
            assert not anchor or anchor in read(site.files[path]).anchors, (file, page, anchor)
            pages.append(page)

    assert "reference/api" in pages  # of the API's own page
