"""Snapshots in a folder and in a store: each restores to what the home was, and costs only what is new."""

import json
import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from multiprocessing.synchronize import Barrier
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import BrokenBarrierError
from typing import Any

import duckdb
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from obstore.store import MemoryStore

from data_contracts.errors import ReviewsError, SourceError, StoreError
from data_contracts.storage.home import Home
from tasks.snapshots import home_backup, making, restoring
from tasks.snapshots.home_backup import back_up_home
from tasks.snapshots.making import Made, Options
from tasks.snapshots.manifests import FORMAT, Snapshot, list_numbers, name_manifest, read_snapshot
from tasks.snapshots.ownership import claim
from tasks.snapshots.places import CHUNKS, FolderPlace, Place, StorePlace, open_place
from tasks.snapshots.restoring import find_snapshot, unpack, unpack_snapshot
from tasks.store.connecting import Store
from tasks.warehouse.database import block_copy
from tasks.warehouse.database.rewriting import rewrite_warehouse
from tasks.warehouse.database.warehouse_connection import open_warehouse
from tasks.warehouse.publishing import publish
from tests.support.forked import make_context, start
from tests.support.once import copy_once

SMALL_BLOCK_BYTES = 16_384
ROWS = 80_000  # much larger than the catalog, which every checkpoint writes anew
FEW = 20_000
"""Rows in as many blocks as the catalog, for histories."""
CHANGES = {
    "insert": "INSERT INTO large SELECT range, hash(range, {number})::VARCHAR FROM range({number} * 700)",
    "update": "UPDATE large SET text = text || '{number}' WHERE id % 97 = {number}",
    "swap": "UPDATE large SET id = {rows} - id WHERE id % 5 = {number}",
    "delete": "DELETE FROM large WHERE id % 11 = {number}",
    "replace": "CREATE OR REPLACE TABLE other AS SELECT hash(range, {number}) AS id FROM range({number} * 5000)",
    "nothing": "SELECT 1",
}
steps = st.lists(
    st.tuples(
        st.sampled_from([*CHANGES, "rewrite", "back up", "back up", "back up", "delete one"]),
        st.integers(0, 9),
    ),
    min_size=4,
    max_size=14,
)


def fill(folder: Path, rows: int) -> None:
    """Make a database of many small blocks."""
    warehouse = folder / "reviews.duckdb"
    with duckdb.connect() as connection:
        connection.execute(
            f"ATTACH '{warehouse}' AS made (BLOCK_SIZE {SMALL_BLOCK_BYTES}, STORAGE_VERSION 'v1.4.0')"
        )
    with open_warehouse(warehouse, write=True) as connection:
        connection.execute(
            f"CREATE TABLE large AS SELECT range AS id, hash(range)::VARCHAR AS text FROM range({rows})"
        )


def make_home(folder: Path, rows: int = ROWS) -> Home:
    """Copy a home with a database of many small blocks and a bundle to `folder`."""
    copy_once(("home-many-blocks", rows), folder, partial(fill, rows=rows))
    (folder / "bundles" / "one").mkdir(parents=True)
    (folder / "bundles" / "one" / "weights").write_bytes(bytes(range(256)) * 64)
    return Home(folder)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return make_home(tmp_path / "home")


@pytest.fixture(params=["folder", "store"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """A place in a folder, and one in an object store."""
    if request.param == "folder":
        return FolderPlace(str(tmp_path / "kept"), tmp_path / "kept")
    return StorePlace(Store("memory://kept", MemoryStore()))


def change(home: Home, name: str = "insert", number: int = 1) -> None:
    with open_warehouse(home.warehouse, write=True) as connection:
        connection.execute(CHANGES[name].format(number=number, rows=ROWS)).fetchall()


def keep(home: Home, place: Place, options: Options = making.KEEP_ALL) -> Made:
    publish(home)
    claim(home, place, options.take_over)
    place.prepare()
    return making.make_snapshot(home, place, options)


def read_database(place: Place, number: int) -> bytes:
    """Return the database of a snapshot, as a restore puts it in place."""
    with TemporaryDirectory() as name:
        unpack_snapshot(place, read_snapshot(place, number), Path(name), "database")
        return Path(name, "database").read_bytes()


def list_named(snapshot: Snapshot) -> set[str]:
    return {name for name, _ in snapshot.list_chunks()}


CHANGED_ALIKE = [("delete", 0), ("insert", 1), ("back up", 0), ("insert", 1), ("back up", 1)]
"""After which DuckDB's checksum of a block of its catalog is what it was, since two words in it have changed alike."""


def follow(steps: Sequence[tuple[str, int]]) -> None:
    """Change, back up and rewrite a database, delete backups; require of each that is left that it can be restored."""
    kept: dict[int, bytes] = {}
    with TemporaryDirectory() as name:
        home, place = make_home(Path(name, "home"), FEW), open_place(Path(name, "kept"))
        for step, number in steps:
            if step == "back up":
                options = Options(keep=1 + number % 4, full=number == 0)
                made = keep(home, place, options).snapshot.number
                kept[made] = home.published.read_bytes()
                kept = {each: kept[each] for each in list_numbers(place)}
            elif step == "delete one":
                for gone in sorted(kept)[number : number + 1]:
                    place.delete([name_manifest(gone)])
                    del kept[gone]
            elif step == "rewrite":
                rewrite_warehouse(home.warehouse)
            else:
                change(home, step, number)
        assert all(read_database(place, number) == content for number, content in kept.items())


@pytest.mark.slow
@settings(max_examples=15, deadline=None)
@example(steps=CHANGED_ALIKE)
@given(steps=steps)
def test_every_snapshot_restores_to_what_the_database_was_whatever_became_of_the_others(
    steps: Sequence[tuple[str, int]],
) -> None:
    follow(steps)


def test_a_block_of_the_catalog_of_a_large_database_is_compared_whole(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(block_copy, "WHOLE_BYTES", 0)
    follow(CHANGED_ALIKE)


@pytest.mark.slow
@pytest.mark.parametrize("whole", [2**28, 0])
def test_only_chunks_that_have_changed_are_written(
    home: Home, place: Place, monkeypatch: pytest.MonkeyPatch, whole: int
) -> None:
    monkeypatch.setattr(block_copy, "WHOLE_BYTES", whole)
    first = keep(home, place)
    assert first.written == sum(dict(first.snapshot.list_chunks()).values())
    change(home, "replace", 1)
    before = place.list_chunks()
    second = keep(home, place)
    assert 0 < second.written < first.written / 4
    assert list_named(second.snapshot) - before.keys() == place.list_chunks().keys() - before.keys()


def test_a_block_of_which_the_checksum_does_not_tell_that_it_has_changed_is_written(
    home: Home, place: Place
) -> None:
    keep(home, place)
    content = bytearray(home.warehouse.read_bytes())
    content[12_288 + 40 * SMALL_BLOCK_BYTES - 1] ^= (
        1  # of a block of texts, which DuckDB does not read to open it
    )
    home.warehouse.write_bytes(content)
    assert read_database(place, keep(home, place).snapshot.number) == content


def test_an_altered_bundle_is_not_taken_for_the_one_before(home: Home, place: Place, tmp_path: Path) -> None:
    keep(home, place)
    weights = home.bundles / "one" / "weights"
    weights.write_bytes(weights.read_bytes()[::-1])
    (tmp_path / "unpacked").mkdir()
    unpack_snapshot(place, keep(home, place).snapshot, tmp_path / "unpacked", "database")
    assert (tmp_path / "unpacked/bundles/one/weights").read_bytes() == weights.read_bytes()


def test_what_was_forgotten_is_in_no_chunk_once_the_snapshots_of_before_are_gone(
    home: Home, tmp_path: Path
) -> None:
    place = open_place(tmp_path / "kept")
    with open_warehouse(home.warehouse, write=True) as connection:
        connection.execute("INSERT INTO large VALUES (1, 'a text that must not stay')")
    keep(home, place)
    with open_warehouse(home.warehouse, write=True) as connection:
        connection.execute("DELETE FROM large WHERE text = 'a text that must not stay'")
    rewrite_warehouse(home.warehouse)
    for options, is_there in ((Options(keep=7), True), (Options(keep=7, drop_rewritten=True), False)):
        keep(home, place, options)
        chunks = (tmp_path / "kept" / CHUNKS).iterdir()
        assert any(b"must not stay" in path.read_bytes() for path in chunks) == is_there
    assert len(list_numbers(place)) == 2


# What is damaged


def cut(path: Path) -> None:
    """Cut off the last byte, and keep the time of the file, as a copy may that was broken off."""
    found = path.stat()
    os.truncate(path, found.st_size - 1)
    os.utime(path, ns=(found.st_atime_ns, found.st_mtime_ns))


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[20] ^= 0xFF
    path.write_bytes(content)


@pytest.fixture
def folder(tmp_path: Path) -> FolderPlace:
    return FolderPlace(str(tmp_path / "kept"), tmp_path / "kept")


@pytest.mark.parametrize("damage", [cut, flip, Path.unlink])
def test_a_chunk_that_is_missing_or_was_changed_is_written_again(
    home: Home, folder: FolderPlace, damage: Callable[[Path], None]
) -> None:
    first = keep(home, folder).snapshot
    for chunk in (first.chunks[3].name, first.files["bundles/one/weights"].chunks[0]):
        damage(folder.folder / CHUNKS / chunk)
    keep(home, folder)
    assert read_database(folder, first.number) == home.warehouse.read_bytes()


@pytest.mark.parametrize("content", ["", "[]", '{"format": 3}'])
def test_a_manifest_that_is_damaged_is_named_and_the_next_snapshot_does_without_it(
    home: Home, folder: FolderPlace, content: str
) -> None:
    dead = keep(home, folder)
    (folder.folder / name_manifest(dead.snapshot.number)).write_text(content)
    made = keep(home, folder, Options(keep=7))
    assert [problem.split(": is damaged")[0] for problem in made.damaged] == [dead.name]
    assert read_database(folder, made.snapshot.number) == home.warehouse.read_bytes()


def test_where_others_can_write_all_is_written(home: Home, folder: FolderPlace) -> None:
    keep(home, folder)
    (folder.folder / CHUNKS).chmod(0o770)
    made = keep(home, folder)
    assert made.written == sum(dict(made.snapshot.list_chunks()).values())


def test_a_full_snapshot_mends_what_is_damaged_in_a_store(home: Home, place: Place) -> None:
    first = keep(home, place).snapshot
    place.write_chunk(first.chunks[1].name, bytes(4 * SMALL_BLOCK_BYTES))
    keep(home, place)
    with pytest.raises(StoreError, match=f"{first.chunks[1].name}: is not what its name says"):
        read_database(place, first.number)
    keep(home, place, Options(full=True))
    assert read_database(place, first.number) == home.warehouse.read_bytes()


def test_snapshots_that_stay_and_lack_a_chunk_are_named(home: Home, place: Place) -> None:
    first = keep(home, place)
    change(home, "replace", 2)
    second = keep(home, place)
    gone = max(list_named(first.snapshot) - list_named(second.snapshot))
    place.delete([f"{CHUNKS}/{gone}"])
    made = keep(home, place, Options(keep=7))
    assert made.damaged == (f"{first.name}: is damaged: {CHUNKS}/{gone} is missing or cut off.",)


@pytest.mark.parametrize("damage", [cut, flip, Path.unlink])
def test_a_damaged_snapshot_names_the_chunk_and_a_whole_snapshot_beside_it(
    home: Home, folder: FolderPlace, damage: Callable[[Path], None]
) -> None:
    sound = keep(home, folder)
    change(home, "replace", 2)
    dead = keep(home, folder)
    chunk = max(list_named(dead.snapshot) - list_named(sound.snapshot))
    damage(folder.folder / CHUNKS / chunk)
    next_step = rf"{CHUNKS}/{chunk}: is .* damaged\. Next: `reviews restore {sound.name}`"
    with pytest.raises(ReviewsError, match=next_step), unpack(home, dead.name):
        pass


def rename(name: str) -> Callable[[dict[str, Any]], object]:
    return lambda stated: stated["files"].update({name: stated["files"].pop("bundles/one/weights")})


BAD_MANIFESTS: dict[str, Callable[[dict[str, Any]], object]] = {
    "lacks its chunks": lambda stated: stated.pop("chunks"),
    "has one chunk too many": lambda stated: stated["chunks"].append(stated["chunks"][0]),
    "has a chunk outside its folder": lambda stated: stated["chunks"].__setitem__(0, "../x 0000000000000000"),
    "is of a home that is none": lambda stated: stated.update(home_id="../inbox"),
    "has a huge size": lambda stated: stated["layout"].update(size=10**18),
    "has odd blocks": lambda stated: stated["layout"].update(block_bytes=1),
    "has no time": lambda stated: stated.update(made_at=10**18),
    "has another number": lambda stated: stated.update(number=7),
    "climbs out": rename("../../evil"),
    "names a file elsewhere": rename("/tmp/evil"),
    "climbs out of the bundles": rename("bundles/../../evil/x"),
    "names a file of the inbox": rename("inbox/a.csv"),
    "has a file of another size": lambda stated: stated["files"]["bundles/one/weights"].update(bytes=2**40),
}


@pytest.mark.parametrize("bad", BAD_MANIFESTS.values(), ids=BAD_MANIFESTS)
def test_a_manifest_that_no_home_writes_is_refused(
    home: Home, folder: FolderPlace, bad: Callable[[dict[str, Any]], object]
) -> None:
    made = keep(home, folder)
    path = Path(made.name)
    stated = json.loads(path.read_bytes())
    bad(stated)
    path.write_text(json.dumps(stated), "utf-8")
    with pytest.raises(StoreError, match=rf"{path.name}: is damaged: it is no manifest \("):
        read_snapshot(folder, made.snapshot.number)


def test_a_place_of_a_newer_version_is_neither_read_nor_changed(home: Home, folder: FolderPlace) -> None:
    path = Path(keep(home, folder).name)
    path.write_text(json.dumps({**json.loads(path.read_bytes()), "format": FORMAT + 1}), "utf-8")
    before = sorted(folder.folder.rglob("*"))
    change(home)
    for act in (lambda: keep(home, folder, Options(keep=1)), lambda: read_snapshot(folder, 1)):
        with pytest.raises(StoreError, match=r"another version of this program \(format 4\)"):
            act()
    assert sorted(path for path in folder.folder.rglob("*") if path in before) == before


# Which stay


def test_the_newest_stay_by_their_numbers_whatever_the_clock_was(home: Home, place: Place) -> None:
    for seconds in (2_000_000_000, 1_000_000_000, 1_500_000_000):
        publish(home)
        os.utime(home.published, (seconds, seconds))
        claim(home, place)
        place.prepare()
        made = making.make_snapshot(home, place, Options(keep=2))
    assert (list_numbers(place), made.dropped) == ([3, 2], (1,))


def test_chunks_that_no_snapshot_names_go_where_not_all_stay(home: Home, place: Place) -> None:
    keep(home, place)
    place.write_chunk("0" * 64, b"of a killed upload")
    change(home, "replace", 2)
    keep(home, place)
    assert (len(list_numbers(place)), "0" * 64 in place.list_chunks()) == (2, True)
    keep(home, place, Options(keep=1))
    assert place.list_chunks().keys() == list_named(read_snapshot(place, 3))


# Who writes


def test_another_home_is_refused_with_what_to_do_until_it_takes_over_and_then_the_first_one(
    home: Home, place: Place, tmp_path: Path
) -> None:
    other = make_home(tmp_path / "other")
    keep(home, place)
    for refused, next_one in ((other, home), (home, other)):
        before = place.list_names(), place.list_chunks()
        with pytest.raises(SourceError, match=r"another home writes there \(.*Next: .*--take-over") as raised:
            keep(refused, place)
        assert str(next_one.folder) in str(raised.value)
        assert (place.list_names(), place.list_chunks()) == before
        keep(other, place, Options(take_over=True))
    assert read_snapshot(place, list_numbers(place)[0]).home.endswith(str(other.folder))


def test_a_home_that_loses_its_place_while_it_writes_leaves_no_snapshot(
    home: Home, place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = make_home(tmp_path / "other")

    def take_over(*arguments: object) -> dict[str, Path]:
        monkeypatch.undo()
        keep(other, place, Options(keep=1, take_over=True))
        return making._list_files(home)

    monkeypatch.setattr(making, "_list_files", take_over)
    with pytest.raises(SourceError, match="another home writes there"):
        keep(home, place)
    assert read_database(place, 1) == other.warehouse.read_bytes()


def test_of_two_that_write_one_number_the_later_is_refused(
    home: Home, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lose(*arguments: object) -> None:
        place.create(name_manifest(1), b"of another process")

    monkeypatch.setattr(making, "require_own", lose)
    with pytest.raises(SourceError, match="another process wrote this snapshot"):
        keep(home, place)
    assert place.read(name_manifest(1)) == b"of another process"


def test_of_two_homes_that_begin_at_once_one_is_refused(
    home: Home, place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other, create = make_home(tmp_path / "other"), type(place).create

    def create_late(self: Place, name: str, content: bytes) -> bool:
        monkeypatch.undo()
        keep(other, place)
        return create(self, name, content)  # type: ignore[arg-type]

    monkeypatch.setattr(type(place), "create", create_late)
    with pytest.raises(SourceError, match="another home writes there"):
        keep(home, place)
    assert len(list_numbers(place)) == 1


@pytest.mark.process
def test_two_processes_that_back_up_at_once_make_a_backup_each(home: Home) -> None:
    both = make_context().Barrier(2)
    started = [start(back_up_at_one_time, home.folder, both) for _ in range(2)]
    for process in started:
        process.join()
    assert [process.exitcode for process in started] == [0, 0]
    assert list_numbers(open_place(home.backups)) == [2, 1]


def back_up_at_one_time(folder: Path, both: Barrier) -> None:
    """Make a backup; it begins when that of another process does, if it may."""

    def wait(*arguments: object, **named: object) -> None:
        with suppress(BrokenBarrierError):
            both.wait(0.5)
        enter(*arguments, **named)  # type: ignore[arg-type]

    enter = home_backup.enter_place
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(home_backup, "enter_place", wait)
        back_up_home(Home(folder), None, lambda said: None)


# What a name names


def test_a_place_names_its_newest_snapshot_and_a_manifest_itself(home: Home, folder: FolderPlace) -> None:
    made = [keep(home, folder) for _ in range(2)]
    for named, number in (
        (folder.name, 2),
        (f"{folder.name}/", 2),
        (made[0].name, 1),
        (f"file://{made[0].name}", 1),
    ):
        assert find_snapshot(named)[1] == number


@pytest.mark.slow
def test_each_of_several_restores_in_one_second_keeps_the_database_before_it(
    home: Home, folder: FolderPlace
) -> None:
    home.parts.mkdir()
    keep(home, folder)
    kept = set[Path | None]()
    for _ in range(3):
        with unpack(home, folder.name) as found:
            kept.add(restoring.restore(found, home))
    assert kept == {*home.folder.glob("reviews.replaced-*.duckdb")}
    assert len(kept) == 3
