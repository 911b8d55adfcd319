"""Compiled templates of pages are kept beside them, as Python keeps its own."""

import sys
from pathlib import Path

import jinja2
import pytest

from tasks.pages.jinja_setup import make_environment


@pytest.fixture
def templates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    (tmp_path / "page.html").write_text("{{ count | number }} reviews", "utf-8")
    return tmp_path


def render(templates: Path) -> str:
    return make_environment(templates).get_template("page.html").render(count=1000)


def test_a_template_is_compiled_once(templates: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = render(templates)
    monkeypatch.delattr(jinja2.Environment, "compile")
    assert render(templates) == first == "1,000 reviews"


def test_a_changed_template_is_compiled_again(templates: Path) -> None:
    render(templates)
    (templates / "page.html").write_text("{{ count | number }} movies", "utf-8")
    assert render(templates) == "1,000 movies"


def test_pages_are_made_where_nothing_can_be_kept(templates: Path) -> None:
    (templates / "__pycache__").write_text("a file in place of the folder", "utf-8")
    assert render(templates) == "1,000 reviews"


def test_a_damaged_compiled_template_is_compiled_again(templates: Path) -> None:
    render(templates)
    for kept in (templates / "__pycache__").iterdir():
        kept.write_bytes(kept.read_bytes()[:40])
    assert render(templates) == "1,000 reviews"


def test_nothing_is_kept_where_python_keeps_nothing(templates: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    render(templates)
    assert not (templates / "__pycache__").exists()
