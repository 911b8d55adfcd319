"""Tests of the backups outside a home that are told what is forgotten: which are remembered, and for how long."""

import json
from pathlib import Path
from unittest.mock import Mock

import pytest

from data_contracts.errors import ReviewsError, StoreError, UsageError
from data_contracts.storage.home import Home
from tasks.snapshots.forgotten_beside import give_up_places, note_forgotten
from tasks.snapshots.home_backup import back_up_home
from tasks.snapshots.making import Options
from tasks.snapshots.ownership import claim
from tasks.snapshots.places import FolderPlace, open_place
from tasks.warehouse.database.warehouse_connection import open_warehouse


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A home in which something was forgotten."""
    made = Home(tmp_path / "home")
    made.folder.mkdir()
    made.forgotten.write_text("{}\n", "utf-8")
    return made


def ignore(said: str) -> None:
    pass


def remember(home: Home, *places: object) -> None:
    """Note places, as if backups had been made there."""
    home.backups_elsewhere.write_text(json.dumps({str(place): 0 for place in places}), "utf-8")


def add_backup(home: Home, folder: Path) -> None:
    """Make a folder a place of a home."""
    claim(home, open_place(folder))


def test_a_backup_whose_disk_is_away_is_named_with_how_to_give_it_up_and_its_disk_left_as_it_is(
    home: Home, tmp_path: Path
) -> None:
    away = tmp_path / "disk" / "backups" / "one"
    remember(home, away)
    for _ in range(2):
        [trouble] = note_forgotten(home)
        assert f"reviews backup --gone {away}" in trouble
    assert not (tmp_path / "disk").exists()


def test_backups_at_a_place_that_are_gone_for_good_can_be_given_up_and_those_that_are_there_not(
    home: Home, tmp_path: Path
) -> None:
    disk, other = tmp_path / "disk", str(tmp_path / "disk of others" / "one")
    add_backup(home, disk / "kept")
    remember(home, disk / "kept", disk / "gone", f"file://{disk}/kept", f"file://{disk}/gone", other)
    assert give_up_places(home, str(disk)) == [f"{disk}/gone"]
    assert give_up_places(home, f"file://{disk}/") == [f"file://{disk}/gone"]
    with pytest.raises(UsageError, match="no backup that is gone"):
        give_up_places(home, f"{disk}/kept")
    kept = [f"{disk}/kept", f"file://{disk}/kept", other]
    assert list(json.loads(home.backups_elsewhere.read_text("utf-8"))) == kept


@pytest.mark.parametrize("scheme", ["", "file://"])
def test_backups_that_were_away_when_something_was_forgotten_are_named_and_told_once_they_are_back(
    home: Home, tmp_path: Path, scheme: str
) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()  # as the empty folder that a disk is mounted on
    remember(home, f"{scheme}{disk}/one", f"{scheme}{disk}/two")
    troubles = note_forgotten(home)
    for name, trouble in zip(("one", "two"), troubles, strict=True):
        assert f"a restore of {scheme}{disk}/{name} could" in trouble
        add_backup(home, disk / name)
    assert note_forgotten(home) == []
    told = [path.read_bytes() for path in disk.glob(f"*/{home.forgotten.name}")]
    assert told == [home.forgotten.read_bytes()] * 2


def test_a_backup_that_has_all_that_is_forgotten_is_not_looked_for_again(home: Home, tmp_path: Path) -> None:
    add_backup(home, tmp_path / "disk" / "one")
    remember(home, tmp_path / "disk" / "one")
    note_forgotten(home)
    (tmp_path / "disk").rename(tmp_path / "away")
    assert note_forgotten(home) == []


def test_a_place_that_was_moved_is_told_again_with_the_next_backup_there(home: Home, tmp_path: Path) -> None:
    with open_warehouse(home.warehouse, write=True):
        pass
    made, moved = tmp_path / "disk" / "one", tmp_path / "disk" / "moved"
    back_up_home(home, made, ignore)
    made.rename(moved)
    home.forgotten.write_text("{}\n[]\n", "utf-8")
    said = list[str]()
    back_up_home(home, moved, said.append)
    assert f"reviews backup --gone {made}" in said[-1]
    assert (moved / home.forgotten.name).read_bytes() == home.forgotten.read_bytes()


def test_a_place_that_another_home_has_taken_over_is_not_told_what_is_forgotten(
    home: Home, tmp_path: Path
) -> None:
    for each in (home, other := Home(tmp_path / "other")):
        with open_warehouse(each.warehouse, write=True):
            pass
        back_up_home(each, tmp_path / "disk", ignore, Options(take_over=True))
    (tmp_path / "disk" / home.forgotten.name).unlink()
    home.forgotten.write_text("{}\n[]\n", "utf-8")
    assert note_forgotten(home) == note_forgotten(other) == []
    assert not (tmp_path / "disk" / home.forgotten.name).exists()


def test_a_backup_of_an_earlier_version_is_told_too(home: Home, tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "disk" / "manifest.json").touch()
    home.backups_elsewhere.write_text(json.dumps([str(tmp_path / "disk")]), "utf-8")
    assert note_forgotten(home) == []
    assert (tmp_path / "disk" / home.forgotten.name).read_bytes() == home.forgotten.read_bytes()


@pytest.mark.parametrize("scheme", ["", "file://"])
def test_a_backup_that_fails_is_not_missed_later(home: Home, tmp_path: Path, scheme: str) -> None:
    with open_warehouse(home.warehouse, write=True):
        pass
    (tmp_path / "full").touch()
    with pytest.raises(ReviewsError):
        back_up_home(home, f"{scheme}{tmp_path}/full/one", ignore)
    assert note_forgotten(home) == []


def test_a_place_that_does_not_answer_is_not_missed_later(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_warehouse(home.warehouse, write=True):
        pass
    monkeypatch.setattr(FolderPlace, "read", Mock(side_effect=StoreError("no such bucket")))
    with pytest.raises(StoreError):
        back_up_home(home, tmp_path / "misspelt", ignore)
    assert note_forgotten(home) == []
