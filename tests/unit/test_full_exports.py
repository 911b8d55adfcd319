"""Tests that a full export takes the place of all files of its source before it, unless it is far too small."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tasks.maintenance.forgetting import ForgetRequest, forget
from tasks.warehouse.commit import commit_parts
from tasks.warehouse.database.warehouse_connection import open_warehouse
from tests.support.once import copy_once
from tests.support.promises import find_broken
from tests.support.small_home import ask
from tests.support.warehouse_parts import PartFile, write_part


class Warehouse:
    """A database to which parts are committed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / "reviews.duckdb"

    def commit(self, *files: PartFile, model: str = "model-a") -> list[tuple[str, str | None]]:
        """Commit a part; return the name and the broken rule of each of its files."""
        part = write_part(self.folder / f"part-{len(list(self.folder.glob('part-*')))}", files, model)
        return [(file.uri, file.rule) for file in commit_parts(self.path, part).files]

    def ask(self, query: str) -> list[tuple[Any, ...]]:
        return ask(self.path, query)

    def list_counting(self) -> list[tuple[str, str]]:
        """Return the newest rows of all reviews, with the names of their files."""
        return self.ask("SELECT review_id, file_uri FROM source_reviews WHERE is_latest ORDER BY ALL")


def export(
    name: str, ids: Sequence[str], share: float | None = 0.5, source: str = "shop", **values: Any
) -> PartFile:
    """Return a full export with these reviews."""
    rows = [{"review_id": each, "movie_id": "tt1"} for each in ids]
    return PartFile(name, rows, ledger={"source": source, "replaces_from_share": share}, **values)


@pytest.fixture
def warehouse(tmp_path: Path) -> Warehouse:
    copy_once("a full export", tmp_path, lambda folder: Warehouse(folder).commit(export("1.csv", ["a", "b"])))
    return Warehouse(tmp_path)


@pytest.fixture
def replaced(warehouse: Warehouse) -> Warehouse:
    """A database in which a second export took the place of the first one."""
    warehouse.commit(export("2.csv", ["b", "c"]))
    return warehouse


@pytest.mark.slow
def test_reviews_that_a_newer_export_lacks_count_no_more_but_stay(replaced: Warehouse) -> None:
    assert replaced.list_counting() == [("b", "2.csv"), ("c", "2.csv")]
    query = "SELECT uri, superseded_at IS NULL FROM scored_files ORDER BY uri"
    assert replaced.ask(query) == [("1.csv", False), ("2.csv", True)]
    assert replaced.ask("SELECT count(*) FROM scored_reviews") == [(4,)]
    assert find_broken(replaced.path) == []


@pytest.mark.slow
def test_files_of_other_sources_stay(warehouse: Warehouse) -> None:
    warehouse.commit(export("other.csv", ["x"], source="other"))
    warehouse.commit(export("2.csv", ["b"]))
    assert warehouse.list_counting() == [("b", "2.csv"), ("x", "other.csv")]


@pytest.mark.slow
def test_a_file_that_adds_takes_no_place(warehouse: Warehouse) -> None:
    warehouse.commit(export("2.csv", ["c"], share=None))
    assert warehouse.list_counting() == [("a", "1.csv"), ("b", "1.csv"), ("c", "2.csv")]


@pytest.mark.slow
def test_of_several_exports_in_one_commit_the_last_by_name_counts(warehouse: Warehouse) -> None:
    warehouse.commit(export("3.csv", ["c", "d"]), export("2.csv", ["e", "f"]))
    assert warehouse.list_counting() == [("c", "3.csv"), ("d", "3.csv")]
    assert find_broken(warehouse.path) == []


@pytest.mark.slow
def test_an_export_that_is_committed_later_counts_whatever_the_clock_showed(warehouse: Warehouse) -> None:
    with open_warehouse(warehouse.path, write=True) as connection:
        connection.execute("UPDATE scored_files SET committed_at = committed_at + INTERVAL 40 DAY")
        connection.execute("UPDATE source_reviews SET file_seen_at = file_seen_at + INTERVAL 40 DAY")
    warehouse.commit(export("0.csv", ["b"]))
    assert warehouse.list_counting() == [("b", "0.csv")]
    assert find_broken(warehouse.path) == []


def test_a_refused_file_replaces_nothing(warehouse: Warehouse) -> None:
    warehouse.commit(export("2.csv", ["b", "c"], status="refused"))
    assert warehouse.list_counting() == [("a", "1.csv"), ("b", "1.csv")]


@pytest.mark.slow
def test_an_export_with_less_than_its_share_of_the_last_one_is_refused(warehouse: Warehouse) -> None:
    warehouse.commit(export("2.csv", ["a", "b", "c", "d", "e"]))
    assert warehouse.commit(export("3.csv", ["a", "b"])) == [("3.csv", "export_too_small")]
    assert len(warehouse.list_counting()) == 5
    assert find_broken(warehouse.path) == []


@pytest.mark.slow
def test_each_export_of_a_commit_is_compared_with_the_one_before_it(warehouse: Warehouse) -> None:
    files = [export("2.csv", "abcdef"), export("3.csv", "ab"), export("4.csv", "abc")]
    assert warehouse.commit(*files) == [("2.csv", None), ("3.csv", "export_too_small"), ("4.csv", None)]
    assert {uri for _, uri in warehouse.list_counting()} == {"4.csv"}


@pytest.mark.slow
def test_a_profile_may_allow_any_export_but_one_without_reviews_replaces_nothing(
    warehouse: Warehouse,
) -> None:
    without = export("2.csv", [], share=0, bad_rows=[1, 2])
    assert warehouse.commit(without) == [("2.csv", None)]
    assert warehouse.list_counting() == [("a", "1.csv"), ("b", "1.csv")]
    warehouse.commit(export("3.csv", ["z"], share=0))
    assert warehouse.list_counting() == [("z", "3.csv")]


@pytest.mark.slow
def test_what_was_refused_before_an_export_is_no_longer_to_be_looked_at(warehouse: Warehouse) -> None:
    refused = [export(name, ["a"], status="refused") for name in ("2.csv", "4.csv")]
    warehouse.commit(export("3.csv", ["a"]), *refused)
    query = "SELECT uri FROM scored_files WHERE status = 'refused' AND superseded_at IS NULL"
    assert warehouse.ask(query) == [("4.csv",)]


@pytest.mark.slow
def test_scoring_an_export_by_another_model_replaces_nothing(replaced: Warehouse) -> None:
    replaced.commit(export("2.csv", ["b", "c"]), model="model-b")
    replaced.commit(export("1.csv", ["a", "b"]), model="model-b")
    assert replaced.list_counting() == [("b", "2.csv"), ("c", "2.csv")]
    assert find_broken(replaced.path) == []


@pytest.mark.slow
def test_an_export_that_is_read_again_still_counts_alone(replaced: Warehouse) -> None:
    replaced.commit(export("2.csv", ["b", "c"], version="v2"))
    assert replaced.list_counting() == [("b", "2.csv"), ("c", "2.csv")]
    assert find_broken(replaced.path) == []


@pytest.mark.slow
def test_a_later_reading_of_an_export_that_was_replaced_meanwhile_is_not_kept(replaced: Warehouse) -> None:
    assert replaced.commit(export("1.csv", ["a", "b"], version="v2")) == []
    assert replaced.list_counting() == [("b", "2.csv"), ("c", "2.csv")]


@pytest.mark.slow
def test_where_files_add_again_a_replaced_one_may_count_again_without_its_forgotten_rows(
    warehouse: Warehouse,
) -> None:
    [(name,)] = warehouse.ask("SELECT left(source_sha256, 12) || ':1' FROM scored_files")
    forget(warehouse.path, ForgetRequest(name, "row", "ann"), "row")
    warehouse.commit(export("2.csv", ["c"]))
    warehouse.commit(export("1.csv", ["a", "b"], share=None, version="v2"))
    assert warehouse.list_counting() == [("b", "1.csv"), ("c", "2.csv")]
    assert find_broken(warehouse.path) == []


@pytest.mark.slow
def test_forgetting_the_last_export_does_not_bring_back_the_one_before(replaced: Warehouse) -> None:
    [(name,)] = replaced.ask("SELECT source_sha256 FROM scored_files WHERE uri = '2.csv'")
    forget(replaced.path, ForgetRequest(name, "file", "ann"), "file")
    assert replaced.list_counting() == []
    assert find_broken(replaced.path) == []


def test_after_a_restore_an_export_with_forgotten_rows_takes_the_place_of_the_same_files(
    warehouse: Warehouse,
) -> None:
    later = export("2.csv", ["c", "d", "e", "f"])
    with open_warehouse(warehouse.path, write=True) as connection:  # as a restore notes what was forgotten
        connection.executemany(
            "INSERT INTO forgotten_rows (source_sha256, row_number, was_quarantined, forgotten_by, forgotten_at, "
            "rows_read) VALUES (?, ?, false, 'ann', now(), 4)",
            [(later.source_sha256, number) for number in (1, 2, 3, 4)],
        )
    assert warehouse.commit(later) == [("2.csv", None)]
    assert warehouse.list_counting() == []
