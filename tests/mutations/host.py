"""Runs pytest in forks of one process that has the large libraries loaded; `python host.py PACKAGE...` in a checkout.

Each line of input is a JSON object: `arguments` of pytest and its time limit, `seconds`. Each line of output has the
`status`, the first test that `failed`, and the `strays`: modules of the packages from outside the working folder.
"""

import importlib
import json
import os
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

LARGE = (
    "duckdb",
    "numpy",
    "pandas",
    "pyarrow.parquet",
    "great_expectations",
    "onnxruntime",
    "keras",
    "pytest",
)
"""What tests would load anew, each time. Nothing of the checkout, and nothing that reads settings when loaded."""
TOO_SLOW, DIED = -signal.SIGALRM, -signal.SIGABRT


class FirstFailure:
    """A plugin of pytest that keeps the name of the first test, or file, that failed."""

    test: str | None = None

    def pytest_runtest_logreport(self, report: Any) -> None:
        """Record a test that failed, or whose fixtures failed."""
        if report.failed:
            self.test = self.test or report.nodeid

    def pytest_collectreport(self, report: Any) -> None:
        """Record a file that could not be loaded."""
        if report.failed:
            self.test = self.test or report.nodeid


def run_tests(arguments: list[str], packages: list[str]) -> dict[str, Any]:
    """Run pytest in this process."""
    import pytest

    plugin = FirstFailure()
    status = pytest.main(arguments, plugins=[plugin])
    here = str(Path.cwd())
    files = {name: getattr(module, "__file__", None) for name, module in sys.modules.items()}
    strays = sorted(
        name
        for name, file in files.items()
        if name.split(".")[0] in packages and not (file or here).startswith(here)
    )
    return {"status": int(status), "failed": plugin.test, "strays": strays}


def run_in_fork(arguments: list[str], seconds: float, packages: list[str]) -> dict[str, Any]:
    """Run pytest in a fork, with a session of its own that ends with it."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.setsid()
        sink = os.open(os.environ.get("MUTATIONS_LOG", os.devnull), os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(sink, 1)
        os.dup2(sink, 2)
        answer = run_tests(arguments, packages)
        os.write(writing, json.dumps(answer).encode())
        os._exit(0)
    os.close(writing)
    late = wait(child, seconds)
    with suppress(ProcessLookupError):
        os.killpg(child, signal.SIGKILL)
    if late:
        os.waitpid(child, 0)
    with os.fdopen(reading, "rb") as stream:
        said = stream.read()
    return json.loads(said) if said else {"status": TOO_SLOW if late else DIED, "failed": None, "strays": []}


def wait(child: int, seconds: float) -> bool:
    """Wait for a process; return whether it still runs after some seconds."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if os.waitpid(child, os.WNOHANG) != (0, 0):
            return False
        time.sleep(0.05)
    return True


def main() -> None:
    """Load the libraries, then answer each line of input."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for name in LARGE:
        importlib.import_module(name)
    for line in sys.stdin:
        asked = json.loads(line)
        print(
            json.dumps(run_in_fork(asked["arguments"], asked["seconds"], sys.argv[1:])),
            file=answers,
            flush=True,
        )


if __name__ == "__main__":
    main()
