"""Tests of backups in an object store, a folder at a file:// URI: whole or none, each file uploaded once, checked."""

import json
from pathlib import Path

import pytest

from data_contracts.errors import ReviewsError, UsageError
from data_contracts.storage.home import Home
from tasks.backups import in_store
from tasks.backups.home_backup import back_up_home, restore_home
from tasks.backups.in_store import OBJECTS, fetch_backup, upload_backup
from tasks.backups.making import back_up
from tasks.backups.manifests import MANIFEST
from tasks.maintenance.forgetting import ForgetRequest
from tasks.maintenance.forgetting_everywhere import forget_everywhere
from tests.support.exported_homes import add, make_home
from tests.support.small_home import ask


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return make_home(tmp_path / "home")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder of the store."""
    made = tmp_path / "stored"
    made.mkdir()
    return made


def upload(home: Home, folder: Path, name: str = "one", *, full: bool = False) -> str:
    """Back up, upload, and return the URI of the backup."""
    return upload_backup(back_up(home, home.backups / name).folder, f"file://{folder}", full).uri


def count(home: Home) -> int:
    return int(ask(home.warehouse, "select count(*) from scored_files")[0][0])


def quiet(said: str) -> None:
    pass


@pytest.mark.slow
def test_a_home_is_restored_from_a_store_on_another_machine(home: Home, folder: Path, tmp_path: Path) -> None:
    said: list[str] = []
    back_up_home(home, f"file://{folder}", said.append)
    other = Home(tmp_path / "other")
    restore_home(other, said[-1].split()[-1], said.append)
    assert count(other) == count(home) == 1
    assert not any(path.is_file() for path in other.uploads.rglob("*"))


@pytest.mark.slow
def test_a_backup_in_a_store_is_told_what_is_forgotten_later(
    home: Home, folder: Path, tmp_path: Path
) -> None:
    said: list[str] = []
    back_up_home(home, f"file://{folder}", said.append)
    [(sha,)] = ask(home.warehouse, "select source_sha256 from scored_files")
    forget_everywhere(home, ForgetRequest(sha, "file", "ann"), quiet)
    other = Home(tmp_path / "other")
    restore_home(other, said[-1].split()[-1], said.append)
    assert ask(other.warehouse, "select count(*) from source_reviews") == [(0,)]
    assert ask(other.warehouse, "select forgotten_by from forgotten_rows limit 1") == [("ann",)]


@pytest.mark.slow
def test_a_later_backup_uploads_only_what_the_store_lacks(home: Home, folder: Path) -> None:
    upload(home, folder)
    first = {path.name for path in (folder / OBJECTS).iterdir()}
    add(home, "b.csv", [{}])
    done = upload_backup(back_up(home, home.backups / "two").folder, f"file://{folder}")
    assert 0 < done.uploaded < done.bytes
    assert first < {path.name for path in (folder / OBJECTS).iterdir()}
    with fetch_backup(home, f"file://{folder}/one"), fetch_backup(home, done.uri):
        pass


def test_a_backup_whose_upload_was_killed_is_none(
    home: Home, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.delattr(in_store, "put_if_absent")
        with pytest.raises(NameError):
            upload(home, folder)
    with pytest.raises(UsageError, match="no backup"), fetch_backup(home, f"file://{folder}/one"):
        pass


@pytest.mark.parametrize("damage", ["cut", "other", "missing"])
def test_a_damaged_object_is_named_and_nothing_restored(home: Home, folder: Path, damage: str) -> None:
    uri = upload(home, folder)
    path = max((folder / OBJECTS).iterdir(), key=lambda path: path.stat().st_size)
    content = path.read_bytes()
    path.unlink()
    if damage != "missing":
        path.write_bytes(content[:-1] if damage == "cut" else content[:-1] + b"x")
    before = home.warehouse.read_bytes()
    with pytest.raises(ReviewsError, match=rf"{path.name}: .*damaged"):
        restore_home(home, uri, quiet)
    assert home.warehouse.read_bytes() == before


def test_a_full_backup_mends_what_is_damaged_in_the_store(home: Home, folder: Path) -> None:
    upload(home, folder)
    path = max((folder / OBJECTS).iterdir(), key=lambda path: path.stat().st_size)
    path.write_bytes(b"x" * path.stat().st_size)
    uri = upload(home, folder, "two", full=True)
    with fetch_backup(home, uri):
        pass


def test_a_backup_that_is_damaged_on_disk_is_not_uploaded(home: Home, folder: Path) -> None:
    made = back_up(home, home.backups / "one").folder
    [pack] = made.glob("packs/*")
    pack.write_bytes(b"x" * pack.stat().st_size)
    with pytest.raises(ReviewsError, match="damaged"):
        upload_backup(made, f"file://{folder}")
    assert not list(folder.rglob(MANIFEST))


@pytest.mark.parametrize("name", ["../../evil", "/tmp/evil", ""])
def test_a_manifest_that_names_files_elsewhere_is_refused(home: Home, folder: Path, name: str) -> None:
    uri = upload(home, folder)
    manifest = folder / "one" / MANIFEST
    content = json.loads(manifest.read_text("utf-8"))
    content["files"] = {name: next(iter(content["files"].values()))}
    manifest.write_text(json.dumps(content), "utf-8")
    with pytest.raises(ReviewsError, match="no backup has"), fetch_backup(home, uri):
        pass


@pytest.mark.slow
def test_two_backups_of_one_name_do_not_replace_each_other(home: Home, folder: Path) -> None:
    upload(home, folder)
    content = (folder / "one" / MANIFEST).read_bytes()
    add(home, "b.csv", [{}])
    made = back_up(home, home.folder / "elsewhere" / "one").folder
    with pytest.raises(UsageError, match="another home"):
        upload_backup(made, f"file://{folder}")
    assert (folder / "one" / MANIFEST).read_bytes() == content


def test_the_backups_of_a_folder_are_named_where_one_was_expected(home: Home, folder: Path) -> None:
    upload(home, folder, "reviews-20261124T063000Z")
    with (
        pytest.raises(UsageError, match="reviews-20261124T063000Z"),
        fetch_backup(home, f"file://{folder}"),
    ):
        pass
