"""Tests of exports to an object store, a folder at a file:// URI: each row once, whenever an export is killed."""

from pathlib import Path
from typing import Any

import duckdb
import pytest

from data_contracts.errors import SourceError, UsageError
from data_contracts.storage.home import Home
from flows.command.actions.export import export as export_command
from tasks.exports import to_store
from tasks.exports.export_files import ExportRequest
from tasks.exports.export_ledger import LEDGER
from tasks.exports.to_store import export_to_store
from tasks.store import object_operations
from tasks.store.folder_claim import LEASE
from tests.support.exported_homes import add, make_home

NEW, ALL = ExportRequest(only_new=True), ExportRequest()
_ACTS = ("put", "upload", "delete")


class KilledError(Exception):
    """Ends an export as a kill would: nothing of what follows in the program is done."""


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return make_home(tmp_path / "home")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder of the store."""
    made = tmp_path / "scores"
    made.mkdir()
    return made


def export(home: Home, folder: Path, request: ExportRequest = NEW) -> int:
    return export_to_store(home, f"file://{folder}", request).rows


def read(folder: Path) -> list[tuple[Any, ...]]:
    """Return the rows of all files, as an engine that knows no ledger reads them."""
    if not list(folder.rglob("*.parquet")):
        return []
    query = f"SELECT source_sha256, row_number FROM read_parquet('{folder}/**/*.parquet') ORDER BY ALL"
    return duckdb.execute(query).fetchall()


def expect(home: Home) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(home.published), read_only=True) as connection:
        query = "SELECT source_sha256, row_number FROM scored_reviews ORDER BY ALL"
        return connection.execute(query).fetchall()


def list_names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


@pytest.mark.slow
def test_new_rows_are_added_in_new_files_and_nothing_else_is_uploaded(home: Home, folder: Path) -> None:
    assert (export(home, folder), export(home, folder)) == (2, 0)
    add(home, "b.csv", [{}])
    assert export(home, folder) == 1
    assert read(folder) == expect(home)
    assert list_names(folder) == [LEDGER, "reviews-000001.parquet", "reviews-000002.parquet"]
    assert not any(path.is_file() for path in home.uploads.rglob("*") if path.name != "id")


@pytest.mark.slow
def test_without_new_an_export_replaces_the_one_before(home: Home, folder: Path) -> None:
    export(home, folder)
    add(home, "b.csv", [{}])
    assert export(home, folder, ALL) == 3
    assert read(folder) == expect(home)


@pytest.mark.slow
@pytest.mark.parametrize("request_", [NEW, ALL], ids=["new", "all"])
@pytest.mark.parametrize("steps", range(3))
def test_rows_are_exported_once_after_an_export_that_was_killed(
    home: Home, folder: Path, monkeypatch: pytest.MonkeyPatch, request_: ExportRequest, steps: int
) -> None:
    export(home, folder)
    add(home, "b.csv", [{}])
    with monkeypatch.context() as patch:
        kill_after(patch, steps)
        try:
            export(home, folder, request_)
        except KilledError:
            rows = read(folder)
            assert len(rows) == len(set(rows))
    export(home, folder)
    assert read(folder) == expect(home)


def kill_after(patch: pytest.MonkeyPatch, steps: int) -> None:
    """Let an export write so many times to its store; the next write is done, and ends it; no claim is given back."""
    done: list[str] = []

    def wrap(name: str) -> None:
        act = getattr(object_operations, name)

        def write(*arguments: Any) -> None:
            if len(done) > steps:
                raise KilledError
            act(*arguments)
            done.append(name)
            if len(done) > steps:
                raise KilledError

        patch.setattr(to_store, name, write)

    for name in _ACTS:
        wrap(name)
    patch.setattr("tasks.store.folder_claim.delete", lambda *arguments: None)


@pytest.mark.slow
def test_another_home_does_not_write_at_the_same_time(home: Home, folder: Path, tmp_path: Path) -> None:
    other = Home(tmp_path / "other")
    add(other, "a.csv", [{}])
    (folder / LEASE).write_text('{"id": "x", "host": "far", "home": "/away"}')
    with pytest.raises(SourceError, match="far:/away"):
        export(other, folder)
    (folder / LEASE).unlink()
    assert export(other, folder) == 1


def test_the_claim_of_a_killed_export_is_taken_over_by_its_home(
    home: Home, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("tasks.store.folder_claim.delete", lambda *arguments: None)
        export(home, folder)
    assert LEASE in list_names(folder)
    assert export(home, folder) == 0
    assert LEASE not in list_names(folder)


@pytest.mark.slow
def test_files_that_a_user_moved_away_are_not_exported_again(home: Home, folder: Path) -> None:
    export(home, folder)
    [path] = folder.rglob("*.parquet")
    path.unlink()
    add(home, "b.csv", [{}])
    assert export(home, folder) == 1


def test_files_without_a_ledger_are_not_touched(home: Home, folder: Path) -> None:
    export(home, folder)
    (folder / LEDGER).unlink()
    with pytest.raises(UsageError, match="is missing"):
        export(home, folder)
    assert read(folder) == expect(home)


def test_the_current_scores_replace_each_other(home: Home, folder: Path) -> None:
    for form in ("parquet", "csv", "csv"):
        export(home, folder, ExportRequest(current=True, form=form))
        assert list_names(folder) == [LEDGER, f"latest_scores.{form}"]
    with pytest.raises(UsageError, match="another kind"):
        export(home, folder)


def test_the_inbox_of_a_store_holds_no_exports(home: Home, folder: Path) -> None:
    (folder / "inbox").mkdir()
    with pytest.raises(UsageError, match="inbox"):
        export(home, folder / "inbox")


def test_the_command_names_the_store_and_the_query_that_reads_it(home: Home, folder: Path) -> None:
    said = export_command(home, f"file://{folder}/", ExportRequest())
    assert f"read_parquet('file://{folder}/**/*.parquet', hive_partitioning = true)" in said


def test_an_error_of_an_export_names_the_store_and_no_folder_of_the_home(home: Home, folder: Path) -> None:
    (folder / LEDGER).write_text("{", "utf-8")
    with pytest.raises(UsageError, match=f"^file://{folder}/{LEDGER}: is damaged"):
        export(home, folder)
