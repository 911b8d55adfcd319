"""Tests that the next backup, of any name, removes the files of a killed one."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from data_contracts.storage.home import Home
from deployments.settings import PROJECT_ROOT
from tasks.maintenance.backups import back_up
from tasks.warehouse.connection import open_warehouse

pytestmark = pytest.mark.process

DIE_WHILE_COPYING = """
import os, signal, sys
from pathlib import Path
from data_contracts.storage.home import Home
from tasks.maintenance import backups
backups.copy_warehouse = lambda warehouse, file: os.kill(os.getpid(), signal.SIGKILL)
warehouse, target = map(Path, sys.argv[1:])
backups.back_up(Home(warehouse.parent), target)
"""


@pytest.fixture
def warehouse(tmp_path: Path) -> Path:
    path = tmp_path / "home" / "reviews.duckdb"
    with open_warehouse(path, write=True):
        return path


def kill_backup(warehouse: Path, target: Path) -> Path:
    """Kill a backup while it writes; return the folder that it leaves."""
    command = [sys.executable, "-c", DIE_WHILE_COPYING, str(warehouse), str(target)]
    killed = subprocess.run(command, cwd=PROJECT_ROOT, capture_output=True, check=False)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    [left] = target.parent.iterdir()
    assert left != target
    return left


def test_what_a_killed_backup_left_is_removed_by_the_next_of_any_name(
    warehouse: Path, tmp_path: Path
) -> None:
    left = kill_backup(warehouse, tmp_path / "usb" / "once")
    back_up(Home(warehouse.parent), tmp_path / "elsewhere" / "another")
    assert not left.exists()
    assert list(warehouse.parent.iterdir()) == [warehouse]


def test_what_a_killed_backup_left_on_a_disk_that_is_away_goes_once_it_is_back(
    warehouse: Path, tmp_path: Path
) -> None:
    kill_backup(warehouse, tmp_path / "usb" / "once")
    (tmp_path / "usb").rename(tmp_path / "away")
    back_up(Home(warehouse.parent), tmp_path / "first")
    (tmp_path / "away").rename(tmp_path / "usb")
    back_up(Home(warehouse.parent), tmp_path / "second")
    assert list((tmp_path / "usb").iterdir()) == []
