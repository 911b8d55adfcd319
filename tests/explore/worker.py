"""Runs commands in a process that may be killed, and sends them to it.

`python -m tests.explore.worker` loads the program once and forks; the child runs one command after another until it
is killed, then the next child replaces it within milliseconds. Requests and replies are lines of JSON.
"""

import json
import os
import subprocess
import sys
import traceback
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

ROOT = Path(__file__).parents[2]
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
        command = [sys.executable, "-m", "tests.explore.worker"]
        kept = {name: value for name, value in os.environ.items() if not name.startswith("REVIEWS_")}
        self._said = TemporaryFile(mode="w+")  # noqa: SIM115 (the process writes into it until it ends)
        self._process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=kept,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._said,
            text=True,
        )

    def run(self, request: Request) -> Reply:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(asdict(request)) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(
                f"the worker is gone with status {self._process.wait()}: {self._read_last_words()}"
            )
        return Reply(**json.loads(line))

    def _read_last_words(self) -> str:
        """Return the last lines that the process wrote."""
        self._said.seek(0)
        return "".join(self._said.readlines()[-20:])

    def close(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait()


def _serve() -> None:
    """Fork children, one after another, until there are no more requests."""
    requests, replies = os.dup(0), os.dup(1)
    nowhere = os.open(os.devnull, os.O_RDWR)
    os.dup2(nowhere, 0)
    os.dup2(2, 1)  # what the product prints is for people
    os.environ.update({"PREFECT_LOGGING_LEVEL": "CRITICAL", "PREFECT_SERVER_EPHEMERAL_ENABLED": "false"})
    _load()
    while True:
        child = os.fork()
        if child == 0:
            _work(requests, replies)
        _, status = os.waitpid(child, 0)
        if os.WIFEXITED(status) and os.WEXITSTATUS(status) == 0:
            return
        ended = KILLED if os.WIFSIGNALED(status) and os.WTERMSIG(status) == 9 else BROKE
        _write(replies, Reply(ended, error=f"status {status}"))


def _load() -> None:
    """Load all modules that a command may need, and install the replacements."""
    import onnxruntime  # noqa: F401
    import pyarrow.dataset
    import pyarrow.pandas_compat  # noqa: F401

    from data_contracts.expectations import import_expectations
    from tests.explore import commands, seams  # noqa: F401

    import_expectations()
    seams.leave_prefect_out()
    seams.seize_disk_and_clock()


def _work(requests: int, replies: int) -> None:
    """Run commands until there are no more."""
    with os.fdopen(requests, closefd=False) as lines:
        while line := lines.readline():
            _write(replies, _run(Request(**json.loads(line))))
    os._exit(0)


def _write(replies: int, reply: Reply) -> None:
    os.write(replies, (json.dumps(asdict(reply)) + "\n").encode())


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


if __name__ == "__main__":
    _serve()
