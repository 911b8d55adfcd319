"""A database in memory for the contracts that are held against views."""

from collections.abc import Iterator

import pytest
from duckdb import DuckDBPyConnection as Connection

from tests.support.databases import borrow_tables


@pytest.fixture
def database() -> Iterator[Connection]:
    """A database in memory with the present tables and views, all empty."""
    with borrow_tables() as made:
        yield made
