"""Tests that a killed backup leaves none by halves, and that the next, of any name, removes what it left."""

from pathlib import Path

import pytest

from data_contracts.storage.faults import FAULT_POINTS
from data_contracts.storage.home import Home
from tasks.backups.making import back_up, drop_older_backups
from tasks.backups.restoring import check_backup, put_database
from tasks.warehouse.database.warehouse_connection import open_warehouse
from tests.support.forked import run_to_fault

pytestmark = pytest.mark.process

POINTS = [point for point in FAULT_POINTS if point.startswith("backup: ")]


@pytest.fixture
def warehouse(tmp_path: Path) -> Path:
    path = tmp_path / "home" / "reviews.duckdb"
    with open_warehouse(path, write=True):
        return path


def back_up_alone(folder: Path, target: Path) -> None:
    """Back up a home, and delete all other backups beside this one."""
    back_up(Home(folder), target)
    drop_older_backups(target.parent, 1)


def kill_backup(warehouse: Path, target: Path, point: str = "backup: pack half written") -> None:
    """Kill a backup at a fault point."""
    run_to_fault(point, back_up_alone, warehouse.parent, target)


def find_left(target: Path) -> Path:
    """Return the folder that a killed backup has left."""
    [left] = target.parent.iterdir()
    assert left != target
    return left


def test_what_a_killed_backup_left_is_removed_by_the_next_of_any_name(
    warehouse: Path, tmp_path: Path
) -> None:
    home = Home(warehouse.parent)
    kill_backup(warehouse, tmp_path / "usb" / "once")
    left = find_left(tmp_path / "usb" / "once")
    back_up(home, tmp_path / "elsewhere" / "another")
    assert not left.exists()
    assert sorted(home.folder.iterdir()) == [home.backed_up_elsewhere, home.backups_elsewhere, warehouse]


def test_what_a_killed_backup_left_on_a_disk_that_is_away_goes_once_it_is_back(
    warehouse: Path, tmp_path: Path
) -> None:
    kill_backup(warehouse, tmp_path / "usb" / "once")
    (tmp_path / "usb").rename(tmp_path / "away")
    back_up(Home(warehouse.parent), tmp_path / "first")
    (tmp_path / "away").rename(tmp_path / "usb")
    back_up(Home(warehouse.parent), tmp_path / "second")
    assert list((tmp_path / "usb").iterdir()) == []


@pytest.mark.parametrize("point", POINTS)
def test_a_kill_at_any_point_leaves_whole_backups_alone(warehouse: Path, tmp_path: Path, point: str) -> None:
    home, backups = Home(warehouse.parent), tmp_path / "backups"
    back_up(home, backups / "reviews-20260101T000000Z")
    kill_backup(warehouse, backups / "reviews-20260102T000000Z", point)
    found = sorted(path for path in backups.iterdir() if not path.name.startswith("."))
    assert found
    for folder in found:
        put_database(folder, check_backup(folder), tmp_path / "restored")
        assert (tmp_path / "restored").read_bytes() == warehouse.read_bytes()


@pytest.mark.parametrize("point", POINTS)
def test_after_a_kill_at_any_point_the_next_backup_leaves_nothing_half(
    warehouse: Path, tmp_path: Path, point: str
) -> None:
    home, backups = Home(warehouse.parent), tmp_path / "backups"
    back_up(home, backups / "reviews-20260101T000000Z")
    kill_backup(warehouse, backups / "reviews-20260102T000000Z", point)
    made = back_up(home, backups / "reviews-20260103T000000Z").folder
    drop_older_backups(backups, 1)
    assert (list(backups.iterdir()), sorted(home.folder.iterdir())) == (
        [made],
        [home.backed_up_elsewhere, home.backups_elsewhere, warehouse],
    )
