"""Reads Parquet files in a process of its own, which may take so much memory and no more.

Some hundred bytes of Parquet may hold gigabytes: texts that each repeat the one before, dictionaries, lists, packed
pages, and what the file states of itself is written by whoever sent it. Arrow decodes whole values and rows, so that no
way of reading with it is bounded for every encoding, and on damaged files it may end its process. So every file is read
in a process of which the system bounds the memory and the time: what does not fit is a bomb (bomb_suspected). The
process goes on to the next file, so a run starts it once; it decodes while the run checks and scores what came before.

It is `python -m tasks.review_files.parquet_process SOCKET`. A request is JSON, then the open file; answers are record
batches of `READ_SCHEMA`, then JSON. What comes from there was made from a stranger's file and is never unpickled.
The bound of the memory is Linux's (RLIMIT_DATA); elsewhere it is not held.
"""

import atexit
import json
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from multiprocessing.reduction import recv_handle, send_handle
from pathlib import Path
from typing import IO, Any

import pyarrow as pa

from data_contracts.errors import FileRefusedError, ReviewsError
from data_contracts.review_files import READ_SCHEMA
from tasks.containers.members import ContainerLimits, Member
from tasks.containers.streams import hold_content, limit_bytes, meter
from tasks.review_files.columns import lay_out_rows
from tasks.review_files.options import ReadOptions
from tasks.review_files.parquet import read_parquet
from tasks.support.refusals import MOST_MEMORY, has_memory, refusal, require_memory, tells_of_memory

SECONDS = 15
"""Of a processor, for one batch of rows."""
ROW_BYTES = 64 << 20
"""Of one row at most; a batch has `batch_bytes` and one row more, at most."""

_ENDED_FROM_OUTSIDE = {signal.SIGKILL, signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGQUIT}

Outcome = dict[str, str]
"""Why a file was not read whole: 'rule' and 'detail', or 'error' if that is not the file's fault; empty if it was."""


# In the run


def read_parquet_apart(member: Member, first_row: int, options: ReadOptions) -> Iterator[pa.RecordBatch]:
    """Read the rows of a Parquet file as batches of `READ_SCHEMA`; the first one gets the number `first_row`.

    Raises `FileRefusedError` as `read_parquet` does, and `ReviewsError` where the process could not read on for reasons
    that are not the file's.
    """
    request = {"member": member.name, "first_row": first_row, "options": asdict(replace(options, root=None))}
    with _open_seekable(member, options) as file, _borrow_process() as process:
        outcome = yield from process.read(file, request)
    if "rule" in outcome:
        raise FileRefusedError(outcome["rule"], outcome["detail"])
    if "error" in outcome:
        raise ReviewsError(outcome["error"])


@contextmanager
def _open_seekable(member: Member, options: ReadOptions) -> Iterator[IO[bytes]]:
    """Open a Parquet file of the disk; one that is compressed or in an archive is held on disk first."""
    if member.on_disk is not None:
        member.on_disk.seek(0)
        yield member.on_disk
        return
    spend = limit_bytes(options.limits.held_bytes, "a Parquet file that must be held whole")
    with hold_content(meter(member.chunks, spend)) as file:
        yield file


@dataclass(frozen=True)
class _Process:
    process: subprocess.Popen[bytes]
    connection: Connection

    def read(self, file: IO[bytes], request: dict[str, Any]) -> Generator[pa.RecordBatch, None, Outcome]:
        """Give the batches of a file, and the outcome as the value of the generator."""
        rows = 0
        try:
            self.connection.send_bytes(json.dumps(request).encode())
            send_handle(self.connection, file.fileno(), self.process.pid)
            # A batch comes after its size.
            while not (message := self.connection.recv_bytes()).startswith(b"{"):
                batch = pa.ipc.read_record_batch(self._receive(int(message)), READ_SCHEMA)
                rows += batch.num_rows
                yield batch
        except (EOFError, OSError):
            return _tell_end(
                self.process.wait(), rows
            )  # its end of the connection is closed when it has ended
        outcome: Outcome = json.loads(message)
        return outcome

    def _receive(self, size: int) -> pa.Buffer:
        """Read so many bytes straight to where they stay: many times faster than `recv_bytes`."""
        held = pa.allocate_buffer(size)
        left = memoryview(held)
        while left:
            done = os.readv(self.connection.fileno(), [left])
            if not done:
                raise EOFError
            left = left[done:]
        return held

    def end(self) -> None:
        """End it, whatever it does."""
        self.connection.close()
        self.process.kill()
        self.process.wait()


_idle: list[_Process] = []


@contextmanager
def _borrow_process() -> Iterator[_Process]:
    """Give a process that reads nothing else meanwhile; one that has not read to the end is given up."""
    process = _idle.pop() if _idle else _start_process()
    if process.process.poll() is not None:
        process.end()
        process = _start_process()
    try:
        yield process
    except BaseException:
        process.end()
        raise
    if _idle or process.process.poll() is not None:
        process.end()
    else:
        _idle.append(process)


def _start_process() -> _Process:
    ours, theirs = Pipe()
    with theirs:
        command = [sys.executable, "-m", "tasks.review_files.parquet_process", str(theirs.fileno())]
        # Where the package is, whatever folder the run stands in.
        process = subprocess.Popen(
            command,
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            cwd=Path(__file__).parents[2],
        )
    return _Process(process, ours)


@atexit.register
def _end_idle() -> None:
    while _idle:
        _idle.pop().end()


def _tell_end(status: int, rows: int) -> Outcome:
    """Say of a process that ended with `status`, negative for a signal, what it says of the file."""
    place = f"it can't be read after row {rows:,}"
    if -status == signal.SIGXCPU:
        return _refuse("bomb_suspected", f"{place}: the next rows take more than {SECONDS} seconds")
    # Libraries that get no memory end their process as damaged files do, so a lack of it judges no file here either.
    if status >= 0 or -status in _ENDED_FROM_OUTSIDE or not has_memory(MOST_MEMORY):
        return {
            "error": f"The process that reads Parquet files ended before its time (status {status}). Was it killed, or "
            "memory short? Next: run it again."
        }
    # What is left are faults of memory or arithmetic: Arrow's checks do not hold on every damaged file.
    return _refuse("parquet_broken", place)


def _refuse(rule: str, found: str) -> Outcome:
    error = refusal(rule, found)
    return {"rule": error.rule, "detail": error.detail}


# In the process of its own


def serve(connection: Connection) -> None:
    """Read file after file until the other side is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the run, whose end is ours
    # The C library's gives back what is no longer used, and asks for no more than it needs.
    pa.set_memory_pool(pa.system_memory_pool())
    _bound(resource.RLIMIT_CORE, 0)
    _bound(resource.RLIMIT_DATA, _measure_data() + MOST_MEMORY)
    with suppress(EOFError, ConnectionError):
        while True:
            request = json.loads(connection.recv_bytes())
            with os.fdopen(recv_handle(connection), "rb") as file:
                outcome = _read(connection, file, **request)
            connection.send_bytes(json.dumps(outcome).encode())


def _read(
    connection: Connection, file: IO[bytes], member: str | None, first_row: int, options: dict[str, Any]
) -> Outcome:
    """Send the rows of a file; give the outcome."""
    chosen = ReadOptions(**options | {"limits": ContainerLimits(**options["limits"])})
    rows = 0
    try:
        _renew_time()
        for found in read_parquet(file, first_row, chosen):
            members = pa.repeat(pa.scalar(member, pa.string()), len(found.row_numbers))
            batch = lay_out_rows(found, members)
            if batch.nbytes > chosen.batch_bytes + ROW_BYTES:
                return _refuse(
                    "bomb_suspected", f"after row {rows:,} a row has more than {ROW_BYTES:,} bytes"
                )
            _send(connection, memoryview(batch.serialize()))
            rows += len(batch)
            _renew_time()
    except FileRefusedError as error:
        return {"rule": error.rule, "detail": error.detail}
    except ReviewsError as error:
        return {"error": str(error)}
    except Exception as error:
        if not tells_of_memory(error):
            raise
        return _judge_memory(error, rows)
    return {}


def _send(connection: Connection, data: memoryview) -> None:
    connection.send_bytes(str(len(data)).encode())
    while data:
        data = data[os.write(connection.fileno(), data) :]


def _judge_memory(error: Exception, rows: int) -> Outcome:
    try:
        require_memory(error)
    except ReviewsError as short:
        return {"error": str(short)}
    return _refuse("bomb_suspected", f"after row {rows:,} a row takes more memory than any sound one")


def _renew_time() -> None:
    used = resource.getrusage(resource.RUSAGE_SELF)
    _bound(resource.RLIMIT_CPU, int(used.ru_utime + used.ru_stime) + SECONDS)


def _bound(what: int, most: int) -> None:
    """Set a limit of this process, as far as one from outside allows."""
    _, hard = resource.getrlimit(what)
    resource.setrlimit(what, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard))


def _measure_data() -> int:
    """Give the bytes of memory that this process may write to by now, as the limit counts them."""
    with suppress(OSError):
        pages = int(Path("/proc/self/statm").read_text("ascii").split()[5])
        return pages * resource.getpagesize()
    return MOST_MEMORY


if __name__ == "__main__":
    serve(Connection(int(sys.argv[1])))
