"""Tests of the flows that back up and verify a home on a schedule."""

import pytest

from data_contracts.errors import ReviewsError
from data_contracts.storage.home import Home
from flows.scheduled import back_up_home, verify_home
from tasks.maintenance.verification import read_verified
from tasks.warehouse.database.warehouse_connection import open_warehouse
from tests.support.scoring_runs import CSV, copy_scored_home

pytestmark = pytest.mark.slow


@pytest.fixture
def home(empty_home: Home) -> Home:
    return copy_scored_home(empty_home, {"a.csv": CSV})


def test_a_scheduled_backup_keeps_as_many_as_the_settings_say(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REVIEWS_KEEP_BACKUPS", "1")
    made = [back_up_home() for _ in range(2)]
    assert [str(path) for path in home.backups.glob("0*.json")] == made[1:]


def test_a_scheduled_check_fails_if_a_promise_is_broken_and_says_when_all_were_kept(home: Home) -> None:
    verify_home()
    assert read_verified(home).checked_at
    with open_warehouse(home.warehouse, write=True) as connection:
        connection.execute("DELETE FROM scored_reviews WHERE row_number = 1")
    with pytest.raises(ReviewsError, match="broken"):
        verify_home()


def test_a_home_without_a_database_has_nothing_to_back_up_or_to_check(empty_home: Home) -> None:
    assert back_up_home() == verify_home() == "There is no database yet."
