"""Records every flow run: one row in `runs`, and the result of every check in `contract_results`.

Each is committed by itself, so that the records of a failed run remain. A run that was killed can't record its end: the
next one does, which sees that nobody holds its lock.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from data_contracts.errors import ReviewsError, WarehouseError
from data_contracts.storage.home import Home
from tasks.support.code_version import name_code_version
from tasks.support.locking import hold_folder, is_held
from tasks.warehouse.database.warehouse_connection import WAIT_SECONDS, open_warehouse

if TYPE_CHECKING:
    from data_contracts.expectations import CheckResult

_START_RUN = """
INSERT INTO runs (run_id, flow, parameters, code_version, started_at, status)
VALUES (?, ?, ?, ?, now(), 'running')
ON CONFLICT (run_id) DO UPDATE SET
    parameters = excluded.parameters, code_version = excluded.code_version, status = 'running',
    ended_at = NULL, counts = NULL
"""
_FIND_RUNNING = """
SELECT run_id, flow, strftime(make_timestamp(epoch_us(started_at)), '%Y-%m-%dT%H:%M:%S+00:00') FROM runs
WHERE status = 'running' ORDER BY started_at
"""
_FIND_STOPPED = """
SELECT run_id FROM runs WHERE flow = $flow AND status = 'stopped' AND started_at > coalesce(
    (SELECT max(started_at) FROM runs WHERE flow = $flow AND status IN ('completed', 'failed')), '-infinity'
)
"""
_STOP = "UPDATE runs SET status = 'stopped' WHERE status = 'running' AND run_id = ANY($run_ids::VARCHAR[])"
_CHECKS_SCHEMA = pa.schema(
    [
        ("run_id", pa.string()),
        ("boundary", pa.string()),
        ("source_sha256", pa.string()),
        ("rule", pa.string()),
        ("expectation", pa.string()),
        ("columns", pa.string()),
        ("severity", pa.string()),
        ("success", pa.bool_()),
        ("observed", pa.string()),
        ("expected", pa.string()),
        ("unexpected_count", pa.int64()),
        ("checked_at", pa.timestamp("us", tz="UTC")),
        ("source", pa.string()),
    ]
)


def start_run(
    warehouse: Path, run_id: str, flow: str, parameters: Mapping[str, Any], code_version: str | None
) -> list[tuple[str, str, str]]:
    """Record that a flow run started; return the id, flow and start of all runs that are recorded as running.

    A retried run updates its row and keeps its first start time.
    """
    row = [run_id, flow, json.dumps(dict(parameters), default=str), code_version]
    with open_warehouse(warehouse, write=True) as connection:
        connection.execute(_START_RUN, row)
        return connection.execute(_FIND_RUNNING).fetchall()


def end_run(warehouse: Path, run_id: str, status: str, counts: Mapping[str, int | str]) -> None:
    """Record the status of a started run at its end, 'completed' or 'failed', and its `counts` by name.

    Raises `WarehouseError` if the run was never started.
    """
    query = "UPDATE runs SET ended_at = now(), status = ?, counts = ? WHERE run_id = ?"
    with open_warehouse(warehouse, write=True) as connection:
        changed = connection.execute(query, [status, json.dumps(dict(counts)), run_id]).fetchall()
    if changed != [(1,)]:
        raise WarehouseError(f"{warehouse}: run {run_id!r} was never started, so it can't end.")


@dataclass(frozen=True)
class Run:
    """A run in progress. The code of the run fills `counts`, which are recorded at its end."""

    home: Home
    run_id: str
    flow: str = ""
    killed: tuple[tuple[str, str, str], ...] = ()
    """The id, flow and start of each run before it that this one has recorded as stopped."""
    counts: dict[str, int | str] = field(default_factory=dict)


@contextmanager
def record_run(home: Home, run_id: str, flow: str, parameters: Mapping[str, Any]) -> Iterator[Run]:
    """Record the start of a run, yield it, and record at the end of the block whether it completed or failed.

    Runs before it that were killed are recorded as stopped.
    """
    with _hold_run(home, run_id):
        running = start_run(home.warehouse, run_id, flow, parameters, name_code_version())
        run = Run(home, run_id, flow, _record_stopped(home, running))
        try:
            yield run
        except BaseException:
            # The error of the block must not be hidden by an error of its record.
            with suppress(ReviewsError):
                end_run(home.warehouse, run_id, "failed", run.counts)
            raise
        end_run(home.warehouse, run_id, "completed", run.counts)


@contextmanager
def _hold_run(home: Home, run_id: str) -> Iterator[None]:
    """Hold the lock of a run while the block runs; the system frees it if the process is killed."""
    folder = home.running / run_id
    folder.mkdir(parents=True, exist_ok=True)
    with hold_folder(folder):
        try:
            yield
        finally:
            _remove_lock(folder)


def list_killed(home: Home, wait_seconds: float = WAIT_SECONDS) -> list[dict[str, str]]:
    """Return run_id, flow and started_at of the runs that were killed, and which no later run has recorded as such."""
    if not home.warehouse.exists():
        return []
    with open_warehouse(home.warehouse, write=False, wait_seconds=wait_seconds) as connection:
        running = connection.execute(_FIND_RUNNING).fetchall()
    found = [dict(zip(("run_id", "flow", "started_at"), run, strict=True)) for run in running]
    return [run for run in found if not _goes_on(home, run["run_id"])]


def list_stopped(run: Run) -> list[str]:
    """Return the runs of the same flow that were killed since the last one that recorded its end."""
    if not run.killed:
        return []
    with open_warehouse(run.home.warehouse, write=False) as connection:
        return [run_id for (run_id,) in connection.execute(_FIND_STOPPED, {"flow": run.flow}).fetchall()]


def _record_stopped(home: Home, running: Sequence[tuple[str, str, str]]) -> tuple[tuple[str, str, str], ...]:
    """Record and return those of the `running` runs as stopped whose process ended without recording how.

    It was killed, or the machine went down.
    """
    killed = tuple(each for each in running if not _goes_on(home, each[0]))
    stopped = [run_id for run_id, *_ in killed]
    if stopped:  # the status is looked at again: one of them may just have ended well
        with open_warehouse(home.warehouse, write=True) as connection:
            connection.execute(_STOP, {"run_ids": stopped})
        for run_id in stopped:
            _remove_lock(home.running / run_id)
    return killed


def _goes_on(home: Home, run_id: str) -> bool:
    """Return whether a process holds the lock of a run."""
    try:
        return is_held(home.running / run_id)
    except OSError:
        return False  # without a lock the run has ended, or is of an earlier version of this program


def _remove_lock(folder: Path) -> None:
    """Remove the folder by which a run is locked, if it is there and empty."""
    with suppress(OSError):
        folder.rmdir()


def record_checks(run: Run, results: Sequence["CheckResult"]) -> None:
    """Record the result of each check, passed or not, one row each."""
    if not results:
        return
    with open_warehouse(run.home.warehouse, write=True) as connection:
        connection.register("checks", make_check_rows(run.run_id, results))
        connection.execute("INSERT INTO contract_results BY NAME FROM checks")


def make_check_rows(run_id: str, results: Sequence["CheckResult"]) -> pa.Table:
    """Return the results of checks, made just now, as rows of `contract_results`."""
    columns = {
        name: [getattr(result, name) for result in results]
        for name in _CHECKS_SCHEMA.names
        if name not in ("run_id", "checked_at")
    }
    constant = {"run_id": [run_id] * len(results), "checked_at": [datetime.now(UTC)] * len(results)}
    return pa.table({**columns, **constant}, schema=_CHECKS_SCHEMA)
