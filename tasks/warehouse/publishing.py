"""Replaces the published copy of the database after every run that committed, and finds out whether that is needed.

The copy that is replaced becomes the standby: the next publishing brings it up to date, by the blocks that the database
has changed since, and gives it the name of the published copy. So a publishing costs what is new, not what is there.
Readers never see a half-written copy: a copy that a program has open is never written into.
"""

import errno
import os
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

import duckdb

from data_contracts.errors import WarehouseError
from data_contracts.storage.durable import make_folder, make_temporary, remove, remove_leftovers, write_whole
from data_contracts.storage.faults import pass_fault_point
from data_contracts.storage.home import Home
from tasks.support.locking import hold_folder, lock_file
from tasks.warehouse.database.block_copy import copy_warehouse, is_same_database, is_truncated
from tasks.warehouse.database.duckdb_engine import attach, drop_spilled, take_turn
from tasks.warehouse.database.migrating import name_log
from tasks.warehouse.database.warehouse_connection import open_warehouse
from tasks.warehouse.published import READER_WAIT_SECONDS, require_published

_STATE = """
SELECT 'scored_files', sum(hash(scored_files))::VARCHAR FROM scored_files
UNION ALL SELECT 'promotions', sum(hash(promotions))::VARCHAR FROM promotions
UNION ALL SELECT 'gate_checks', sum(hash(gate_checks))::VARCHAR FROM gate_checks
UNION ALL SELECT 'shadows', sum(hash(shadows))::VARCHAR FROM shadows
UNION ALL SELECT 'shadow_files', sum(hash(shadow_files))::VARCHAR FROM shadow_files
UNION ALL SELECT 'released', (count(released_at), max(released_at))::VARCHAR FROM quarantined_rows
UNION ALL SELECT 'forgotten', count(*)::VARCHAR FROM forgotten_rows
UNION ALL SELECT 'stopped', count(*)::VARCHAR FROM runs WHERE status = 'stopped'
UNION ALL SELECT 'labels', sum(hash(review_labels))::VARCHAR FROM review_labels
UNION ALL SELECT 'findings', sum(hash(number, state, level, what, next))::VARCHAR FROM findings
UNION ALL SELECT 'version', arg_max((version, views_sha256), version)::VARCHAR FROM schema_migrations
"""
"""SQL: rows that differ between two databases if their readers would see different data.

They depend on no timestamp of the copy, so they are also right after a clock change or the restore of a backup. Digests
are summed: of the same change in an even number of rows bit_xor may see nothing. As subqueries of one row they would
take DuckDB seven times as long to plan.
"""
_COUNT_FILES = (
    "SELECT run_id, count(*) FROM scored_files WHERE run_id IS NOT NULL GROUP BY run_id ORDER BY ALL"
)
_ADVICE_BY_ERRNO = {
    errno.ENOTEMPTY: "move that folder away",
    errno.ENOSPC: "free space on that disk",
    errno.EDQUOT: "free space on that disk",
    None: "see that its folder can be written",
}
"""The next step of a user whose copy can't be published, by the error number; None for all other numbers."""


def publish(home: Home) -> None:
    """Replace the published copy by a copy of the database, completely or not at all.

    Raises `WarehouseError` if the copy can't be written or renamed.
    """

    def write(target: BinaryIO) -> int:
        home.fetched.unlink(missing_ok=True)
        copy_warehouse(home.warehouse, target)
        return int(time.time())

    replace_copy(home, write)


def replace_copy(
    home: Home, write: Callable[[BinaryIO], int], when_done: Callable[[], None] = lambda: None
) -> None:
    """Replace the published copy by what `write` makes of the standby or of an empty file, completely or not at all.

    `write` returns the time of the new copy, in seconds; `when_done` is called before another process can replace it.
    Raises `WarehouseError` if it can't be written or renamed.
    """
    published = home.published
    try:
        make_folder(published.parent)
        with hold_folder(published.parent):
            remove_leftovers(published.parent, held=True)
            drop_spilled(published)
            with write_whole(published) as building:
                with _start_copy(home, building) as target:
                    seconds = write(target)
                _sign(building, home.published, seconds)
                pass_fault_point("score: inside publishing")
                if published.is_dir() and not published.is_symlink():
                    published.rmdir()  # succeeds only for an empty folder; another one is an error
                _keep_as_standby(home, building)
                # A log was left by a program that wrote into the old copy; it does not belong to the new one.
                name_log(published).unlink(missing_ok=True)
            when_done()
    except OSError as error:
        what = f"{home.standby}: " if error.filename == str(home.standby) else ""
        raise WarehouseError(
            f"{published}: can't be published ({what}{error.strerror or error}). What was committed stays in the "
            "database, but readers still see the copy before it, if any. "
            f"Next: {_ADVICE_BY_ERRNO.get(error.errno, _ADVICE_BY_ERRNO[None])}; the next run publishes all."
        ) from error


def _start_copy(home: Home, building: Path) -> BinaryIO:
    """Open the file that becomes the next copy, at the path `building`: the standby or, without one, a new file.

    A standby that was changed, that a program reads, that has a second name, or whose time another user alone may set,
    can't be written into: it is removed.
    So it is where the published copy is missing or was changed, since whatever damaged the one may have damaged both.
    From here on the standby has no name but `building`, so that no half-written one is ever taken for whole.
    """
    if is_unchanged(home.published) and is_unchanged(home.standby) and (file := _open_standby(home.standby)):
        found = os.fstat(file.fileno())
        if found.st_nlink == 1 and found.st_uid == os.geteuid() and lock_file(file):
            make_temporary(home.standby, building)
            return file
        file.close()
    remove(home.standby)
    return building.open("w+b")


def _open_standby(standby: Path) -> BinaryIO | None:
    """Open the standby to be written into; return None where its owner has made it read-only."""
    try:
        return standby.open("r+b")
    except PermissionError:
        return None


def _sign(copy: Path, before: Path, seconds: int) -> None:
    """Give a copy the permissions of the one before, and a time of whole seconds, by which `is_unchanged` knows it.

    The owner may read and write it in any case, as the next publishing must.
    """
    if before.is_file():
        copy.chmod(stat.S_IMODE(before.stat().st_mode) | stat.S_IRUSR | stat.S_IWUSR)
    os.utime(copy, (seconds, seconds))


def is_unchanged(copy: Path) -> bool:
    """Return whether nothing was written into a published file since: that leaves a time with parts of a second."""
    return not copy.is_symlink() and copy.is_file() and copy.stat().st_mtime_ns % 1_000_000_000 == 0


def _keep_as_standby(home: Home, building: Path) -> None:
    """Give the present copy a second name, the standby's, which is its only one when the new copy is in its place.

    A copy that was changed is not kept, nor one of a database that was rewritten since, as it has rows that were
    forgotten. Where the file system has no hard links, none is kept.
    """
    if not is_unchanged(home.published):
        return
    with suppress(OSError):
        if is_same_database(home.published, building):
            os.link(home.published, home.standby)
            pass_fault_point("score: standby kept")


def needs_publishing(home: Home) -> bool:
    """Return whether the published copy is missing, damaged, or behind the warehouse.

    A run that was killed between its commit and its publishing leaves an outdated copy behind.
    """
    with open_warehouse(home.warehouse, write=False) as connection:
        newest = _read_state(connection)
    try:
        require_published(home.published)
        with _attach_published(home) as connection:
            # DuckDB may open a file that was truncated.
            return is_truncated(home.published) or _read_state(connection) != newest
    except WarehouseError:
        return True


def list_unpublished_runs(home: Home) -> list[str]:
    """Return the runs that have committed files which the published copy lacks; none without a readable copy."""
    with open_warehouse(home.warehouse, write=False) as connection:
        newest = connection.execute(_COUNT_FILES).fetchall()
    try:
        require_published(home.published)
        with _attach_published(home) as connection:
            published = dict(connection.execute(_COUNT_FILES).fetchall())
    except WarehouseError:
        return []
    return [run_id for run_id, files in newest if files > published.get(run_id, 0)]


@contextmanager
def _attach_published(home: Home) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open the published copy in the engine of the database: to start another one would take longer than all else."""
    with (
        take_turn(home.published, READER_WAIT_SECONDS),
        attach(home.published.absolute(), "READ_ONLY", wait_seconds=READER_WAIT_SECONDS) as connection,
    ):
        yield connection


def _read_state(connection: duckdb.DuckDBPyConnection) -> set[tuple[str, str | None]]:
    """Return what the readers of a database see, in short."""
    return set(connection.execute(_STATE).fetchall())
