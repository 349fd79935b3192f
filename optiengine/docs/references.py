"""What a page refers to must exist: files and headings, commands, settings, paths, addresses."""

import ast
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from django.apps import apps
from django.conf import settings
from django.core.management import get_commands, load_command_class
from django.core.management.base import CommandParser
from django.urls import Resolver404, resolve
from django.utils import translation

from optiengine.docs.markdown import Document, read
from optiengine.docs.site import ORIGINAL, Site
from optiengine.menu import NAVIGATION

ROOT = settings.BASE_DIR
PLAIN_FILES = [ROOT / f"{name}.md" for name in ("README", "CONTRIBUTING", "SECURITY")]
PACKAGES = ("optiengine", "segments", "campaigns", "journeys", "reports", "tests")
MADE_HERE = {
    "var",
    "build",
    ".venv",
    ".venv-bench",
    "node_modules",
}  # by running it: no part of a fresh copy

COMMAND = re.compile(r"manage\.py +([a-z_]+)([^|;&#\n]*)")
MAKE = re.compile(r"^make +([a-z-]+)", re.MULTILINE)
OPTION = re.compile(r"(?<![\w-])--[a-z][a-z-]*")
NAME = re.compile(r"[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+")
VARIABLE = re.compile(r"^#? ?([A-Z][A-Z0-9_]+)=", re.MULTILINE)
PATH = re.compile(r"[\w.*-]+(?:/[\w.*-]+)*/?")
SOURCE_SUFFIXES = {".py", ".md", ".toml", ".html", ".css", ".js", ".service", ".yml", ".po"}
DOTTED = re.compile(rf"(?:{'|'.join(PACKAGES)})(?:\.\w+)+(?:\(\))?")
FIELD = re.compile(r"([A-Z]\w*)\.(\w+)")
ADDRESS = re.compile(r"(?:([A-Z]{3,7}) )?(/(?:api|admin|docs|u|p|i18n)/[^\s?#…]*)(?:[?#].*)?")
SHELLS = ("sh", "bash")
RUN = (*SHELLS, "python", "liquid", "env")  # what tests/docs/story.py runs unchanged
FILE_NAME = re.compile(r"[\w-]+(?:\.[\w-]+)+")
NOT_RUN = re.compile(r"not-run: \S.*")


def problems(site: Site | None = None) -> list[str]:
    """Everything that is wrong with the documentation, one sentence each, with file and line."""
    site = site or Site()
    faults = [*_navigation_problems(site), *_translation_problems(site)]
    for path, file in site.files.items():
        if path.endswith(".md"):
            language, _page = site.split(path)
            faults += _page_problems(file, site.folder, language)
    for file in PLAIN_FILES:
        faults += _page_problems(file, ROOT, ORIGINAL)
    return faults


def _navigation_problems(site: Site) -> Iterator[str]:
    for language in site.languages:
        index = site.path("index", language)
        if index not in site.files:
            continue
        listed = [entry.page for s in site.sections(language) for entry in s.entries]
        yield from (
            f"{index}: lists {page} twice."
            for page in sorted(set(listed))
            if listed.count(page) > 1
        )
        yield from (
            f"{index}: does not list {page}."
            for page in site.pages
            if page not in {*listed, "index"}
        )


def _translation_problems(site: Site) -> Iterator[str]:
    for original, translated in site.translated_files():
        if original not in site.files or translated not in site.files:
            missing = original if original not in site.files else translated
            yield f"{missing} is missing: the manual is written in every language."
            continue
        ours, theirs = read(site.files[original]), read(site.files[translated])
        for what, of in COMMON.items():
            if differing := {*of(ours)} ^ {*of(theirs)}:
                yield f"{translated}: {what} differs from {original}: {min(differing)}"
        for link in theirs.links():
            path = site.target(translated, link.target)
            if path and path.endswith(".md"):
                language, page = site.split(path)
                translation_of_it = site.path(page, site.split(translated)[0])
                if language == ORIGINAL and translation_of_it in site.files:
                    yield f"{translated}:{link.line}: {link.target} is in another language."


def _headings(document: Document) -> Iterator[str]:
    for number, heading in enumerate(document.headings, 1):
        yield f"number {number} is of level {heading.level}"


def _names(document: Document) -> Iterator[str]:
    """In any order, each as often as it is written."""
    times: Counter[str] = Counter()
    for _line, code in document.code():
        times[code] += 1
        yield f"{code} (time {times[code]})" if times[code] > 1 else code


def _examples(document: Document) -> Iterator[str]:
    """In their order. What readers write to customers is in their language."""
    for number, block in enumerate(document.blocks(), 1):
        argument = NOT_RUN.sub("not-run", block.argument)
        text = "" if block.language == "liquid" else block.text
        yield f"number {number} is\n{block.language} {argument}\n{text}"


# What a page and its translation have in common.
COMMON: dict[str, Callable[[Document], Iterable[str]]] = {
    "a heading": _headings,
    "an example": _examples,
    "a name in backticks": _names,
}


def _page_problems(file: Path, root: Path, language: str) -> Iterator[str]:
    document = read(file)
    where = file.relative_to(ROOT) if file.is_relative_to(ROOT) else file.relative_to(root)
    if [heading.level for heading in document.headings].count(1) != 1:
        yield f"{where}: a page has one heading of level 1."
    for line, problem in (
        *_broken_links(document, file, root),
        *_unknown_code(document),
        *_unknown_menus(document, language),
        *_unknown_in_blocks(document),
    ):
        yield f"{where}:{line}: {problem}"


def _broken_links(document: Document, file: Path, root: Path) -> Iterator[tuple[int, str]]:
    for link in document.links():
        if re.match(r"(?:https?|mailto):", link.target):
            continue
        path, _, anchor = link.target.partition("#")
        target = (file.parent / path).resolve() if path else file
        if not target.is_relative_to(root.resolve()):
            yield link.line, f"{link.target} leads out of {root.name}/."
        elif not target.exists():
            yield link.line, f"{link.target} does not exist."
        elif anchor and (target.suffix != ".md" or unquote(anchor) not in read(target).anchors):
            yield link.line, f"{link.target}: there is no such heading."
        elif link.is_image and not link.text:
            yield link.line, f"{link.target}: the image has no description."


def _unknown_code(document: Document) -> Iterator[tuple[int, str]]:
    for line, code in document.code():
        yield from ((line, problem) for problem in unknown_references(code))


def unknown_references(code: str) -> list[str]:
    """What is wrong with one piece of code in backticks."""
    if unknown := [*_unknown_commands(code)]:
        return unknown
    if NAME.fullmatch(code.partition("=")[0]) and not is_known_name(code.partition("=")[0]):
        return [f"`{code}` is neither a setting nor a name in the code."]
    if OPTION.fullmatch(code.partition(" ")[0]) and code.partition(" ")[0] not in all_options():
        return [f"`{code}` is no option of any command."]
    if DOTTED.fullmatch(code) and not _is_importable(code.removesuffix("()")):
        return [f"`{code}` cannot be imported."]
    if (match := FIELD.fullmatch(code)) and not _has_field(match[1], match[2]):
        return [f"`{code}`: {match[1]} has no {match[2]}."]
    if match := ADDRESS.fullmatch(code):
        return [] if is_served(match[2], match[1]) else [f"`{code}` is not served."]
    if PATH.fullmatch(code) and _is_source(code) and not any(ROOT.glob(code.rstrip("/"))):
        return [f"`{code}` is not in the repository."]
    return []


def _unknown_menus(document: Document, language: str) -> Iterator[tuple[int, str]]:
    for line, text in document.emphasis():
        if "→" in text and not is_in_menu(text, language):
            yield line, f"“{text}” is not in the menu."


def _unknown_in_blocks(document: Document) -> Iterator[tuple[int, str]]:
    for block in document.blocks():
        if block.argument and not (
            block.argument == "output"
            or FILE_NAME.fullmatch(block.argument)
            or NOT_RUN.fullmatch(block.argument)
        ):
            yield block.line, f"“{block.argument}” is not a file, “output” or “not-run: reason”."
        if not block.argument and block.language not in RUN:
            yield block.line, f"nothing runs “{block.language}”: write “not-run: reason” after it."
        if block.language in (*SHELLS, "ini"):
            yield from ((block.line, problem) for problem in _unknown_commands(block.text))
        if block.language == "env":
            for name in VARIABLE.findall(block.text):
                if not is_setting(name):
                    yield block.line, f"{name} is not read by the settings."


def _unknown_commands(code: str) -> Iterator[str]:
    code = code.replace("\\\n", " ")
    for name, rest in COMMAND.findall(code):
        if name not in get_commands():
            yield f"there is no command `manage.py {name}`."
            continue
        yield from (
            f"`manage.py {name}` has no option {option}."
            for option in OPTION.findall(rest)
            if option not in options_of(name)
        )
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    yield from (
        f"there is no `make {target}`." for target in MAKE.findall(code) if target not in targets
    )


@cache
def parser_of(command: str) -> CommandParser:
    app = get_commands()[command]
    loaded = load_command_class(app, command) if isinstance(app, str) else app
    return loaded.create_parser("manage.py", command)


def options_of(command: str) -> set[str]:
    return set(parser_of(command)._option_string_actions)


@cache
def own_commands() -> list[str]:
    """Commands of our apps, not of Django or of other packages."""
    return sorted(
        name for name, app in get_commands().items() if str(app).partition(".")[0] in PACKAGES
    )


@cache
def all_options() -> set[str]:
    return {option for name in own_commands() for option in options_of(name)}


@cache
def setting_defaults() -> dict[str, ast.expr | None]:
    """Every variable that the settings read, with the expression of its default."""
    defaults_by_name: dict[str, ast.expr | None] = {}
    for node in ast.walk(ast.parse((ROOT / "optiengine/settings.py").read_text())):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and isinstance(node.func.value, ast.Name)
            and node.func.value.id == "env"
            and isinstance(node.args[0], ast.Constant)
            and node.args[0].value not in defaults_by_name
        ):
            defaults = [keyword.value for keyword in node.keywords if keyword.arg == "default"]
            defaults_by_name[str(node.args[0].value)] = defaults[0] if defaults else None
    return defaults_by_name


def is_setting(name: str) -> bool:
    """Read by the settings; `ANYMAIL_…` is handed to anymail as it is."""
    return name in setting_defaults() or name == "DATABASE_URL" or name.startswith("ANYMAIL_")


def is_known_name(name: str) -> bool:
    return is_setting(name) or hasattr(settings, name) or name in _names_in_code()


@cache
def _names_in_code() -> set[str]:
    files = [
        ROOT / "Makefile",
        *(f for package in PACKAGES for f in (ROOT / package).rglob("*.py")),
    ]
    return {name for file in files for name in NAME.findall(file.read_text())}


def _is_source(code: str) -> bool:
    """Means a file of ours: begins in one of our folders, or ends as sources do."""
    first, slash, _ = code.partition("/")
    if first in MADE_HERE:
        return False
    is_ours = bool(slash) and (ROOT / first).is_dir() and first not in ("", ".")
    return is_ours or Path(code).suffix in SOURCE_SUFFIXES


def _is_importable(dotted: str) -> bool:
    parts = dotted.split(".")
    if parts[0] in PACKAGES[1:] and len(parts) == 2 and parts[1] in _permissions(parts[0]):
        return True
    for split in range(len(parts), 0, -1):
        try:
            target: Any = import_module(".".join(parts[:split]))
        except ImportError:
            continue
        for name in parts[split:]:
            target = getattr(target, name, None)
        return target is not None
    return False


def _has_field(model: str, name: str) -> bool:
    """Of one of our models; what is no model of ours may be anything."""
    ours = [
        model_class
        for model_class in apps.get_models()
        if model_class.__module__.partition(".")[0] in PACKAGES
    ]
    return all(hasattr(model_class, name) for model_class in ours if model_class.__name__ == model)


def _permissions(app: str) -> set[str]:
    if not apps.is_installed(app):
        return set()
    return {
        permission
        for model in apps.get_app_config(app).get_models()
        for permission in (
            *(f"{action}_{model._meta.model_name}" for action in model._meta.default_permissions),
            *(codename for codename, _name in model._meta.permissions),
        )
    }


def is_served(address: str, method: str | None = None) -> bool:
    """Whether the server answers the address, {id} for any id and {as_of} for any day, and the
    method."""
    if address == "/api/v1/":  # what all of them begin with
        return True
    try:
        filled_in = re.sub(r"\{[^}]*\}", "1", address.replace("{as_of}", "2026-03-01"))
        view = resolve(filled_in).func
    except Resolver404:
        return False
    if getattr(view, "__name__", "") == "catch_all_view":  # the admin's, for what it does not know
        return False
    actions = getattr(view, "actions", None)
    return method is None or actions is None or method.lower() in actions


@cache
def is_in_menu(text: str, language: str) -> bool:
    """*Group → Item*, in the words of the menu; what follows is on the page itself."""
    group, item = [part.strip() for part in text.split("→")][:2]
    with translation.override(language):
        return any(
            group == str(section["title"])
            and item in [str(entry["title"]) for entry in section["items"]]
            for section in NAVIGATION
            if "title" in section
        )
