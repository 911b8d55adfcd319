"""Pages that are made from code are what the code says: the tables, the named queries, the links between pages."""

import re
from pathlib import Path

import pytest

from data_contracts.queries import list_names
from docs import tables_page
from docs.pages import read_made

ROOT = Path(__file__).parents[2]


def test_the_page_of_the_tables_is_what_the_ddl_says() -> None:
    assert read_made(tables_page.PAGE) == tables_page.make_page(), "run `python -m docs tables`"


def test_every_column_of_every_table_and_view_has_a_meaning() -> None:
    relations = tables_page.read_relations()
    assert len(relations) > 10
    assert not [
        f"{each.name}.{column.name}" for each in relations for column in each.columns if not column.meaning
    ]
    assert all(each.grain.startswith("One row per") for each in relations)


def test_columns_that_later_migrations_add_stand_with_their_table() -> None:
    [models] = [each for each in tables_page.read_relations() if each.name == "models"]
    meanings = {column.name: column.meaning for column in models.columns}
    assert meanings["test_rating_rmse"] == "stars"
    assert meanings["rating_interval_title"].startswith("A mean rating of n reviews")


def test_the_drawing_names_columns_that_there_are() -> None:
    columns = {(each.name, column.name) for each in tables_page.read_relations() for column in each.columns}
    assert {
        (table, name)
        for left, _, right, by in tables_page.RELATIONS
        for name in by.split(", ")
        for table in (left, right)
    } <= columns


@pytest.mark.parametrize("page", sorted((ROOT / "docs").glob("*.md")), ids=lambda page: page.name)
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
