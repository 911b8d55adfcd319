"""Commands write anywhere but into what the home keeps."""

from pathlib import Path

import pytest

from data_contracts.errors import UsageError
from deployments.settings import Settings, load_settings
from flows.command.actions.targets import require_free_target, require_no_own_folder


@pytest.fixture
def home(tmp_path: Path) -> Settings:
    settings = load_settings({"REVIEWS_HOME": str(tmp_path / "home")})
    (settings.home / "bundles" / "model").mkdir(parents=True)
    return settings


def test_every_folder_that_the_settings_know_is_kept(home: Settings) -> None:
    known = {getattr(home, name) for name in dir(Settings) if name.endswith("_dir")}
    assert set(home.folders) == known | {home.published.parent}


def test_every_folder_but_its_own_is_refused_with_all_below(home: Settings) -> None:
    allowed = []
    for folder in home.folders:
        for target in (folder / "new", folder / "deeper" / "new"):
            try:
                require_free_target(home, target, home.backups_dir)
                allowed.append(target)
            except UsageError:
                pass
    assert allowed == [home.backups_dir / "new"]


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
def test_the_home_itself_and_its_own_files_are_refused(home: Settings, name: str) -> None:
    with pytest.raises(UsageError, match="Next: name a place outside the home"):
        require_free_target(home, home.home / name, home.exports_dir, or_itself=True)


def test_a_link_into_the_home_is_refused(home: Settings, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").symlink_to(home.bundles_dir)
    with pytest.raises(UsageError, match="lies in `bundles/` of the home"):
        require_free_target(home, tmp_path / "elsewhere" / "model", home.exports_dir)


def test_a_folder_of_the_home_that_is_a_link_is_refused_by_its_other_name(
    home: Settings, tmp_path: Path
) -> None:
    (tmp_path / "drop").mkdir()
    home.inbox_dir.symlink_to(tmp_path / "drop")
    with pytest.raises(UsageError, match="lies in `inbox/` of the home"):
        require_free_target(home, tmp_path / "drop" / "new", home.exports_dir)


@pytest.mark.parametrize("name", ["..", "../new", "mine", "mine/new", "exports", "exports/new"])
def test_what_is_not_kept_may_be_written(home: Settings, name: str) -> None:
    require_free_target(home, home.home / name, home.exports_dir, or_itself=True)


@pytest.mark.parametrize(
    "name", ["", "bundles", "reviews/train.parquet", "prefect/password", "inbox/../parts"]
)
def test_what_the_home_keeps_for_itself_is_not_read_as_reviews(home: Settings, name: str) -> None:
    with pytest.raises(UsageError, match="not new reviews"):
        require_no_own_folder(home, [home.home / name])


def test_files_of_the_inbox_and_of_elsewhere_are_read_as_reviews(home: Settings, tmp_path: Path) -> None:
    require_no_own_folder(
        home, [home.inbox_dir / "a.csv", home.scored_dir, tmp_path / "b.csv", home.home / "mine"]
    )
