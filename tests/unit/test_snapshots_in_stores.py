"""Tests of snapshots in the store of a home, a folder at a file:// URI: what is new goes there, readers get it."""

from itertools import count
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import reviews
from data_contracts.errors import ReviewsError, SourceError, StoreError, StoreUnreachableError, WarehouseError
from data_contracts.storage.home import Home
from flows.command.cli import main
from tasks.maintenance.forgetting import ForgetRequest
from tasks.maintenance.forgetting_everywhere import forget_everywhere
from tasks.snapshots import fetching, reading
from tasks.snapshots.after_runs import (
    SNAPSHOTS,
    find_faults,
    name_place,
    renew_snapshot,
    require_not_taken_over,
    snapshot_after_run,
)
from tasks.snapshots.fetching import read_chunk
from tasks.snapshots.home_backup import back_up_home, restore_home
from tasks.snapshots.making import Made, Options
from tasks.snapshots.manifests import list_numbers, read_snapshot
from tasks.snapshots.ownership import claim
from tasks.snapshots.places import CHUNKS, FolderPlace, Place, open_place
from tasks.snapshots.reading import FetchedCopy, fetch_copy, is_reader
from tests.support.exported_homes import add, change, make_home
from tests.support.once import copy_once
from tests.support.small_home import ask

SECRET = "id-of-a-row-to-forget"
"""DuckDB keeps it as it is; texts are compressed."""
LARGE = "CREATE TABLE large AS SELECT hash(range)::VARCHAR AS text FROM range(700_000)"
_NUMBERS = count(100)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return make_home(tmp_path / "home")


@pytest.fixture
def large_home(tmp_path: Path) -> Home:
    """A home whose copy has several chunks."""

    def fill(folder: Path) -> None:
        change(make_home(folder), LARGE)

    copy_once("large copy", tmp_path / "home", fill)
    return Home(tmp_path / "home")


@pytest.fixture
def reader(tmp_path: Path) -> Home:
    return Home(tmp_path / "reader")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder of the store."""
    made = tmp_path / "store"
    made.mkdir()
    return made


def upload(home: Home, folder: Path, keep: int = 7) -> Made:
    return snapshot_after_run(home, f"file://{folder}", keep)


def fetch(reader: Home, folder: Path) -> FetchedCopy:
    return fetch_copy(reader, f"file://{folder}")


def count_rows(home: Home) -> int:
    return int(ask(home.published, "SELECT count(*) FROM scored_reviews")[0][0])


def add_one(home: Home) -> None:
    """Insert a score, and publish."""
    change(
        home,
        f"INSERT INTO scored_reviews SELECT * REPLACE ({next(_NUMBERS)} AS row_number) FROM scored_reviews LIMIT 1",
    )


def open_folder(folder: Path) -> Place:
    return open_place(name_place(f"file://{folder}"))


def list_chunks(folder: Path) -> set[Path]:
    return set(folder.joinpath(SNAPSHOTS, CHUNKS).glob("*"))


def is_in_store(folder: Path, text: str) -> bool:
    return any(text.encode() in path.read_bytes() for path in folder.rglob("*") if path.is_file())


@pytest.mark.slow
def test_a_reader_has_the_bytes_of_the_published_copy_after_every_upload(
    home: Home, reader: Home, folder: Path
) -> None:
    for _ in range(4):
        add_one(home)
        upload(home, folder)
        fetch(reader, folder)
        assert reader.published.read_bytes() == home.published.read_bytes()
        assert int(reader.published.stat().st_mtime) == int(home.published.stat().st_mtime)


@pytest.mark.slow
def test_only_new_chunks_are_uploaded_and_fetched(
    large_home: Home, reader: Home, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    everything = upload(large_home, folder)
    assert everything.written == everything.snapshot.bytes
    fetch(reader, folder)
    add_one(large_home)
    fetched: set[str] = set()

    def read(place: Place, chunk: str, length: int) -> bytes:
        fetched.add(chunk)
        return read_chunk(place, chunk, length)

    monkeypatch.setattr(fetching, "read_chunk", read)
    before = list_chunks(folder)
    assert 0 < upload(large_home, folder).written < everything.written / 2
    fetch(reader, folder)
    assert fetched == {path.name for path in list_chunks(folder) - before}
    assert count_rows(reader) == count_rows(large_home) == 3


def list_named(folder: Path) -> set[str]:
    """Return the names of the chunks that the snapshots of a store name."""
    place = open_folder(folder)
    return {name for number in list_numbers(place) for name, _ in read_snapshot(place, number).list_chunks()}


@pytest.mark.slow
def test_a_forgotten_row_is_in_no_object_at_once_and_readers_lose_it_with_their_next_query(
    home: Home, reader: Home, folder: Path
) -> None:
    upload(home, folder)
    add(home, "secret.csv", [{"review_id": SECRET}])
    upload(home, folder)
    open_folder(folder).write_chunk("a" * 64, f"of a killed upload: {SECRET}".encode())
    fetch(reader, folder)
    assert is_in_store(folder, SECRET)
    forget_everywhere(home, ForgetRequest(SECRET, "review", "ann"), print, f"file://{folder}")
    assert len(list_numbers(open_folder(folder))) == 1
    assert {path.name for path in list_chunks(folder)} == list_named(folder)
    assert not is_in_store(folder, SECRET)
    fetch(reader, folder)
    assert count_rows(reader) == 2
    assert not is_in_store(reader.folder, SECRET)


@pytest.mark.slow
def test_a_store_that_fails_is_named_by_forget_and_the_next_upload_leaves_nothing_of_the_row(
    home: Home, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(home, "secret.csv", [{"review_id": SECRET}])
    upload(home, folder)
    said: list[str] = []

    def fail(*arguments: Any) -> None:
        raise StoreUnreachableError("the store is away.")

    with monkeypatch.context() as patch:
        patch.setattr(FolderPlace, "delete", fail)
        forget_everywhere(home, ForgetRequest(SECRET, "review", "ann"), said.append, f"file://{folder}")
    assert any(
        line.startswith(f"  the store file://{folder} may still hold it: the store is away.") for line in said
    )
    assert is_in_store(folder, SECRET)
    upload(home, folder)
    assert not is_in_store(folder, SECRET)


def test_what_a_killed_first_upload_left_goes_when_a_row_is_forgotten(home: Home, folder: Path) -> None:
    place = open_folder(folder)
    claim(home, place)
    place.prepare()
    place.write_chunk("a" * 64, SECRET.encode())
    renew_snapshot(home, f"file://{folder}")
    assert not is_in_store(folder, SECRET)
    assert {path.name for path in list_chunks(folder)} == list_named(folder)


def test_a_reader_whose_chunks_are_deleted_while_it_fetches_gets_the_newer_copy(
    home: Home, reader: Home, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload(home, folder)
    monkeypatch.setattr(fetching, "AT_ONCE", 1)

    def read_late(*arguments: Any) -> bytes:
        monkeypatch.setattr(fetching, "read_chunk", read_chunk)
        add_one(home)
        upload(home, folder, keep=1)
        return read_chunk(*arguments)

    monkeypatch.setattr(fetching, "read_chunk", read_late)
    fetch(reader, folder)
    assert reader.published.read_bytes() == home.published.read_bytes()


@pytest.mark.slow
def test_where_a_machine_is_lost_another_home_goes_on_from_its_store(
    home: Home, reader: Home, folder: Path
) -> None:
    upload(home, folder)
    fetch(reader, folder)
    place = name_place(f"file://{folder}")
    restore_home(reader, place, print)
    assert not is_reader(reader)
    back_up_home(reader, place, print, Options(7, take_over=True))
    add_one(reader)
    upload(reader, folder)
    with pytest.raises(SourceError, match="another home writes there"):
        require_not_taken_over(home, f"file://{folder}")


@pytest.mark.slow
def test_a_damaged_chunk_is_named_and_the_copy_before_stays(home: Home, reader: Home, folder: Path) -> None:
    upload(home, folder)
    fetch(reader, folder)
    before = list_chunks(folder)
    add_one(home)
    upload(home, folder)
    damaged = max(list_chunks(folder) - before)
    damaged.write_bytes(damaged.read_bytes()[:-1])
    assert f"{damaged.name}: is not what its name says" in str(fetch(reader, folder).trouble)
    assert count_rows(reader) == 2
    with pytest.raises(StoreError, match=f"{damaged.name}: is not what its name says"):
        fetch(Home(reader.folder / "new"), folder)
    [fault] = find_faults(home, f"file://{folder}")
    assert f"{CHUNKS}/{damaged.name} is missing or cut off" in fault
    upload(home, folder)
    assert fetch(reader, folder).trouble is None
    assert count_rows(reader) == 3


def test_if_the_store_does_not_answer_the_copy_here_is_read_and_its_age_is_said(
    home: Home, reader: Home, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload(home, folder)
    fetch(reader, folder)

    def fail(place: Place) -> None:
        raise StoreUnreachableError("the store is away.")

    monkeypatch.setattr(reading, "list_numbers", fail)
    said = fetch(reader, folder).describe()
    assert said.startswith(f"the store is away.\nFrom file://{folder}/snapshots, published ")
    assert count_rows(reader) == 2
    with pytest.raises(StoreUnreachableError):
        fetch(Home(reader.folder / "new"), folder)


def test_a_home_with_a_copy_of_its_own_is_no_reader(home: Home, reader: Home, folder: Path) -> None:
    upload(home, folder)
    assert is_reader(reader)
    fetch(reader, folder)
    assert is_reader(reader)
    assert not is_reader(home)
    home.warehouse.unlink()
    assert not is_reader(home)


def test_a_reader_makes_no_database_of_its_own_over_the_copy_that_it_reads(
    home: Home, reader: Home, folder: Path
) -> None:
    upload(home, folder)
    fetch(reader, folder)
    with pytest.raises(WarehouseError, match="only reads the copy of a store"):
        change(reader)
    for command in ("models label", "verify", "models promote champion"):
        said = CliRunner().invoke(main, command.split(), env={"REVIEWS_HOME": str(reader.folder)})
        assert "only reads the copy of a store" in said.output
    assert is_reader(reader)
    assert count_rows(reader) == 2


@pytest.mark.parametrize("is_away", [True, False], ids=["store away", "damaged list of stores"])
def test_where_a_store_can_not_be_cleared_nothing_is_forgotten_and_that_is_said(
    home: Home, folder: Path, is_away: bool
) -> None:
    add(home, "secret.csv", [{"review_id": "secret-1"}])
    upload(home, folder)
    if is_away:
        folder.rename(folder.with_name("away"))
    else:
        home.backups_elsewhere.write_text("{")
    with pytest.raises(ReviewsError, match=r"^Nothing was forgotten\. .*Next:"):
        forget_everywhere(home, ForgetRequest("secret-1", None, "ann", None), print, f"file://{folder}")
    assert ask(home.warehouse, "SELECT count(*) FROM source_reviews WHERE review_id = 'secret-1'") == [(1,)]


@pytest.mark.slow
def test_what_is_forgotten_leaves_every_store_that_got_the_copy_whatever_is_set_now(
    home: Home, folder: Path, tmp_path: Path
) -> None:
    add(home, "secret.csv", [{"review_id": "secret-1"}])
    upload(home, folder)
    forget_everywhere(home, ForgetRequest("secret-1", None, "ann", None), print)
    assert not is_in_store(folder, "secret-1")


@pytest.mark.slow
def test_a_notebook_opens_the_newest_copy_of_the_store(
    home: Home, reader: Home, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload(home, folder)
    monkeypatch.setenv("REVIEWS_HOME", str(reader.folder))
    monkeypatch.setenv("REVIEWS_STORE", f"file://{folder}")
    for rows in (2, 3):
        with reviews.open() as opened:
            assert opened.sql("select count(*) from scored_reviews").fetchall() == [(rows,)]
        add_one(home)
        upload(home, folder)


def test_the_command_answers_on_a_machine_without_a_home(home: Home, reader: Home, folder: Path) -> None:
    upload(home, folder)
    environment = {"REVIEWS_HOME": str(reader.folder), "REVIEWS_STORE": f"file://{folder}"}
    query = ["sql", "--format", "csv", "select count(*) as n from scored_reviews"]
    done = CliRunner().invoke(main, query, env=environment)
    assert (done.exit_code, done.stdout) == (0, "n\n2\n")
    assert done.stderr.startswith(f"From file://{folder}/snapshots, published ")
    assert not reader.warehouse.exists()
