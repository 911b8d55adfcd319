"""Tests of successive backups and restores with a clock that is stopped or set back."""

import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, tzinfo
from multiprocessing.synchronize import Barrier
from pathlib import Path
from threading import BrokenBarrierError

import pytest

from data_contracts.errors import ReviewsError
from data_contracts.storage.home import Home
from tasks.backups import making, restoring
from tasks.backups.home_backup import back_up_home
from tasks.backups.manifests import Manifest, describe_file, read_manifest, write_manifest
from tasks.warehouse.database.warehouse_connection import open_warehouse
from tests.support.forked import make_context, start


class StoppedClock(datetime):
    """A clock that always shows one time."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> "StoppedClock":
        return cls(2026, 3, 1, tzinfo=UTC)


@pytest.fixture
def warehouse(tmp_path: Path) -> Path:
    path = tmp_path / "home" / "reviews.duckdb"
    with open_warehouse(path, write=True):
        return path


@pytest.mark.slow
def test_each_of_several_restores_in_one_second_keeps_the_database_before_it(
    warehouse: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(restoring, "datetime", StoppedClock)
    home = Home(warehouse.parent)
    home.parts.mkdir()
    making.back_up(home, tmp_path / "backup")
    kept = [restoring.restore(tmp_path / "backup", home) for _ in range(3)]
    assert [path.name for path in kept if path and path.is_file()] == [
        f"reviews.replaced-20260301T000000Z{more}.duckdb" for more in ("", "-2", "-3")
    ]


def test_each_of_several_backups_in_one_second_has_its_own_folder(
    warehouse: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(making, "datetime", StoppedClock)
    home = Home(warehouse.parent)
    made = [making.back_up(home, making.name_backup(tmp_path / "backups")).folder for _ in range(3)]
    assert [path.name for path in made] == [f"reviews-20260301T000000Z{more}" for more in ("", "-2", "-3")]
    assert making.drop_older_backups(tmp_path / "backups", 1) == made[:-1]


@pytest.fixture
def backup(warehouse: Path, tmp_path: Path) -> Path:
    """A backup with a bundle."""
    home = Home(warehouse.parent)
    home.parts.mkdir()
    (home.bundles / "a").mkdir(parents=True)
    (home.bundles / "a" / "scorer.onnx").write_bytes(b"graph")
    making.back_up(home, tmp_path / "backup")
    shutil.rmtree(home.bundles)
    return tmp_path / "backup"


def test_what_a_manifest_does_not_name_is_not_restored(warehouse: Path, backup: Path) -> None:
    home = Home(warehouse.parent)
    (backup / "bundles" / "a" / "more").symlink_to(warehouse)
    (backup / "bundles" / "b").mkdir()
    restoring.restore(backup, home)
    assert [path.relative_to(home.bundles).as_posix() for path in sorted(home.bundles.rglob("*"))] == [
        *("a", "a/scorer.onnx")
    ]


def test_a_backup_is_damaged_whose_files_lie_behind_links(backup: Path, tmp_path: Path) -> None:
    (backup / "bundles" / "a").rename(tmp_path / "elsewhere")
    (backup / "bundles" / "a").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ReviewsError, match=r"is damaged: bundles/a/scorer\.onnx is missing"):
        restoring.check_backup(backup)


@pytest.mark.process
def test_two_processes_that_back_up_in_one_second_make_a_backup_each(warehouse: Path) -> None:
    both = make_context().Barrier(2)
    started = [start(back_up_at_one_time, warehouse.parent, both) for _ in range(2)]
    for process in started:
        process.join()
    assert [process.exitcode for process in started] == [0, 0]
    assert len(list((warehouse.parent / "backups").iterdir())) == 2


def back_up_at_one_time(folder: Path, both: Barrier) -> None:
    """Make a backup with a clock that stands; its name is chosen when that of another process is, if it may."""

    def wait(home: Home) -> None:
        with suppress(BrokenBarrierError):
            both.wait(0.5)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(making, "datetime", StoppedClock)
        patch.setattr(making, "_remove_unfinished", wait)
        back_up_home(Home(folder), None, lambda said: None)


def test_a_backup_that_only_another_user_can_read_is_neither_damaged_nor_deleted(
    warehouse: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs = tmp_path / "backups" / "reviews-20260101T000000Z"
    theirs.mkdir(parents=True)
    making.back_up(Home(warehouse.parent), making.name_backup(theirs.parent))
    assert making.list_damaged(theirs.parent) == [theirs]
    monkeypatch.setattr(os, "access", lambda path, mode: path != theirs)
    assert making.list_damaged(theirs.parent) == []
    assert making.drop_older_backups(theirs.parent, 1) == []


@pytest.mark.parametrize(
    "names",
    [
        ("reviews-20270101T000000Z", "reviews-20270102T000000Z", "reviews-20260101T000000Z"),
        ("reviews-20990101T000000Z", "reviews-20260101T000000Z", "reviews-20260102T000000Z"),
    ],
    ids=["set back", "set forward once"],
)
def test_the_backup_that_was_made_first_is_dropped_whatever_the_clock_was(
    warehouse: Path, tmp_path: Path, names: tuple[str, ...]
) -> None:
    for name in names:
        made = making.back_up(Home(warehouse.parent), tmp_path / "backups" / name).folder
    assert [path.name for path in making.drop_older_backups(tmp_path / "backups", 2)] == [names[0]]
    assert made.is_dir()


@pytest.fixture
def make_backup(tmp_path: Path) -> Callable[..., None]:
    """Makes a backup of one bundle."""

    def make(name: str, day: int, model: str = "a", place: str | None = None) -> None:
        graph = tmp_path / name / "bundles" / model / "scorer.onnx"
        graph.parent.mkdir(parents=True, mode=0o700)
        graph.write_bytes(b"graph")
        files = {f"bundles/{model}/scorer.onnx": describe_file(graph)}
        write_manifest(tmp_path / name, Manifest(f"2026-03-0{day}T00:00:00+00:00", files, home=place))

    return make


def name_another(damaged: Path) -> str:
    return restoring._name_another(damaged, read_manifest(damaged))


@pytest.mark.parametrize("place", [None, "vm:/home"])
def test_a_damaged_backup_names_none_of_another_home_beside_it(
    tmp_path: Path, make_backup: Callable[..., None], place: str | None
) -> None:
    for day, (name, model) in enumerate((("sound", "a"), ("damaged", "a"), ("foreign", "b")), start=1):
        make_backup(name, day, model, place)
    assert name_another(tmp_path / "damaged") == f"`reviews restore {tmp_path / 'sound'}`"
    (tmp_path / "sound" / "manifest.json").unlink()
    of_home = f"restore another backup of {place or 'this home'}; "
    assert name_another(tmp_path / "damaged") == f"{of_home}beside it there is none that is whole"


def test_a_damaged_backup_names_one_of_a_home_that_was_moved_or_copied_only_where_there_is_no_other(
    tmp_path: Path, make_backup: Callable[..., None]
) -> None:
    for day, (name, place) in enumerate(
        (("sound", "vm:/a"), ("damaged", "vm:/a"), ("moved", "vm:/b")), start=1
    ):
        make_backup(name, day, place=place)
    assert name_another(tmp_path / "damaged") == f"`reviews restore {tmp_path / 'sound'}`"
    (tmp_path / "sound" / "manifest.json").unlink()
    places = "which is of vm:/b; the damaged one is of vm:/a"
    assert name_another(tmp_path / "damaged") == f"`reviews restore {tmp_path / 'moved'}`, {places}"
