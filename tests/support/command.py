"""The `reviews` and `prefect` commands as processes that start at once: forks of one that has loaded the libraries.

It is a process of its own, which can be killed. Only its start differs from that of the installed command, and where a
test asks for it the size of groups of files.
"""

import atexit
import os
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Literal

from tests.support.forked import start

PATIENCE_SECONDS = 280


@dataclass(frozen=True)
class Finished:
    """The exit status and output of a command."""

    status: int
    out: str
    err: str


@dataclass(frozen=True)
class Call:
    """A call of a command: its arguments, whole environment and working folder."""

    arguments: Sequence[str]
    environment: Mapping[str, str]
    folder: Path
    program: Literal["reviews", "prefect"] = "reviews"
    group_files: int | None = None
    """The most files of a group that is scored and committed at once, if not as many as the command takes."""


@dataclass(frozen=True)
class Command:
    """A started command, and the folder of its output."""

    process: ForkServerProcess
    said: tempfile.TemporaryDirectory[str]

    def wait(self, seconds: float = PATIENCE_SECONDS) -> Finished:
        """Wait for its end, kill it at a time limit, and return its result."""
        self.process.join(seconds)
        self.process.kill()
        self.process.join()
        with self.said as folder:
            out, err = (Path(folder, name).read_text("utf-8") for name in ("out", "err"))
        assert self.process.exitcode is not None
        return Finished(self.process.exitcode, out, err)


def start_command(call: Call) -> Command:
    """Start a command."""
    said = tempfile.TemporaryDirectory()
    for name in ("out", "err"):
        Path(said.name, name).touch()
    return Command(start(_run, call, Path(said.name)), said)


def _run(call: Call, said: Path) -> None:
    os.setsid()
    os.chdir(call.folder)
    for stream, name in enumerate(("out", "err"), start=1):
        os.dup2(os.open(said / name, os.O_WRONLY | os.O_APPEND), stream)
    os.environ.clear()
    os.environ.update(call.environment)
    sys.argv = [call.program, *call.arguments]
    if call.group_files is not None:
        _limit_groups(call.group_files)
    with end_in_order():
        _run_prefect() if call.program == "prefect" else run_reviews(call.arguments)


@contextmanager
def end_in_order() -> Iterator[None]:
    """End what runs beside the block when it ends, in the order of an interpreter that ends.

    Prefect sends its last events when the threads are shut down, and its server is stopped after that. The other way
    round it would wait a minute for a server that is gone.
    """
    try:
        yield
    finally:
        threading._shutdown()  # type: ignore[attr-defined]
        atexit._run_exitfuncs()


def _limit_groups(files: int) -> None:
    from tasks.inbox import source_files
    from tasks.shadow import scoring

    for module in (source_files, scoring):
        vars(module)["GROUP_FILES"] = files


def _run_prefect() -> None:
    from prefect.cli import app
    from prefect.context import refresh_global_settings_context

    refresh_global_settings_context()
    app()


def run_reviews(arguments: Sequence[str]) -> None:
    """Run `reviews`, after what it does before it loads Prefect, which is loaded already."""
    from prefect.context import refresh_global_settings_context

    from flows.command.cli import main
    from flows.command.startup import prepare_prefect

    with suppress(Exception):  # the command says what is wrong with the settings
        prepare_prefect(may_start=False)
    refresh_global_settings_context()
    main(arguments, prog_name="reviews")
