"""Traces the system calls that rename and sync files, by strace, and finds renames that were not durable."""

import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tasks.snapshots.places import CHUNKS

_CALL = re.compile(r"(?P<thread>[0-9]+) +(?P<name>\w+)\((?P<given>.*)\) += 0")
_CUT = re.compile(r"(?P<thread>[0-9]+) +(?P<begin>\w+\(.*) <unfinished \.\.\.>")
_REST = re.compile(r"(?P<thread>[0-9]+) +<\.\.\. \w+ resumed>(?P<rest>.*)")
_SYNCED = re.compile(r"[0-9]+<(.+)>")
_PATH = re.compile(r'"((?:[^"\\]|\\.)*)"')
_SECONDS = 20.0
"""How long strace may take to begin and to end."""


@dataclass(frozen=True)
class Call:
    """A successful call."""

    thread: str
    is_rename: bool
    paths: tuple[Path, ...]
    """From and to; or the one that was synced."""


@contextmanager
def trace(log: Path) -> Iterator[None]:
    """Trace the renames and syncs of all threads of this process by strace into `log` while the block runs.

    Skips the test if strace is missing or not permitted.
    """
    if shutil.which("strace") is None:
        pytest.skip("strace is not installed")
    calls = "trace=fsync,fdatasync,rename,renameat,renameat2"
    command = ["strace", "-f", "-y", "-s", "4096", "-e", calls, "-o", str(log), "-p", str(os.getpid())]
    tracer = subprocess.Popen(command, stderr=subprocess.PIPE)
    try:
        _wait_until_attached(tracer)
        yield
    finally:
        if tracer.poll() is None:
            tracer.send_signal(signal.SIGINT)
        tracer.communicate(timeout=_SECONDS)


def _wait_until_attached(tracer: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + _SECONDS
    while not all(_is_traced(task) for task in Path("/proc/self/task").iterdir()):
        if tracer.poll() is not None or time.monotonic() > deadline:
            pytest.skip("strace may not look at this process")
        time.sleep(0.02)


def _is_traced(task: Path) -> bool:
    try:
        return "TracerPid:\t0\n" not in (task / "status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return True  # the thread has ended


def read_calls(log: Path) -> list[Call]:
    """Read the successful calls, in the order in which they ended."""
    begun: dict[str, str] = {}
    calls = []
    for line in log.read_text().splitlines():
        if cut := _CUT.fullmatch(line):
            begun[cut["thread"]] = cut["begin"]
            continue
        rest = _REST.fullmatch(line)
        whole = f"{rest['thread']} {begun.pop(rest['thread'])}{rest['rest']}" if rest else line
        if found := _CALL.fullmatch(whole):
            is_rename = found["name"].startswith("rename")
            paths = (_PATH if is_rename else _SYNCED).findall(found["given"])
            calls.append(Call(found["thread"], is_rename, tuple(Path(path).absolute() for path in paths)))
    return calls


def find_unsynced(
    calls: Sequence[Call], folder: Path, list_content: Callable[[Path], Iterable[Path]]
) -> list[str]:
    """List the paths under `folder` that were renamed without a sync before, or without a sync of the folder after.

    `list_content` lists the content of a renamed folder, by relative path. A file that was complete before its rename
    need not be synced: it has no temporary name. Neither must one that only gets a temporary name. What came into a
    folder under a name of its own later is judged then.
    """
    broken: list[str] = []
    synced: set[Path] = set()
    for place, call in enumerate(calls):
        if not call.is_rename:
            synced.update(call.paths)
            continue
        source, target = call.paths
        if not target.is_relative_to(folder):
            continue
        if source.name.startswith(".") and not target.name.startswith("."):
            later = {later.paths[1] for later in calls[place + 1 :] if later.is_rename}
            names = [name for name in list_content(target) if target / name not in later]
            whole = [source, *(source / name for name in names)]
            broken += [
                f"{path} was not synced before it got its name" for path in whole if path not in synced
            ]
        if target.parent not in _list_synced_after(calls[place:], any_thread=target.parent.name == CHUNKS):
            broken.append(f"the folder of {target} was not synced after it")
    return broken


def _list_synced_after(calls: Sequence[Call], *, any_thread: bool) -> set[Path]:
    """Return the paths synced after a rename and those that follow directly, before the thread's next rename.

    Of chunks, which must last only once a manifest names them, those synced later by any thread.
    """
    synced: set[Path] = set()
    for call in calls:
        if any_thread:
            synced.update(() if call.is_rename else call.paths)
            continue
        if call.thread != calls[0].thread:
            continue
        if call.is_rename and synced:
            break
        synced.update(() if call.is_rename else call.paths)
    return synced
