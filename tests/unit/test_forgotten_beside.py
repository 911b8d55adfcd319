"""Tests of the backups outside a home that are told what is forgotten: which are remembered, and for how long."""

import json
from pathlib import Path

import pytest

from data_contracts.errors import UsageError
from data_contracts.storage.home import Home
from tasks.backups.forgotten_beside import give_up_backups, note_forgotten, remember_backup
from tasks.backups.manifests import MANIFEST


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A home in which something was forgotten."""
    made = Home(tmp_path / "home")
    made.folder.mkdir()
    made.forgotten.write_text("{}\n", "utf-8")
    return made


def test_a_backup_whose_disk_is_away_is_named_with_how_to_give_it_up_and_its_disk_left_as_it_is(
    home: Home, tmp_path: Path
) -> None:
    away = tmp_path / "disk" / "backups" / "one"
    remember_backup(home, str(away))
    for _ in range(2):
        [trouble] = note_forgotten(home)
        assert f"reviews backup --gone {away}" in trouble
    assert not (tmp_path / "disk").exists()


def test_backups_at_a_place_that_are_gone_for_good_can_be_given_up_and_those_that_are_there_not(
    home: Home, tmp_path: Path
) -> None:
    disk, other = tmp_path / "disk", str(tmp_path / "disk of others" / "one")
    (disk / "kept").mkdir(parents=True)
    (disk / "kept" / MANIFEST).touch()
    for place in (disk / "kept", disk / "gone", f"file://{disk}/kept", f"file://{disk}/gone", other):
        remember_backup(home, str(place))
    assert give_up_backups(home, str(disk)) == [f"{disk}/gone"]
    assert give_up_backups(home, f"file://{disk}/") == [f"file://{disk}/gone"]
    with pytest.raises(UsageError, match="no backup that is gone"):
        give_up_backups(home, f"{disk}/kept")
    assert json.loads(home.backups_elsewhere.read_text("utf-8")) == [
        f"{disk}/kept",
        f"file://{disk}/kept",
        other,
    ]
