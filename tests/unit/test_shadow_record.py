"""Tests of the record of the shadow: one at a time, started, changed, stopped, ended by itself or by its promotion."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from data_contracts.errors import UsageError
from tasks.warehouse.database.warehouse_connection import open_warehouse
from tasks.warehouse.shadow.record import (
    Shadow,
    ShadowStart,
    find_last_shadow,
    find_shadow,
    note_trouble,
    start_shadow,
    stop_shadow,
)
from tests.support.promoting import promote_model
from tests.unit.view_tables import add_model

TOMORROW = datetime.now(UTC) + timedelta(days=1)


@pytest.fixture
def warehouse(tmp_path: Path) -> Path:
    """A database with three models, of which the first is the champion."""
    path = tmp_path / "home" / "reviews.duckdb"
    with open_warehouse(path, write=True) as connection:
        for model_id in ("a", "b", "c"):
            add_model(connection, model_id)
    promote_model(path, "a", "first")
    return path


def start(warehouse: Path, model_id: str = "b", until: datetime | None = TOMORROW) -> Shadow:
    start_shadow(warehouse, ShadowStart(model_id, "ann", until))
    last = find_last_shadow(warehouse)
    assert last is not None
    return last


def test_without_a_database_there_is_no_shadow_and_none_is_made(tmp_path: Path) -> None:
    assert find_shadow(tmp_path / "reviews.duckdb") is None
    assert list(tmp_path.iterdir()) == []


def test_a_second_model_can_not_be_the_shadow_too(warehouse: Path) -> None:
    start(warehouse)
    with pytest.raises(UsageError, match="there is one at a time"):
        start(warehouse, "c")


def test_a_stopped_shadow_is_over_and_another_model_can_be_one(warehouse: Path) -> None:
    start(warehouse)
    assert stop_shadow(warehouse, "bob") is not None
    assert find_shadow(warehouse) is None
    assert stop_shadow(warehouse, "bob") is None
    assert start(warehouse, "c").number == 2


def test_a_shadow_ends_by_itself_when_its_time_is_over(warehouse: Path) -> None:
    start(warehouse, until=datetime.now(UTC) - timedelta(seconds=1))
    assert find_shadow(warehouse) is None
    assert start(warehouse, "c").is_on


@pytest.mark.slow
def test_a_shadow_that_becomes_the_champion_is_one_no_more_even_after_a_rollback(warehouse: Path) -> None:
    start(warehouse)
    promote_model(warehouse, "c", "better")
    assert find_shadow(warehouse) is not None
    promote_model(warehouse, "b", "better still")
    promote_model(warehouse, "c", "no, it is not")
    last = find_last_shadow(warehouse)
    assert last is not None
    assert (last.is_on, last.ended_by) == (False, "promotion")


@pytest.mark.slow
def test_trouble_is_news_once_and_so_is_its_end(warehouse: Path) -> None:
    noted = [
        note_trouble(warehouse, start(warehouse), trouble) for trouble in (None, "gone", "gone", "torn", None)
    ]
    assert noted == [False, True, False, True, True]
    last = find_last_shadow(warehouse)
    assert last is not None
    assert (last.trouble, last.trouble_since) == (None, None)
