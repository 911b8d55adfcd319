"""What another process commits while a database is opened is neither missed nor lost."""

import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import duckdb
import pytest

from tasks.warehouse.database.waiting_for_file import connect_when_free
from tasks.warehouse.database.warehouse_connection import open_warehouse

Connect = Callable[[], duckdb.DuckDBPyConnection]
OPENER = """
import sys
from pathlib import Path
from tasks.warehouse.database.warehouse_connection import open_warehouse
with open_warehouse(Path(sys.argv[1]), write=True) as connection:
    connection.execute("CREATE TABLE late (number INTEGER)")
"""


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """A database with one table of one row."""
    path = tmp_path / "any.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute("CREATE TABLE numbers AS SELECT 1 AS number")
    return path


def commit(path: Path) -> None:
    """Commit a row as another process would."""
    with duckdb.connect(str(path)) as connection:
        connection.execute("INSERT INTO numbers VALUES (2)")


def swap(path: Path) -> None:
    """Put another file with the same content in the place of the database."""
    shutil.copy(path, path.with_suffix(".new"))
    path.with_suffix(".new").replace(path)


def change_first(change: Callable[[Path], None], path: Path, then: Connect) -> tuple[Connect, list[Path]]:
    """Return a `connect` before whose first call the database changes, and the paths it was called for, so far."""
    calls: list[Path] = []

    def connect() -> duckdb.DuckDBPyConnection:
        calls.append(path)
        if len(calls) == 1:
            change(path)
            return then()
        return duckdb.connect(str(path))

    return connect, calls


def fail() -> duckdb.DuckDBPyConnection:
    raise duckdb.IOException("No more data remaining in MetadataReader")


@pytest.mark.parametrize("change", [commit, swap])
@pytest.mark.parametrize("then", [duckdb.connect, fail])
def test_a_database_that_changed_while_it_was_opened_is_opened_again(
    database: Path, change: Callable[[Path], None], then: Connect
) -> None:
    connect, calls = change_first(change, database, then)
    with ExitStack() as until_closed, connect_when_free(database, connect, 10, until_closed) as connection:
        rows = connection.execute("SELECT count(*) FROM numbers").fetchall()
    assert (len(calls), rows) == (2, [(2 if change is commit else 1,)])


def test_the_error_of_a_database_that_did_not_change_is_raised_at_once(database: Path) -> None:
    connect, calls = change_first(lambda path: None, database, fail)
    with ExitStack() as until_closed, pytest.raises(duckdb.IOException, match="No more data"):
        connect_when_free(database, connect, 10, until_closed)
    assert len(calls) == 1


@pytest.mark.process
@pytest.mark.slow
def test_a_commit_between_what_duckdb_reads_and_its_lock_is_not_lost(tmp_path: Path) -> None:
    path, log = tmp_path / "reviews.duckdb", tmp_path / "calls"
    with open_warehouse(path, write=True):
        pass
    late = subprocess.Popen([*hold_locks(path, log), sys.executable, "-c", OPENER, str(path)])
    wait_for_lock(late, log)
    with open_warehouse(path, write=True) as connection:
        connection.execute("CREATE TABLE early (number INTEGER)")
    assert late.wait(60) == 0
    with open_warehouse(path, write=False) as connection:
        tables = {name for (name,) in connection.execute("SELECT table_name FROM duckdb_tables()").fetchall()}
    assert {"early", "late"} <= tables


def hold_locks(path: Path, log: Path) -> list[str]:
    """Return the words before a command that make its locks of a file wait for two seconds, and log them."""
    if shutil.which("strace") is None:
        pytest.skip("strace is not installed")
    delay = "inject=fcntl:delay_enter=2000000:when=1"
    return ["strace", "-f", "-o", str(log), "-P", str(path), "-e", "trace=openat,fcntl", "-e", delay]


def wait_for_lock(process: "subprocess.Popen[bytes]", log: Path) -> None:
    """Wait until a traced process has opened its database for the second time, to lock it."""
    deadline = time.monotonic() + 60
    while not log.exists() or "O_RDWR" not in log.read_text():
        if process.poll() is not None:
            pytest.skip("strace may not trace a process here")
        assert time.monotonic() < deadline
        time.sleep(0.02)
