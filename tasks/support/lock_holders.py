"""Keeps scoring runs out of a home, and describes which process holds the lock on a folder."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from data_contracts.storage.home import Home
from tasks.support.locking import hold_folder
from tasks.support.wording import quote_word

LOCKS = Path("/proc/locks")
"""Where Linux lists the locks of all processes."""
RUN_VARIABLE = "PREFECT__FLOW_RUN_ID"
"""The environment variable that holds the id of the flow run, in the process of a run that a worker started."""
COMMAND_SHOWN = 120
"""The largest number of characters of a command that is shown."""


@contextmanager
def keep_runs_out(home: Home, say: Callable[[str], None]) -> Iterator[None]:
    """Exclude scoring runs: wait until none is active, then let none start while the block runs."""
    home.make()
    home.parts.mkdir(parents=True, exist_ok=True)
    with hold_folder(home.parts, lambda folder: say(f"Waiting for {describe_holder(folder)} to end ...")):
        yield


def describe_holder(folder: Path) -> str:
    """Name the process that holds the lock on `folder`, with its run or command; "another run" if it can't be found."""
    with suppress(OSError, ValueError, psutil.Error):
        for number in _list_holders(folder):
            process = psutil.Process(number)
            run = process.environ().get(RUN_VARIABLE)
            command = " ".join(map(quote_word, process.cmdline()))[:COMMAND_SHOWN]
            return f"the run {run} (process {number})" if run else f"process {number} ({command})"
    return "another run"


def _list_holders(folder: Path) -> list[int]:
    """Return the ids of the processes that hold a lock on a folder; those that wait for it have an arrow.

    Another file system may have a file of the same number. Some file systems report another device than they list, so
    the device only decides between several.
    """
    facts = folder.stat()
    device = f"{os.major(facts.st_dev):02x}:{os.minor(facts.st_dev):02x}"
    locks = [line.split() for line in LOCKS.read_text("ascii").splitlines() if "->" not in line]
    found = [lock for lock in locks if lock[1] == "FLOCK" and lock[5].endswith(f":{facts.st_ino}")]
    found.sort(key=lambda lock: not lock[5].startswith(f"{device}:"))
    return [int(lock[4]) for lock in found]
