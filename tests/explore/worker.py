"""Runs commands in a process that may be killed, and sends them to it.

The worker loads the program once and forks; the child runs one command after another until it is killed, then the
next child replaces it within milliseconds. Requests and replies are lines of JSON.
"""

import json
import os
import traceback
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import datetime
from multiprocessing.connection import Connection, Pipe
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

from tests.support.forked import start

DONE, REFUSED, BROKE, KILLED = "done", "refused", "broke", "killed"


@dataclass(frozen=True)
class Request:
    """A command, where and when it runs, and the point at which it is killed, if any."""

    command: str
    arguments: Mapping[str, Any]
    home: str
    now: str
    """The moment that the command sees when it starts, in ISO 8601."""
    environment: Mapping[str, str] = field(default_factory=dict)
    fault: str = ""
    """A fault point."""
    change: int = 0
    """The change of the disk before which it dies; 0 for never."""


@dataclass(frozen=True)
class Reply:
    """How a command ended."""

    ended: str
    """'done'; 'refused', with one of our own errors; 'broke', with any other; 'killed'."""
    said: str = ""
    error: str = ""
    """Class of the error."""
    changes: int = 0
    """How often it changed the disk."""


class Worker:
    """The client of the process."""

    def __init__(self) -> None:
        self._said = NamedTemporaryFile(mode="r")  # noqa: SIM115 (the process writes into it until it ends)
        self._connection, theirs = Pipe()
        with theirs:
            self._process = start(_serve, theirs, self._said.name)

    def run(self, request: Request) -> Reply:
        try:
            self._connection.send_bytes(json.dumps(asdict(request)).encode())
            return Reply(**json.loads(self._connection.recv_bytes()))
        except (EOFError, OSError):
            self._process.join()
            raise RuntimeError(
                f"the worker is gone with status {self._process.exitcode}: {self._read_last_words()}"
            ) from None

    def _read_last_words(self) -> str:
        """Return the last lines that the process wrote."""
        return "".join(self._said.readlines()[-20:])

    def close(self) -> None:
        self._connection.close()
        self._process.join()
        self._said.close()


def _serve(connection: Connection, said: str) -> None:
    """Fork children, one after another, until there are no more requests."""
    os.dup2(os.open(os.devnull, os.O_RDWR), 0)
    for stream in (1, 2):  # what the product prints is for people
        os.dup2(os.open(said, os.O_WRONLY | os.O_APPEND), stream)
    os.environ.update({"PREFECT_LOGGING_LEVEL": "CRITICAL", "PREFECT_SERVER_EPHEMERAL_ENABLED": "false"})
    _load()
    while True:
        child = os.fork()
        if child == 0:
            _work(connection)
        _, status = os.waitpid(child, 0)
        if os.WIFEXITED(status) and os.WEXITSTATUS(status) == 0:
            return
        ended = KILLED if os.WIFSIGNALED(status) and os.WTERMSIG(status) == 9 else BROKE
        _write(connection, Reply(ended, error=f"status {status}"))


def _load() -> None:
    """Load all modules that a command may need, and install the replacements."""
    import onnxruntime  # noqa: F401
    import pyarrow.dataset
    import pyarrow.pandas_compat  # noqa: F401
    from prefect.context import refresh_global_settings_context

    from data_contracts.expectations import import_expectations
    from tests.explore import commands, seams  # noqa: F401

    refresh_global_settings_context()
    import_expectations()
    seams.leave_prefect_out()
    seams.seize_disk_and_clock()


def _work(connection: Connection) -> None:
    """Run commands until there are no more."""
    with suppress(EOFError):
        while True:
            _write(connection, _run(Request(**json.loads(connection.recv_bytes()))))
    os._exit(0)


def _write(connection: Connection, reply: Reply) -> None:
    connection.send_bytes(json.dumps(asdict(reply)).encode())


def _run(request: Request) -> Reply:
    from data_contracts.errors import ReviewsError
    from tests.explore.commands import COMMANDS
    from tests.explore.seams import CLOCK, KILLER, forget_passings

    said: list[str] = []
    settings = {
        **request.environment,
        "REVIEWS_HOME": request.home,
        "REVIEWS_REPORTS": "false",
        "REVIEWS_FAULT": request.fault,
    }
    for name in [name for name in os.environ if name.startswith("REVIEWS_")]:
        del os.environ[name]
    os.environ.update(settings)
    CLOCK.now = datetime.fromisoformat(request.now)
    forget_passings()
    KILLER.arm(str(Path(request.home).parent), request.change)
    ended, error_class = DONE, ""
    try:
        COMMANDS[request.command](said.append, **request.arguments)
    except ReviewsError as error:
        ended, error_class = REFUSED, type(error).__name__
        said.append(str(error))
    except Exception as error:  # a command is to end with no other
        ended, error_class = BROKE, type(error).__name__
        said.append(traceback.format_exc())
    changes = KILLER.passed
    KILLER.arm("", 0)
    return Reply(ended, "\n".join(said), error_class, changes)
