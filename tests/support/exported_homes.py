"""Fills homes whose scores tests export: files committed as the scorer does, and texts that need care."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from data_contracts.storage.home import Home
from tasks.warehouse.commit import commit_parts
from tasks.warehouse.connection import open_warehouse
from tasks.warehouse.publishing import publish
from tests.support.once import copy_once
from tests.support.warehouse_parts import PartFile, write_part

HOSTILE = [
    '=HYPERLINK("http://x.example")',
    "+1+1",
    "-2",
    "@SUM(A1)",
    "\tcmd",
    "\rcmd",
    'a "quoted", text\r\nof two lines',
    "\x1b[31mred",
    "\x00",
    "'=already",
    "naïve 映画 \U0001f3ac",
    " =later",
]


def make_home(folder: Path) -> Home:
    """Return a home with two scored rows of one file."""
    home = Home(folder)
    add(home, "a.csv", [{}, {}])
    return home


def add(home: Home, name: str, rows: Sequence[dict[str, Any]] = ({},), model_id: str = "model-a") -> None:
    """Commit a file as the scorer does, and publish."""
    if home.warehouse.exists():
        commit(home, name, rows, model_id)
    else:
        key = ("exports", name, rows, model_id)
        copy_once(key, home.folder, lambda folder: commit(Home(folder), name, rows, model_id))


def commit(home: Home, name: str, rows: Sequence[dict[str, Any]], model_id: str) -> None:
    folder = home.folder / "made" / f"{name} {model_id}"
    commit_parts(home.warehouse, write_part(folder, [PartFile(name, rows)], model_id))
    publish(home)


def change(home: Home, *statements: str) -> None:
    with open_warehouse(home.warehouse, write=True) as connection:
        for statement in statements:
            connection.execute(statement)
    publish(home)
