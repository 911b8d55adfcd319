"""Fills homes whose scores tests export: files committed as the scorer does, and texts that need care."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from data_contracts.storage.home import Home
from tasks.warehouse.commit import commit_parts
from tasks.warehouse.database.warehouse_connection import open_warehouse
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
    "\ncmd",
    *(f"{start}1" for start in "\uff1d\uff0b\uff0d\uff20"),
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
    """Commit a file as the scorer does, and publish; what was added in the same order once is copied."""
    earlier = _list_added(home)
    if earlier is None:
        commit(home, name, rows, model_id)
        return
    added = [*earlier, (name, [*rows], model_id)]
    for path in (home.warehouse, home.published, home.standby):
        path.unlink(missing_ok=True)
    copy_once(("exports", added), home.folder, lambda folder: _add_all(Home(folder), added))
    _ADDED[home.folder] = (_sign(home), added)


_Added = list[tuple[str, list[dict[str, Any]], str]]
_ADDED: dict[Path, tuple[object, _Added]] = {}
"""What was added to homes, with what their databases looked like then."""


def _list_added(home: Home) -> _Added | None:
    """Return what was added to a home; None if something else has changed its database since."""
    if not home.warehouse.exists():
        return []
    signed, added = _ADDED.get(home.folder, (None, []))
    return added if signed == _sign(home) else None


def _sign(home: Home) -> object:
    """Return what differs where a database was changed, or its published copy."""
    return [(path.stat().st_mtime_ns, path.stat().st_ino) for path in (home.warehouse, home.published)]


def _add_all(home: Home, added: _Added) -> None:
    """Add files to a new home: all but the last of them by a copy."""
    for file in added[:-1]:
        add(home, *file)
    commit(home, *added[-1])


def commit(home: Home, name: str, rows: Sequence[dict[str, Any]], model_id: str) -> None:
    folder = home.folder / "made" / f"{name} {model_id}"
    commit_parts(home.warehouse, write_part(folder, [PartFile(name, rows)], model_id))
    publish(home)


def change(home: Home, *statements: str) -> None:
    with open_warehouse(home.warehouse, write=True) as connection:
        for statement in statements:
            connection.execute(statement)
    publish(home)
