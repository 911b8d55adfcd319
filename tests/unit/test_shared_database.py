"""Tests of the database of a shared home, which follows the copy in a store, here a folder at a file:// URI."""

import shutil
from pathlib import Path

import pytest

from data_contracts.errors import SourceError, StoreError
from data_contracts.storage.home import Home
from data_contracts.storage.home_id import ensure_home_id, read_home_id
from tasks.sharing.following import follow, join
from tasks.sharing.turn import hold_turn
from tasks.store.copy_upload import upload_copy
from tasks.store.stored_copy import LATEST
from tasks.support.locking import hold_folder
from tasks.warehouse.connection import open_warehouse
from tasks.warehouse.run_log import start_run
from tests.support.exported_homes import add, make_home
from tests.support.forked import run_to_fault
from tests.support.small_home import ask

ROWS = "select count(*) from scored_reviews"


@pytest.fixture
def uri(tmp_path: Path) -> str:
    (tmp_path / "store").mkdir()
    return f"file://{tmp_path}/store"


@pytest.fixture
def first(tmp_path: Path, uri: str) -> Home:
    """The home on the first machine, whose two rows are in the store."""
    home = make_home(tmp_path / "first")
    take_turn(home, uri)
    return home


@pytest.fixture
def second(tmp_path: Path, uri: str, first: Home) -> Home:
    """The home on another machine, which has the two rows."""
    home = Home(tmp_path / "second")
    take_turn(home, uri)
    return home


def take_turn(home: Home, uri: str) -> bool:
    """Do what a turn does with the database; return whether it was that of another machine."""
    join(home, uri)
    has_followed = follow(home, uri)
    upload_copy(home, uri)
    return has_followed


def count_rows(home: Home) -> int:
    return int(ask(home.warehouse, ROWS)[0][0])


def test_a_new_machine_gets_the_id_and_the_rows_of_the_home(first: Home, second: Home) -> None:
    assert read_home_id(second) == read_home_id(first)
    assert count_rows(second) == 2


def test_a_machine_follows_only_if_another_one_has_written(first: Home, second: Home, uri: str) -> None:
    assert not take_turn(first, uri)
    add(second, "b.csv")
    assert not take_turn(second, uri)
    assert take_turn(first, uri)
    assert count_rows(first) == 3


def test_a_machine_that_was_killed_before_it_uploaded_goes_on_with_what_it_has(
    first: Home, second: Home, uri: str
) -> None:
    add(first, "b.csv")
    assert not take_turn(first, uri)
    assert take_turn(second, uri)
    assert count_rows(second) == 3


@pytest.mark.process
@pytest.mark.parametrize(
    "point", ["share: database fetched", "share: database replaced", "share: before upload"]
)
def test_a_machine_that_dies_while_it_follows_another_one_follows_it_in_its_next_turn(
    first: Home, second: Home, uri: str, point: str
) -> None:
    add(first, "b.csv")
    take_turn(first, uri)
    run_to_fault(point, _hold_turn, str(second.folder), uri)
    take_turn(second, uri)
    assert count_rows(second) == 3


def _hold_turn(folder: str, uri: str) -> None:
    with hold_turn(Home(Path(folder)), uri, print):
        pass


def test_what_was_not_uploaded_before_another_machine_wrote_is_dropped(
    first: Home, second: Home, uri: str
) -> None:
    add(first, "lost.csv")
    add(second, "b.csv")
    take_turn(second, uri)
    assert take_turn(first, uri)
    assert ask(first.warehouse, "select uri from scored_files order by uri") == [("a.csv",), ("b.csv",)]


def test_what_was_written_beside_another_machine_can_t_be_uploaded(
    first: Home, second: Home, uri: str
) -> None:
    add(second, "b.csv")
    take_turn(second, uri)
    add(first, "c.csv")
    with pytest.raises(SourceError, match="since this machine took its turn"):
        upload_copy(first, uri)


def test_a_training_that_goes_on_keeps_what_it_has_recorded(first: Home, second: Home, uri: str) -> None:
    add(second, "b.csv")
    take_turn(second, uri)
    for run_id in ("goes-on", "was-killed"):
        start_run(first.warehouse, run_id, "train-model", {}, None)
    (first.running / "goes-on").mkdir(parents=True)
    with hold_folder(first.running / "goes-on"):
        assert follow(first, uri)
    assert ask(first.warehouse, "select run_id from runs where flow = 'train-model'") == [("goes-on",)]


def test_a_model_that_was_trained_here_is_still_known_here(first: Home, second: Home, uri: str) -> None:
    add(second, "b.csv")
    take_turn(second, uri)
    with open_warehouse(first.warehouse, write=True) as connection:
        connection.execute(
            "INSERT INTO models BY NAME SELECT 'new' AS model_id, 'lstm' AS variant, 0 AS seed, 'x' AS dataset, '' AS "
            "data_fingerprint, '' AS code_fingerprint, '' AS bundle_fingerprint, 0.9 AS validation_accuracy, 0.9 AS "
            "test_accuracy, now() AS trained_at"
        )
        connection.execute("INSERT INTO reference_measures VALUES ('new', 'text_length', 1, 1.0, 1.0)")
    assert follow(first, uri)
    assert ask(first.warehouse, "select model_id from models") == [("new",)]
    assert ask(first.warehouse, "select model_id from reference_measures where model_id = 'new'") == [
        ("new",)
    ]


def test_a_damaged_database_is_replaced(first: Home, second: Home, uri: str) -> None:
    add(second, "b.csv")
    take_turn(second, uri)
    first.warehouse.write_bytes(b"damaged")
    assert follow(first, uri)
    assert count_rows(first) == 3


def test_a_home_that_published_alone_goes_on_with_its_own_database_when_it_is_shared(
    tmp_path: Path, uri: str
) -> None:
    home = make_home(tmp_path / "alone")
    upload_copy(home, uri)
    add(home, "b.csv")
    assert not take_turn(home, uri)
    assert count_rows(home) == 3


def test_a_machine_that_began_a_database_before_its_first_turn_does_not_replace_that_of_the_others(
    first: Home, tmp_path: Path, uri: str
) -> None:
    late = Home(tmp_path / "late")
    join(late, uri)
    add(late, "c.csv")
    assert take_turn(late, uri)
    assert count_rows(late) == 2


def test_a_home_with_another_id_is_refused(first: Home, tmp_path: Path, uri: str) -> None:
    other = make_home(tmp_path / "other")
    ensure_home_id(other)
    with pytest.raises(SourceError, match="another home publishes there"):
        take_turn(other, uri)
    assert count_rows(other) == 2


def test_if_the_copy_of_the_store_is_gone_the_message_says_how_to_go_on(
    first: Home, tmp_path: Path, uri: str
) -> None:
    shutil.rmtree(tmp_path / "store" / "published")
    with pytest.raises(
        StoreError, match=r"is missing, though this home was shared by it.* delete .*shared-base.json"
    ):
        take_turn(first, uri)
    first.base.unlink()
    take_turn(first, uri)
    assert (tmp_path / "store" / LATEST).is_file()
