"""Tests of the backups outside a home that are told what is forgotten: which are remembered, and for how long."""

import json
from contextlib import suppress
from pathlib import Path

import pytest

from data_contracts.errors import UsageError
from data_contracts.storage.home import Home
from tasks.backups.forgotten_beside import give_up_backups, note_forgotten, remember_backup
from tasks.backups.making import back_up
from tasks.backups.manifests import MANIFEST
from tasks.warehouse.database.warehouse_connection import open_warehouse


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A home in which something was forgotten."""
    made = Home(tmp_path / "home")
    made.folder.mkdir()
    made.forgotten.write_text("{}\n", "utf-8")
    return made


def remember(home: Home, place: str) -> None:
    """Note a backup at a place, as if it had been made there."""
    with remember_backup(home, place):
        pass


def add_backup(folder: Path) -> None:
    """Make a folder look like a backup."""
    folder.mkdir(parents=True)
    (folder / MANIFEST).touch()


def test_a_backup_whose_disk_is_away_is_named_with_how_to_give_it_up_and_its_disk_left_as_it_is(
    home: Home, tmp_path: Path
) -> None:
    away = tmp_path / "disk" / "backups" / "one"
    remember(home, str(away))
    for _ in range(2):
        [trouble] = note_forgotten(home)
        assert f"reviews backup --gone {away}" in trouble
    assert not (tmp_path / "disk").exists()


def test_backups_at_a_place_that_are_gone_for_good_can_be_given_up_and_those_that_are_there_not(
    home: Home, tmp_path: Path
) -> None:
    disk, other = tmp_path / "disk", str(tmp_path / "disk of others" / "one")
    add_backup(disk / "kept")
    for place in (disk / "kept", disk / "gone", f"file://{disk}/kept", f"file://{disk}/gone", other):
        remember(home, str(place))
    assert give_up_backups(home, str(disk)) == [f"{disk}/gone"]
    assert give_up_backups(home, f"file://{disk}/") == [f"file://{disk}/gone"]
    with pytest.raises(UsageError, match="no backup that is gone"):
        give_up_backups(home, f"{disk}/kept")
    assert list(json.loads(home.backups_elsewhere.read_text("utf-8"))) == [
        f"{disk}/kept",
        f"file://{disk}/kept",
        other,
    ]


@pytest.mark.parametrize("scheme", ["", "file://"])
def test_backups_that_were_away_when_something_was_forgotten_are_named_and_told_once_they_are_back(
    home: Home, tmp_path: Path, scheme: str
) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()  # as the empty folder that a disk is mounted on
    for name in ("one", "two"):
        remember(home, f"{scheme}{disk}/{name}")
    [trouble] = note_forgotten(home)
    assert f"{scheme}{disk}/one and 1 more there" in trouble
    for name in ("one", "two"):
        add_backup(disk / name)
    assert note_forgotten(home) == []
    told = [path.read_bytes() for path in disk.glob(f"*/{home.forgotten.name}")]
    assert told == [home.forgotten.read_bytes()] * 2


def test_a_backup_that_has_all_that_is_forgotten_is_not_looked_for_again(home: Home, tmp_path: Path) -> None:
    add_backup(tmp_path / "disk" / "one")
    remember(home, f"{tmp_path}/disk/one")
    note_forgotten(home)
    (tmp_path / "disk").rename(tmp_path / "away")
    assert note_forgotten(home) == []


def test_a_backup_that_was_moved_is_told_again_once_another_is_made_beside_it(
    home: Home, tmp_path: Path
) -> None:
    with open_warehouse(home.warehouse, write=True):
        pass
    made, moved = back_up(home, tmp_path / "disk" / "one").folder, tmp_path / "disk" / "moved"
    made.rename(moved)
    home.forgotten.write_text("{}\n[]\n", "utf-8")
    back_up(home, tmp_path / "disk" / "two")
    [trouble] = note_forgotten(home)
    assert str(made) in trouble
    assert (moved / home.forgotten.name).read_bytes() == home.forgotten.read_bytes()


def test_a_backup_of_another_home_beside_one_is_not_told_what_is_forgotten(
    home: Home, tmp_path: Path
) -> None:
    for each in (home, other := Home(tmp_path / "other")):
        with open_warehouse(each.warehouse, write=True):
            pass
    theirs = back_up(other, tmp_path / "disk" / "one").folder
    back_up(home, tmp_path / "disk" / "two")
    assert note_forgotten(home) == []
    assert not (theirs / home.forgotten.name).exists()


def test_a_backup_that_fails_is_not_missed_later(home: Home, tmp_path: Path) -> None:
    with suppress(RuntimeError), remember_backup(home, f"{tmp_path}/full/one"):
        raise RuntimeError("no space is left")
    assert note_forgotten(home) == []
