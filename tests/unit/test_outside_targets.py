"""Tests that commands refuse to write into the home's own files."""

from pathlib import Path

import pytest

from data_contracts.errors import UsageError
from data_contracts.storage.home import Home
from tasks.support.outside_targets import require_free_target, require_no_own_folder


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path / "home")
    (home.bundles / "model").mkdir(parents=True)
    return home


def test_every_folder_that_the_home_names_is_kept(home: Home) -> None:
    named = {path for name in vars(Home) if name[0] != "_" and isinstance(path := getattr(home, name), Path)}
    files = {home.warehouse, home.published, home.standby, home.fetched}
    files |= {home.upload_trouble, home.forgotten, home.backups_elsewhere, home.backed_up_elsewhere}
    files |= {home.verified, home.id_file, home.titles}
    folders = named - files
    # The folder of labels is kept with the inbox that it lies in.
    assert set(home.folders) == folders - {home.labels} | {home.published.parent}


def test_every_folder_but_its_own_is_refused_with_all_below(home: Home) -> None:
    allowed = []
    for folder in home.folders:
        for target in (folder / "new", folder / "deeper" / "new"):
            try:
                require_free_target(home, target, home.backups)
                allowed.append(target)
            except UsageError:
                pass
    assert allowed == [home.backups / "new"]


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "bundles",
        "other/../bundles/new",
        "../home/parts",
        "reviews.duckdb",
        "reviews.duckdb.wal",
        ".tmp",
    ],
)
def test_the_home_itself_and_its_own_files_are_refused(home: Home, name: str) -> None:
    with pytest.raises(UsageError, match="Next: name a place outside the home"):
        require_free_target(home, home.folder / name, home.exports, or_itself=True)


def test_a_link_into_the_home_is_refused(home: Home, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").symlink_to(home.bundles)
    with pytest.raises(UsageError, match="lies in `bundles/` of the home"):
        require_free_target(home, tmp_path / "elsewhere" / "model", home.exports)


def test_a_folder_of_the_home_that_is_a_link_is_refused_by_its_other_name(home: Home, tmp_path: Path) -> None:
    (tmp_path / "drop").mkdir()
    home.inbox.symlink_to(tmp_path / "drop")
    with pytest.raises(UsageError, match="lies in `inbox/` of the home"):
        require_free_target(home, tmp_path / "drop" / "new", home.exports)


@pytest.mark.parametrize("name", ["..", "../new", "mine", "mine/new", "exports", "exports/new"])
def test_what_is_not_kept_may_be_written(home: Home, name: str) -> None:
    require_free_target(home, home.folder / name, home.exports, or_itself=True)


@pytest.mark.parametrize(
    "name", ["", "bundles", "reviews/train.parquet", "prefect/password", "inbox/../parts"]
)
def test_what_the_home_keeps_for_itself_is_not_read_as_reviews(home: Home, name: str) -> None:
    with pytest.raises(UsageError, match="not new reviews"):
        require_no_own_folder(home, [home.folder / name])


def test_files_of_the_inbox_and_of_elsewhere_are_read_as_reviews(home: Home, tmp_path: Path) -> None:
    require_no_own_folder(home, [home.inbox / "a.csv", home.scored, tmp_path / "b.csv", home.folder / "mine"])
