"""Replacements in the exploring process: no Prefect server, a controlled clock, and kills at chosen points.

All other code is the program's own. Only for a process that does nothing but run commands: it patches modules.
"""

import datetime as clock
import logging
import os
import signal
import sys
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any
from uuid import uuid4

import duckdb

_PRODUCT = ("flows", "tasks", "models", "data_contracts", "deployments")
_FIRST_TICK = clock.timedelta(milliseconds=100)
"""How far the clock goes on each time that it is asked, so that a run may go past midnight."""
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC


def leave_prefect_out() -> None:
    """Replace flows and tasks by their plain functions, and discard what they show on Prefect's pages."""
    from prefect import Task

    from data_contracts.rules_and_limits import RowLimits
    from deployments.settings import Settings
    from flows import alerts, group_loop, recording, score_reviews
    from models.evaluation.gate import pass_first_model
    from tasks.stages import log_messages, run_page
    from tasks.stages import score as score_stages
    from tasks.training import champion_choice
    from tests.explore.content import MAX_BAD_SHARE, MIN_BAD_ROWS

    for module in (score_stages, score_reviews, group_loop, alerts):
        for name, value in list(vars(module).items()):
            if isinstance(value, Task):
                setattr(module, name, value.fn)
    _put(log_messages, "get_run_logger", lambda: logging.getLogger("explore"))
    _silence(score_stages, "add_asset_metadata", "emit_drift")
    _silence(run_page, "create_progress_artifact", "emit_contract_failed")
    _silence(score_reviews, "name_run", "emit_outcome", "show_lines")
    _put(score_reviews, "end_completed", lambda message, result: result)
    _put(recording, "runtime", SimpleNamespace(flow_run=_FlowRun()))
    Settings.limits = property(  # type: ignore[assignment, method-assign]
        lambda settings: RowLimits(settings.max_text_chars, MAX_BAD_SHARE, MIN_BAD_ROWS)
    )
    # Which of two untrained models is better is no question here.
    _put(champion_choice, "judge_challenger", lambda *contest: (pass_first_model(),))


class _FlowRun:
    """Replaces Prefect's run: a new id each time."""

    @property
    def id(self) -> str:
        return str(uuid4())


def _silence(module: ModuleType, *names: str) -> None:
    for name in names:
        _put(module, name, lambda *args, **kwargs: None)


def _put(module: ModuleType, name: str, stand_in: Any) -> None:
    getattr(module, name)  # one that is gone is to be noticed
    setattr(module, name, stand_in)


class Clock:
    """The clock that the program reads: it shows the time set, and advances a little at each read."""

    def __init__(self) -> None:
        self.now = clock.datetime.now(clock.UTC)

    def ask(self) -> clock.datetime:
        self.now += _FIRST_TICK
        return self.now


CLOCK = Clock()


class _DateTime(clock.datetime):
    """A `datetime` that takes the present time from the clock."""

    @classmethod
    def now(cls, tz: clock.tzinfo | None = None) -> "_DateTime":
        found = CLOCK.ask()
        return cls.fromtimestamp(found.timestamp(), tz or clock.UTC)


class Killer:
    """Kills this process just before its n-th change of the disk, or at a fault point."""

    def __init__(self) -> None:
        self.home = ""
        self.passed = 0
        self.wanted = 0

    def arm(self, home: str, wanted: int) -> None:
        self.home, self.passed, self.wanted = home, 0, wanted

    def pass_change(self) -> None:
        self.passed += 1
        if self.passed == self.wanted:
            os.kill(os.getpid(), signal.SIGKILL)

    def hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Audit hook: receive each operation before the process runs it."""
        if self.home and _changes_disk(event, arguments) and self._is_at_home(arguments[0]):
            self.pass_change()

    def _is_at_home(self, path: Any) -> bool:
        # A name without a folder is one within a folder that is being removed.
        with suppress(TypeError):
            name = os.fsdecode(path)
            return name.startswith(self.home) or "/" not in name
        return False


KILLER = Killer()
_CHANGES = {"os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.link", "os.truncate"}


def _changes_disk(event: str, arguments: tuple[Any, ...]) -> bool:
    if event == "open":
        return isinstance(arguments[0], str | bytes) and bool((arguments[2] or 0) & _WRITING)
    return event in _CHANGES


class _Connection:
    """A database connection whose commits count as changes, and whose `now()` is the clock's."""

    def __init__(self, real: duckdb.DuckDBPyConnection) -> None:
        self._real = real

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def __enter__(self) -> "_Connection":
        return self

    def __exit__(self, *error: object) -> None:
        self._real.close()

    def commit(self) -> None:
        KILLER.pass_change()
        self._real.commit()
        KILLER.pass_change()


def seize_disk_and_clock() -> None:
    """Pass every change of the disk to the killer, and every read of the time to the clock."""
    from tasks.warehouse.database import duckdb_engine as warehouse

    connect: Callable[..., duckdb.DuckDBPyConnection] = warehouse._connect

    def connect_and_seize(path: Path, *options: str) -> _Connection:
        real = connect(path, *options)
        # A macro of this connection comes before DuckDB's own function.
        real.execute(f"CREATE TEMP MACRO now() AS (TIMESTAMPTZ '{CLOCK.ask().isoformat()}')")
        return _Connection(real)

    warehouse._connect = connect_and_seize  # type: ignore[assignment]
    warehouse._CONFIG["threads"] = 1  # enough for some rows
    for name, module in list(sys.modules.items()):
        if name.split(".")[0] in _PRODUCT and getattr(module, "datetime", None) is clock.datetime:
            module.datetime = _DateTime  # type: ignore[attr-defined]
    sys.addaudithook(KILLER.hear)


def forget_passings() -> None:
    """Reset the counts of fault points, as in a new process."""
    from data_contracts.storage import faults

    assert isinstance(faults._passed, Counter)
    faults._passed.clear()
