"""Fixtures that several test modules use: places where a test may make something."""

from pathlib import Path

import pytest

from tasks.store.connecting import Store
from tests.support.stores import make_folder_store


@pytest.fixture
def warehouse(tmp_path: Path) -> Path:
    """The path of a database that is not there yet."""
    return tmp_path / "home" / "reviews.duckdb"


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """An empty store in a folder."""
    return make_folder_store(tmp_path / "store")
