"""Tests that generated parts of pages agree with the code: tables, named queries, links between pages."""

import re
from pathlib import Path

import pytest

from data_contracts.queries import list_names
from deployments.settings import find_unknown
from docs import settings_table, tables_page
from docs.code_parts import CODE_PARTS, MAKER
from docs.pages import Part, list_parts, read_part, write_part

ROOT = Path(__file__).parents[2]
PAGES = sorted((ROOT / "docs").glob("*.md"))


@pytest.mark.parametrize("part", CODE_PARTS, ids=lambda part: f"{part.page.name}: {part.name}")
def test_a_part_that_repeats_the_code_is_what_the_code_says(part: Part) -> None:
    assert read_part(part) == CODE_PARTS[part](), "run `python -m docs code`"


def test_every_part_that_the_pages_mark_as_made_from_code_is_made() -> None:
    marked = [part for page in PAGES for part in list_parts(page) if part.maker == MAKER]
    assert sorted(marked, key=str) == sorted(CODE_PARTS, key=str)


def test_a_part_is_written_between_its_marks_alone(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- make docs: a -->\nold\n<!-- end: a -->\nafter\n")
    part = Part(page, MAKER, "a")
    write_part(part, "new\nlines")
    assert page.read_text() == "before\n<!-- make docs: a -->\nnew\nlines\n<!-- end: a -->\nafter\n"
    assert (list_parts(page), read_part(part)) == ([part], "new\nlines")


def test_every_setting_in_the_table_is_one_that_is_read() -> None:
    names = re.findall(r"^\| `(REVIEWS_\w+)` \|", settings_table.make_table(), re.MULTILINE)
    assert {"REVIEWS_HOME", "REVIEWS_MAX_TEXT_CHARS", "REVIEWS_REPORTS"} <= set(names)
    assert find_unknown(dict.fromkeys(names, "1")) == []


def test_every_column_of_every_table_and_view_has_a_meaning() -> None:
    relations = tables_page.read_relations()
    assert len(relations) > 10
    assert not [
        f"{each.name}.{column.name}" for each in relations for column in each.columns if not column.meaning
    ]
    assert all(each.grain.startswith("One row per") for each in relations)


def test_the_drawing_names_columns_that_there_are() -> None:
    columns = {(each.name, column.name) for each in tables_page.read_relations() for column in each.columns}
    assert {
        (table, name)
        for left, _, right, by in tables_page.RELATIONS
        for name in by.split(", ")
        for table in (left, right)
    } <= columns


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_page_is_linked_from_the_readme_or_the_design(page: Path) -> None:
    linked = "".join((ROOT / name).read_text("utf-8") for name in ("README.md", "docs/design.md"))
    assert f"({page.name})" in linked or f"(docs/{page.name})" in linked


def test_named_queries_in_the_docs_are_there() -> None:
    named = set(
        re.findall(
            r"reviews sql (?:--list )?([a-z]+-[a-z-]+)", (ROOT / "docs" / "queries.md").read_text("utf-8")
        )
    )
    assert named
    assert named <= set(list_names())
