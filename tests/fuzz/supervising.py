"""Starts workers, monitors them, and reports when one dies, hangs or uses too much memory."""

import json
import os
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import psutil

from deployments.installation_paths import PROJECT_ROOT
from tests.fuzz.worker import FINDING, LEFT, MEMORY_BYTES

CPU_SECONDS = 20.0
"""What reading one file may take. Processor time, since the machine may be busy with other things."""
WALL_SECONDS = 180.0
"""And this much in all, for one who waits takes no processor time."""
NOT_MADE = "not made"
"""The outcome of a case that can't be made within the memory and time of a file."""
_POLL_SECONDS = 0.05
_PLACE = re.compile(r'File "[^"]*/(?:tasks|data_contracts)/([^"/]+)", line \d+ in (\S+)')


@dataclass(frozen=True)
class Result:
    """The result of one file."""

    item: str
    outcome: str
    kind: str = ""
    """Of a finding: what happened and where, the same for files that meet the same fault."""
    words: str = ""


@dataclass(frozen=True)
class Worker:
    """A process that reads files, and the folder where it writes them."""

    process: "subprocess.Popen[bytes]"
    folder: Path

    @property
    def errors(self) -> Path:
        """The file with its standard error."""
        return self.folder / "errors.txt"


def start_worker(folder: Path) -> Worker:
    """Start a process that reads files."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "errors.txt").open("wb") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.fuzz.worker", str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            cwd=PROJECT_ROOT,
        )
    return Worker(process, folder)


def is_alive(worker: Worker) -> bool:
    """Return whether a worker can read another file; not if it died or exceeded its memory."""
    try:
        worker.process.wait(0.02)
    except subprocess.TimeoutExpired:
        return True
    return False


def stop_worker(worker: Worker) -> None:
    """Stop a worker."""
    for process in reversed(_list_processes(worker)):
        with suppress(psutil.Error):
            process.kill()
    worker.process.wait()
    for pipe in (worker.process.stdin, worker.process.stdout):
        if pipe is not None:
            pipe.close()


def ask(worker: Worker, line: str) -> Iterator[Result]:
    """Send `line` to a worker and yield each result; after a worker's death, the last one describes it."""
    assert worker.process.stdin is not None
    worker.process.stdin.write(line.encode() + b"\n")
    worker.process.stdin.flush()
    item = ""
    for said in _read_lines(worker):
        if said.startswith("> "):
            item = said[2:]
        elif said.startswith("< "):
            yield _complete(worker, Result(item, **json.loads(said[2:])))
            item = ""
        elif said.startswith("!"):
            if not item:
                return  # it holds on to what earlier cases took, and makes no other one
            yield Result(item, FINDING, said[1:])
            return
        elif said == "=":
            return
    if item:
        yield Result(
            item, FINDING, _describe_death(worker), worker.errors.read_text("utf-8", "replace")[:6000]
        )
    elif worker.process.wait() != LEFT:
        raise RuntimeError(
            f"The worker can't make a case: {worker.errors.read_text('utf-8', 'replace')[-3000:]}"
        )


def _complete(worker: Worker, result: Result) -> Result:
    """Add the worker's standard error, with that of the reader's processes, to a finding."""
    if result.outcome != FINDING:
        return result
    written = worker.errors.read_text("utf-8", "replace")[-3000:]
    return replace(result, words=f"{result.words}\n\nOn the standard error:\n{written}")


def _read_lines(worker: Worker) -> Iterator[str]:
    """Yield the lines that a worker writes; a line with a leading '!' is the reason to kill it."""
    assert worker.process.stdout is not None
    rest, since, cpu = b"", time.monotonic(), 0.0
    while True:
        if not select.select([worker.process.stdout], [], [], _POLL_SECONDS)[0]:
            cpu = cpu or _measure_cpu(worker)
            if trouble := _find_trouble(worker, since, cpu):
                yield f"!{trouble}"
                return
            continue
        data = os.read(worker.process.stdout.fileno(), 1 << 16)
        if not data:
            return
        *lines, rest = (rest + data).split(b"\n")
        since, cpu = time.monotonic(), 0.0
        yield from (line.decode() for line in lines)


def _list_processes(worker: Worker) -> list[psutil.Process]:
    """List a worker and the processes that it started."""
    try:
        process = psutil.Process(worker.process.pid)
        return [process, *process.children(recursive=True)]
    except psutil.Error:
        return []


def _measure_cpu(worker: Worker) -> float:
    seconds = 0.0
    for process in _list_processes(worker):
        with suppress(psutil.Error):
            times = process.cpu_times()
            seconds += times.user + times.system
    return seconds


def _measure_memory(worker: Worker) -> int:
    memory = 0
    for process in _list_processes(worker):
        with suppress(psutil.Error):
            memory += process.memory_info().rss
    return memory


def _find_trouble(worker: Worker, since: float, cpu: float) -> str | None:
    """Return the reason to kill a worker that has read one file for some time, if there is one."""
    if _measure_memory(worker) > MEMORY_BYTES:
        return "memory"
    hangs = _measure_cpu(worker) - cpu > CPU_SECONDS or time.monotonic() - since > WALL_SECONDS
    return "time" if hangs else None


def _describe_death(worker: Worker) -> str:
    """Describe the signal by which a worker died, and its position in our code."""
    status = worker.process.wait()
    place = _PLACE.search(worker.errors.read_text("utf-8", "replace"))
    name = signal.Signals(-status).name if status < 0 else f"status {status}"
    return f"{name} in {place[1]}:{place[2]}" if place else name


def run_cases(folder: Path, seed: int, numbers: range) -> Iterator[Result]:
    """Read cases one after the other; a dead worker is replaced and continues after the case that killed it."""
    while numbers:
        worker, before = start_worker(folder), numbers
        try:
            for result in ask(worker, f"cases {seed} {numbers.start} {numbers.stop} {numbers.step}"):
                yield result
                numbers = range(int(result.item.split(":")[1]) + numbers.step, numbers.stop, numbers.step)
        finally:
            stop_worker(worker)
        if numbers == before:  # its mutations multiply each other, to more than a new worker may hold
            yield Result(f"{seed}:{numbers.start}", NOT_MADE)
            numbers = numbers[1:]


def read_file(folder: Path, path: Path) -> Result:
    """Read one file in a worker of its own."""
    worker = start_worker(folder)
    try:
        return next(ask(worker, f"file {path}"))
    finally:
        stop_worker(worker)
