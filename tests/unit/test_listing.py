"""A folder of the home that can't be read is an error, not an empty one; here a file is in its place."""

from collections.abc import Callable
from pathlib import Path

import pytest

from data_contracts.errors import ReviewsError
from data_contracts.storage.home import Home
from data_contracts.storage.listing import list_paths
from deployments.settings import Settings
from flows.command.destinations import read_all_standings
from tasks.delivery.destinations import load_destinations
from tasks.findings.gathering import gather_at_end
from tasks.maintenance.verification import _find_broken_splits
from tasks.snapshots.home_backup import back_up_home
from tasks.sources.catalogue import load_catalogue
from tasks.warehouse.database.warehouse_connection import open_warehouse


def test_the_names_that_match_are_listed_in_order_and_a_missing_folder_has_none(tmp_path: Path) -> None:
    for name in ("b.toml", "a.toml", ".c.toml", "d.csv"):
        (tmp_path / name).touch()
    assert [path.name for path in list_paths(tmp_path, "[!.]*.toml")] == ["a.toml", "b.toml"]
    assert list_paths(tmp_path / "missing", "*") == []


@pytest.mark.parametrize(
    ("folder", "use"),
    [
        ("sources", load_catalogue),
        ("destinations", lambda home: load_destinations(home, {})),
        ("bundles", lambda home: back_up_home(home, None, print)),
        ("sources", lambda home: back_up_home(home, None, print)),
    ],
)
def test_what_is_in_a_folder_that_can_t_be_read_is_not_passed_over(
    tmp_path: Path, folder: str, use: Callable[[Home], object]
) -> None:
    home = Home(tmp_path)
    with open_warehouse(home.warehouse, write=True):
        pass
    (home.folder / folder).touch()
    with pytest.raises((OSError, ReviewsError), match="Not a directory") as raised:
        use(home)
    assert str(home.folder / folder) in str(raised.value)


def test_a_folder_of_destinations_that_can_t_be_read_is_a_finding(tmp_path: Path) -> None:
    settings = Settings(Home(tmp_path))
    settings.home.destinations.touch()
    [standing] = read_all_standings(settings)
    assert standing["error"].startswith(f"{settings.home.destinations}: can't be read (Not a directory)")
    with open_warehouse(settings.home.warehouse, write=False) as connection:
        [found] = gather_at_end(connection, settings.home)
    assert "can't be read (Not a directory)" in found.what


def test_verify_finds_a_folder_of_reviews_that_can_t_be_read(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.reviews.touch()
    [found] = _find_broken_splits(home)
    assert "Not a directory" in found
