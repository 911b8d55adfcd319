"""Backups that share files with earlier ones: each restores to what the database was, and costs only what is new."""

import errno
import json
import os
import shutil
from collections.abc import Iterator, Sequence
from functools import partial
from hashlib import sha256
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from data_contracts.errors import ReviewsError
from data_contracts.storage.home import Home
from tasks.backups import packs
from tasks.backups.block_index import HEAD_BYTES
from tasks.backups.making import Backup, back_up
from tasks.backups.restoring import check_backup, put_database
from tasks.warehouse.database import block_copy
from tasks.warehouse.database.rewriting import rewrite_warehouse
from tasks.warehouse.database.warehouse_connection import open_warehouse
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


def change(home: Home, name: str = "insert", number: int = 1) -> None:
    with open_warehouse(home.warehouse, write=True) as connection:
        connection.execute(CHANGES[name].format(number=number, rows=ROWS)).fetchall()


def keep(home: Home, name: str, *, full: bool = False) -> Backup:
    return back_up(home, home.backups / name, full)


def read_database(folder: Path) -> bytes:
    """Return the database of a backup, as a restore puts it in place."""
    with TemporaryDirectory() as name:
        put_database(folder, check_backup(folder), Path(name, "database"))
        return Path(name, "database").read_bytes()


def list_shared(backup: Backup, other: Backup) -> list[str]:
    """Return the names of the files that two backups share."""
    names = [path.relative_to(backup.folder) for path in backup.folder.rglob("*") if path.is_file()]
    there = [name for name in names if (other.folder / name).is_file()]
    return sorted(name.as_posix() for name in there if (other.folder / name).samefile(backup.folder / name))


CHANGED_ALIKE = [("delete", 0), ("insert", 1), ("back up", 0), ("insert", 1), ("back up", 1)]
"""After which DuckDB's checksum of a block of its catalog is what it was, since two words in it have changed alike."""


def follow(steps: Sequence[tuple[str, int]]) -> None:
    """Change, back up and rewrite a database, delete backups; require of each that is left that it can be restored."""
    kept: dict[Path, bytes] = {}
    with TemporaryDirectory() as name:
        home = make_home(Path(name, "home"), FEW)
        for place, (step, number) in enumerate(steps):
            if step == "back up":
                folder = keep(home, str(place), full=number == 0).folder
                kept[folder] = home.warehouse.read_bytes()
            elif step == "delete one":
                for folder in sorted(kept)[number : number + 1]:
                    shutil.rmtree(folder)
                    del kept[folder]
            elif step == "rewrite":
                rewrite_warehouse(home.warehouse)
            else:
                change(home, step, number)
        assert all(read_database(folder) == content for folder, content in kept.items())


@pytest.mark.slow
@settings(max_examples=15, deadline=None)
@example(steps=CHANGED_ALIKE)
@given(steps=steps)
def test_every_backup_restores_to_what_the_database_was_whatever_became_of_the_others(
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
def test_only_blocks_that_have_changed_are_written(
    home: Home, monkeypatch: pytest.MonkeyPatch, whole: int
) -> None:
    monkeypatch.setattr(block_copy, "WHOLE_BYTES", whole)
    first = keep(home, "first")
    change(home, "update", 1)
    change(home, "nothing")
    second = keep(home, "second")
    assert list_shared(second, first) == ["bundles/one/weights", "packs/000001.pack"]
    change(home, "replace", 1)
    third = keep(home, "third")
    assert third.bytes - third.shared < first.bytes / 4


def test_a_block_of_which_the_checksum_does_not_tell_that_it_has_changed_is_written(home: Home) -> None:
    keep(home, "first")
    content = bytearray(home.warehouse.read_bytes())
    content[HEAD_BYTES + 40 * SMALL_BLOCK_BYTES - 1] ^= (
        1  # of a block of texts, which DuckDB does not read to open it
    )
    home.warehouse.write_bytes(content)
    second = keep(home, "second")
    assert read_database(second.folder) == content
    assert second.bytes - second.shared < second.bytes / 4


def test_where_a_pack_of_the_backup_before_is_gone_all_is_written(home: Home) -> None:
    first = keep(home, "first")
    change(home)
    second = keep(home, "second")
    (second.folder / "packs/000001.pack").unlink()
    shutil.rmtree(first.folder)
    third = keep(home, "third")
    assert read_database(third.folder) == home.warehouse.read_bytes()


def test_a_backup_of_what_has_not_changed_writes_no_block(home: Home) -> None:
    keep(home, "first")
    second = keep(home, "second")
    assert max((second.folder / "packs").iterdir()).stat().st_size == HEAD_BYTES


def test_a_full_backup_shares_nothing(home: Home) -> None:
    first, second = keep(home, "first"), keep(home, "second", full=True)
    assert (list_shared(second, first), second.shared) == ([], 0)


def test_a_backup_that_was_copied_elsewhere_is_whole(home: Home, tmp_path: Path) -> None:
    keep(home, "first")
    change(home)
    second = keep(home, "second").folder
    shutil.copytree(second, tmp_path / "elsewhere")
    shutil.rmtree(home.backups)
    assert read_database(tmp_path / "elsewhere") == home.warehouse.read_bytes()


@pytest.mark.parametrize("made", [0, 1])
def test_where_not_every_hard_link_can_be_made_all_is_written(
    home: Home, monkeypatch: pytest.MonkeyPatch, made: int
) -> None:
    link, calls = os.link, count()

    def link_some(source: Path, target: Path) -> None:
        if next(calls) >= made:
            raise OSError(errno.EMLINK, "Too many links")
        link(source, target)

    keep(home, "first")
    change(home)
    second = keep(home, "second")
    monkeypatch.setattr(os, "link", link_some)
    third = keep(home, "third")
    assert (list_shared(third, second), third.shared) == ([], 0)
    assert read_database(third.folder) == home.warehouse.read_bytes()


def cut(path: Path) -> None:
    """Cut off the last byte, and keep the time of the file, as a copy may that was broken off."""
    found = path.stat()
    os.truncate(path, found.st_size - 1)
    os.utime(path, ns=(found.st_atime_ns, found.st_mtime_ns))


def flip(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(20_000)
        file.write(b"\xff\xff")


@pytest.mark.parametrize("damage", [cut, flip, Path.unlink])
@pytest.mark.parametrize("name", ["packs/000001.pack", "blocks.json", "manifest.json", "bundles/one/weights"])
def test_nothing_is_shared_with_a_damaged_backup(home: Home, name: str, damage: object) -> None:
    first = keep(home, "first")
    assert callable(damage)
    damage(first.folder / name)
    second = keep(home, "second")
    assert list_shared(second, first) == []
    assert read_database(second.folder) == home.warehouse.read_bytes()


def test_nothing_is_shared_with_a_backup_that_others_can_write_to(home: Home) -> None:
    first = keep(home, "first")
    first.folder.chmod(0o770)
    assert keep(home, "second").shared == 0


def test_the_newest_whole_backup_of_the_database_is_the_one_to_share_with(home: Home, tmp_path: Path) -> None:
    keep(home, "first")
    second = keep(home, "second")
    cut(max((keep(home, "third").folder / "packs").iterdir()))
    other = make_home(tmp_path / "other")
    rewrite_warehouse(other.warehouse)
    back_up(other, home.backups / "of another database")
    assert keep(home, "fourth").base == second.folder


def test_what_was_forgotten_is_in_no_later_backup(home: Home) -> None:
    with open_warehouse(home.warehouse, write=True) as connection:
        connection.execute("INSERT INTO large VALUES (1, 'a text that must not stay')")
    first = keep(home, "first").folder
    with open_warehouse(home.warehouse, write=True) as connection:
        connection.execute("DELETE FROM large WHERE text = 'a text that must not stay'")
    rewrite_warehouse(home.warehouse)
    second = keep(home, "second").folder
    assert [b"must not stay" in b"".join(list_packs(each)) for each in (first, second)] == [True, False]


def test_a_database_that_was_written_anew_shares_nothing(home: Home) -> None:
    keep(home, "first")
    rewrite_warehouse(home.warehouse)
    assert keep(home, "second").base is None


def list_packs(folder: Path) -> Iterator[bytes]:
    """Yield the content of the packs of a backup."""
    yield from (path.read_bytes() for path in (folder / "packs").iterdir())


@pytest.mark.slow
def test_a_backup_that_would_have_too_many_packs_is_written_whole(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packs, "MOST_PACKS", 3)
    counts = []
    for number in range(5):
        change(home, "insert", 1 + number)
        counts.append(len([*list_packs(keep(home, str(number)).folder)]))
    assert (max(counts), 1 in counts[1:]) == (3, True)


def test_a_backup_that_would_use_little_of_its_packs_is_written_whole(home: Home) -> None:
    first = keep(home, "first")
    with open_warehouse(home.warehouse, write=True) as connection:
        connection.execute("DROP TABLE large")
        connection.execute("CHECKPOINT")
    change(home, "replace", 20)  # into the blocks of the dropped table
    assert "packs/000001.pack" not in list_shared(keep(home, "second"), first)


def test_an_altered_bundle_is_not_taken_for_the_one_before(home: Home) -> None:
    weights = home.bundles / "one" / "weights"
    first = keep(home, "first")
    weights.write_bytes(weights.read_bytes()[::-1])
    second = keep(home, "second")
    assert list_shared(second, first) == ["packs/000001.pack"]
    assert (second.folder / "bundles/one/weights").read_bytes() == weights.read_bytes()


def test_a_bundle_that_was_put_back_is_shared(home: Home) -> None:
    first = keep(home, "first")
    os.utime(home.bundles / "one" / "weights")
    assert "bundles/one/weights" in list_shared(keep(home, "second"), first)


def test_an_index_that_names_blocks_that_are_not_there_is_refused(home: Home) -> None:
    folder = keep(home, "first").folder
    index = json.loads((folder / "blocks.json").read_text())
    index["runs"][0][1] += 1
    (folder / "blocks.json").write_text(json.dumps(index))
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["files"]["blocks.json"]["sha256"] = sha256((folder / "blocks.json").read_bytes()).hexdigest()
    (folder / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(ReviewsError, match=r"blocks\.json has changed"):
        read_database(folder)


def test_the_pack_of_a_full_backup_has_the_bytes_of_the_database(home: Home) -> None:
    assert [*list_packs(keep(home, "first").folder)] == [home.warehouse.read_bytes()]
