"""Tests that a killed backup leaves whole backups alone, and that the next one leaves nothing half."""

from pathlib import Path

import pytest

from data_contracts.storage.faults import FAULT_POINTS
from data_contracts.storage.home import Home
from tasks.snapshots.home_backup import back_up_home
from tasks.snapshots.making import Options
from tasks.snapshots.manifests import list_numbers, read_snapshot
from tasks.snapshots.places import CHUNKS, open_place
from tasks.snapshots.restoring import unpack_snapshot
from tasks.warehouse.database.warehouse_connection import open_warehouse
from tests.support.forked import run_to_fault

pytestmark = pytest.mark.process

POINTS = [point for point in FAULT_POINTS if point.startswith("snapshot: ")]


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A home with a backup, and something new."""
    made = Home(tmp_path / "home")
    with open_warehouse(made.warehouse, write=True):
        pass
    back_up(made.folder)
    with open_warehouse(made.warehouse, write=True) as connection:
        connection.execute("CREATE TABLE more AS SELECT 1 AS number").fetchall()
    return made


def back_up(folder: Path, target: str | None = None) -> str:
    """Back up a home, and delete all other backups of the place."""
    return back_up_home(Home(folder), target, lambda said: None, Options(keep=1))


@pytest.mark.parametrize("point", POINTS)
def test_a_kill_at_any_point_leaves_whole_backups_alone(home: Home, tmp_path: Path, point: str) -> None:
    run_to_fault(point, back_up, home.folder)
    place = open_place(home.backups)
    numbers = sorted(list_numbers(place))
    assert numbers
    for number in numbers:
        unpack_snapshot(place, read_snapshot(place, number), tmp_path, "restored")
    if numbers[-1] == 2:
        assert (tmp_path / "restored").read_bytes() == home.published.read_bytes()


@pytest.mark.parametrize("point", POINTS)
def test_after_a_kill_at_any_point_the_next_backup_leaves_nothing_half(home: Home, point: str) -> None:
    run_to_fault(point, back_up, home.folder)
    made = back_up(home.folder)
    place = open_place(home.backups)
    assert [str(path) for path in home.backups.glob("0*")] == [made]
    named = {name for name, _ in read_snapshot(place, list_numbers(place)[0]).list_chunks()}
    assert {path.name for path in (home.backups / CHUNKS).iterdir()} == named
    assert not [path for path in home.folder.rglob("*.tmp*") if path.name.startswith(".")]


@pytest.mark.parametrize("point", POINTS[:3])
def test_a_place_at_which_the_first_backup_was_killed_is_remembered(
    home: Home, tmp_path: Path, point: str
) -> None:
    run_to_fault(point, back_up, home.folder, str(tmp_path / "usb"))
    assert str(tmp_path / "usb") in home.backups_elsewhere.read_text("utf-8")
