"""Tests that the files, modules, names and link targets on the pages exist."""

import ast
import re
from pathlib import Path

import click
import pytest

from deployments.settings import GONE, find_unknown
from docs.pages import list_parts, read_part
from flows.command.cli import main

ROOT = Path(__file__).parents[2]
AT_THE_TOP = ("README.md", "CONTRIBUTING.md", "AGENTS.md", "SECURITY.md", "llms.txt")
PAGES = [*(ROOT / name for name in AT_THE_TOP), *sorted((ROOT / "docs").glob("*.md"))]
FOLDERS = "flows|tasks|models|data_contracts|deployments|benchmarks|tests|docs"
MEASURED = ("make bench",)
"""Makers of parts that keep the names that held when they were measured."""
_PATH = re.compile(rf"(?<![\w/.-])(?:{FOLDERS})/[\w./-]*\w")
_DOTTED = re.compile(rf"`(?:python -m )?((?:{FOLDERS})(?:\.\w+)+)\b")
_COMMAND = re.compile(r"`reviews ([^`|;…]+)`")
_LINK = re.compile(r"\]\((?!https?:)([^)#\s]*)(?:#([^)\s]*))?\)")

each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)


def read_prose(page: Path) -> str:
    """Return a page without the generated parts that may contain old names."""
    text = page.read_text("utf-8")
    for part in list_parts(page):
        if part.maker in MEASURED:
            text = text.replace(read_part(part), "")
    return text


def list_anchors(page: Path) -> set[str]:
    """Return the anchors that GitHub makes of a page's headings."""
    headings = re.findall(r"^#+ (.*)$", page.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def is_defined(dotted: str) -> bool:
    """Return whether a dotted name is a package, a module, or a name defined at the top of a module."""
    parts = dotted.split(".")
    for end in range(len(parts), 0, -1):
        path, rest = ROOT.joinpath(*parts[:end]), parts[end:]
        if path.is_dir():
            return not rest
        if path.with_suffix(".py").is_file():
            return not rest or rest[0] in list_names(path.with_suffix(".py"))
    return False


def find_unknown_word(words: list[str]) -> str | None:
    """Return the first word of a `reviews` command that is neither a command, nor an option of it, nor a value."""
    command: click.Command = main
    for word in words:
        options = {name for each in command.params for name in each.opts}
        if word.startswith("--") and word.partition("=")[0] not in {*options, "--help"}:
            return word
        if isinstance(command, click.Group) and re.fullmatch(r"[a-z-]+", word) and not word.startswith("-"):
            found = command.get_command(click.Context(command), word)
            if found is None:
                return word
            command = found
    return None


def list_targets() -> set[str]:
    """Return what `make` can make."""
    makefile = (ROOT / "Makefile").read_text("utf-8")
    return set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))


def list_names(module: Path) -> set[str]:
    """Return the names defined at the top of a module."""
    names = set()
    for node in ast.parse(module.read_text("utf-8")).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Assign):
            names.update(target.id for target in node.targets if isinstance(target, ast.Name))
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            names.add(node.target.id)
    return names


@each_page
def test_every_file_and_folder_that_a_page_names_is_there(page: Path) -> None:
    named = _PATH.findall(read_prose(page))
    assert not [path for path in named if not (ROOT / path).exists()]


@each_page
def test_every_module_and_function_that_a_page_names_is_there(page: Path) -> None:
    assert not [dotted for dotted in _DOTTED.findall(read_prose(page)) if not is_defined(dotted)]


@each_page
def test_every_command_and_option_that_a_page_names_is_there(page: Path) -> None:
    named = _COMMAND.findall(page.read_text("utf-8"))
    assert not [words for words in named if find_unknown_word(words.split())]


@each_page
def test_every_setting_that_a_page_names_is_read(page: Path) -> None:
    named = re.findall(r"(?<!_)REVIEWS_[A-Z_]*[A-Z]", read_prose(page))
    assert find_unknown(dict.fromkeys({*named} - GONE.keys(), "1")) == []


@each_page
def test_everything_that_a_page_tells_to_make_can_be_made(page: Path) -> None:
    made = re.findall(r"^make ([a-z-]+)|`make ([a-z-]+)", read_prose(page), re.MULTILINE)
    assert {one or other for one, other in made} <= list_targets()


@each_page
def test_every_link_to_a_page_or_a_heading_leads_there(page: Path) -> None:
    broken = []
    for target, anchor in _LINK.findall(page.read_text("utf-8")):
        linked = page.parent / target if target else page
        if not linked.exists() or (anchor and anchor not in list_anchors(linked)):
            broken.append(f"{target}#{anchor}")
    assert not broken
