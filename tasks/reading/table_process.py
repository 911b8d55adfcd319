"""Reads Parquet files, workbooks and other tables in a separate process with limited memory and time.

A few hundred bytes of Parquet may expand to gigabytes, by delta encodings, dictionaries, lists or compressed pages, and
the metadata may be wrong on purpose. Arrow decodes whole values and rows, so no way of reading bounds its memory for
every encoding, and some damaged files crash it; the libraries for the other formats are no better. So the system limits
the memory and time of the process; a file that exceeds them is refused (bomb_suspected). A run starts the process once
and uses it for file after file; it decodes rows while the run checks and scores the rows before.

The command is `python -m tasks.reading.table_process SOCKET`. A request is JSON, followed by the open file's
descriptor; the answer is how the table is read, as JSON, record batches of `READ_SCHEMA`, and the outcome as JSON.
Nothing from the process is unpickled, since it was made from an untrusted file. The memory limit (RLIMIT_DATA) works on
Linux only.
"""

import atexit
import json
import math
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager, suppress
from ctypes import CDLL
from dataclasses import asdict, dataclass
from importlib import import_module
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from multiprocessing.reduction import recv_handle, send_handle
from pathlib import Path
from typing import IO, Any

import pyarrow as pa

from data_contracts.errors import FileRefusedError, ReviewsError
from data_contracts.review_files import READ_SCHEMA
from tasks.reading.columns import Reading, load_reading
from tasks.reading.containers import Member
from tasks.reading.formats import WORKBOOKS
from tasks.reading.rows import RawRows, ReadOptions
from tasks.reading.streams import ContainerLimits, hold_content, limit, meter
from tasks.reading.values import parse_table
from tasks.support.memory import MOST_MEMORY, has_memory, is_memory_error, require_memory
from tasks.support.refusals import refusal

TABLE_FORMATS = {
    "parquet": ("arrow_tables", "read_parquet", "parquet_broken"),
    "orc": ("arrow_tables", "read_orc", "orc_broken"),
    "arrow": ("arrow_tables", "read_arrow", "arrow_broken"),
    "avro": ("avro", "read_avro", "avro_broken"),
    **dict.fromkeys(WORKBOOKS, ("workbooks", "read_workbook", "workbook_broken")),
}
"""Format -> the module here and its function that yields `RawRows` from an open file, and the rule of a damaged one."""
SECONDS = 15
"""Most seconds of processor time for a file, and once more for as many rows, or bytes, as a full batch has."""
_MEMBER_SECONDS = 0.1
"""What each member of an archive may take besides: to open the smallest table takes some hundredths of a second."""
ROW_BYTES = 64 << 20
"""Most bytes of one row; a batch has at most `batch_bytes` and one more row."""
_KEPT_MEMORY = {-1: 64 << 20, -3: 32 << 20}
"""How much freed memory the C library of the process keeps (M_TRIM_THRESHOLD of `mallopt`), and from which size on it
returns a piece at once (M_MMAP_THRESHOLD): what its defaults grow to. Until then the system takes back the memory of
each batch and clears it anew for the next, which is 8 % of the time of reading Parquet."""

_TOO_SLOW = f"it takes more than {SECONDS} seconds for fewer rows than a full batch has"
_ENDED_FROM_OUTSIDE = {signal.SIGKILL, signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGQUIT}

Outcome = dict[str, str]
"""'seconds_left' if the file was read to its end; else 'rule' and 'detail' of its refusal, or 'error' of another cause.
"""


# In the process of the run


@dataclass
class TimeLeft:
    """How much time the process has left for a file, all its members together."""

    seconds: float = SECONDS


def read_in_process(
    member: Member, first_row: int, options: ReadOptions, time_left: TimeLeft
) -> Iterator[pa.RecordBatch]:
    """Yield the rows of a table as batches of `READ_SCHEMA`; the first row gets the number `first_row`.

    What the table takes of the time of its file is taken from `time_left`.
    Raises `FileRefusedError` as the reader of its format does, and `ReviewsError` if the cause is not the file.
    """
    names = ("batch_rows", "batch_bytes", "most_rows")
    sent = {name: getattr(options, name) for name in names} | {"limits": asdict(options.limits)}
    request = {
        "profile": options.profile and Reading("", options.profile).dump(),
        "format_name": member.format,
        "member": member.name,
        "first_row": first_row,
        "seconds": time_left.seconds + _MEMBER_SECONDS,
        "options": sent,
    }
    with _open_for_process(member, options) as file, _borrow_process() as process:
        outcome = yield from process.read(file, request, options)
    if "rule" in outcome:
        raise FileRefusedError(outcome["rule"], outcome["detail"])
    if "error" in outcome:
        raise ReviewsError(outcome["error"])
    time_left.seconds = float(outcome["seconds_left"])


@contextmanager
def _open_for_process(member: Member, options: ReadOptions) -> Iterator[IO[bytes]]:
    """Yield a table as a seekable file for the process; one that is compressed or in an archive is unpacked."""
    if member.on_disk is not None:
        member.on_disk.seek(0)
        yield member.on_disk
        return
    what = f"a file of the format {member.format}, which must be held whole, unpacks to"
    with hold_content(meter(member.chunks, limit(options.limits.held_bytes, what))) as file:
        yield file


@dataclass(frozen=True)
class _Process:
    """A process that reads tables, and the connection to it."""

    process: subprocess.Popen[bytes]
    connection: Connection

    def read(
        self, file: IO[bytes], request: dict[str, Any], options: ReadOptions
    ) -> Generator[pa.RecordBatch, None, Outcome]:
        """Yield the batches of a file, and report how the process reads it and how long; return the outcome."""
        rows = 0
        try:
            self.connection.send_bytes(json.dumps(request).encode())
            send_handle(self.connection, file.fileno(), self.process.pid)
            # Each batch follows a message with its size and its seconds; a list says how the table is read.
            while not (message := self.connection.recv_bytes()).startswith(b"{"):
                if message.startswith(b"["):
                    options.report_reading(load_reading(message.decode()))
                    continue
                size, seconds = message.split()
                batch = pa.ipc.read_record_batch(self._receive(int(size)), READ_SCHEMA)
                options.report_seconds(float(seconds))
                rows += batch.num_rows
                yield batch
        except (EOFError, OSError):
            # The connection was closed, so the process has ended or is about to.
            raise _judge_process_end(self.process.wait(), rows, request["format_name"]) from None
        outcome: Outcome = json.loads(message)
        return outcome

    def _receive(self, size: int) -> pa.Buffer:
        """Read `size` bytes directly into Arrow's memory: many times faster than `recv_bytes`."""
        buffer = pa.allocate_buffer(size)
        left = memoryview(buffer)
        while left:
            done = os.readv(self.connection.fileno(), [left])
            if not done:
                raise EOFError
            left = left[done:]
        return buffer

    def end(self) -> None:
        """Kill the process and wait until it has ended."""
        self.connection.close()
        self.process.kill()
        self.process.wait()


_idle: list[_Process] = []


@contextmanager
def _borrow_process() -> Iterator[_Process]:
    """Yield a process for the use of one caller; kill it if the caller did not read its file to the end."""
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
    """Start a process that reads tables."""
    ours, theirs = Pipe()
    with theirs:
        command = [sys.executable, "-m", "tasks.reading.table_process", str(theirs.fileno())]
        # The process must find this package whatever the current folder of the run is.
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
    """End the idle processes."""
    while _idle:
        _idle.pop().end()


def _judge_process_end(status: int, rows: int, format_name: str) -> ReviewsError:
    """Return the error for a file whose process ended with `status`, negative for a signal, after `rows` rows."""
    place = f"it can't be read after row {rows:,}"
    if -status == signal.SIGXCPU:
        return refusal("bomb_suspected", f"{place}: {_TOO_SLOW}")
    # Without memory, libraries end their process just as with damaged files, so the file can't be judged then.
    if status >= 0 or -status in _ENDED_FROM_OUTSIDE or not has_memory(MOST_MEMORY):
        return ReviewsError(
            f"The process that reads {format_name} files ended before its time (status {status}). "
            "Was it killed, or memory short? Next: run it again."
        )
    # Calamine tells of damage by an exception, and ends the process if it gets no memory.
    if -status == signal.SIGABRT and format_name in WORKBOOKS:
        return refusal("workbook_too_large", f"{place}: its cells take more memory than any sound one's")
    # The remaining signals are crashes, such as segmentation faults: Arrow does not detect every damage.
    return refusal(TABLE_FORMATS[format_name][2], place)


# In the separate process


def serve(connection: Connection) -> None:
    """Read file after file until the run closes the connection."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the run handles Ctrl-C, and this process ends with it
    # The memory pool of the C library returns unused memory and reserves little more than it needs.
    pa.set_memory_pool(pa.system_memory_pool())
    with suppress(AttributeError):  # not every C library has it
        for option, size in _KEPT_MEMORY.items():
            CDLL(None).mallopt(option, size)
    _limit_process(resource.RLIMIT_CORE, 0)
    _limit_process(resource.RLIMIT_DATA, _measure_data() + MOST_MEMORY)
    with suppress(EOFError, ConnectionError):
        while True:
            _limit_seconds(time.process_time() + SECONDS)
            request = json.loads(connection.recv_bytes())
            with os.fdopen(recv_handle(connection), "rb") as file:
                outcome = _serve_file(connection, file, **request)
            connection.send_bytes(json.dumps(outcome).encode())


def _serve_file(
    connection: Connection, file: IO[bytes], format_name: str, seconds: float, **request: Any
) -> Outcome:
    """Send the rows of a file in batches, and return the outcome."""
    sent, profile = request["options"], request["profile"] and load_reading(request["profile"]).profile
    options = ReadOptions(**sent | {"limits": ContainerLimits(**sent["limits"]), "profile": profile})
    rows, size = 0, os.fstat(file.fileno()).st_size
    began = before = time.process_time()
    until = _limit_seconds(began + seconds + SECONDS * size / options.batch_bytes)
    try:
        raws = find_reader(format_name)(file, request["first_row"], options)
        for batch in parse_table(
            raws, request["member"], lambda reading: connection.send_bytes(reading.dump().encode())
        ):
            if batch.nbytes > options.batch_bytes + ROW_BYTES:
                problem = f"after row {rows:,} a row has more than {ROW_BYTES:,} bytes"
                raise refusal("bomb_suspected", problem)
            rows, size = rows + len(batch), size + batch.nbytes
            # Were all of the time renewed with each batch, files with a few slow rows in each could take days.
            full_batches = rows / options.batch_rows + size / options.batch_bytes
            until = _limit_seconds(began + seconds + SECONDS * full_batches)
            data, now = memoryview(batch.serialize()), time.process_time()
            if now > until:
                break
            connection.send_bytes(f"{len(data)} {now - before}".encode())
            before = now
            while data:
                data = data[os.write(connection.fileno(), data) :]
        left = until - time.process_time()
        if left < 0:
            raise refusal("bomb_suspected", f"it can't be read after row {rows:,}: {_TOO_SLOW}")
    except Exception as error:
        return _judge_error(error, rows)
    return {"seconds_left": str(min(left, float(SECONDS)))}


def _judge_error(error: Exception, rows: int) -> Outcome:
    """Return the outcome for a file that an error ended after `rows` rows; raise one that is a mistake of ours."""
    if not isinstance(error, ReviewsError):
        if not is_memory_error(error):
            raise error
        try:
            require_memory(error)
        except ReviewsError as short:
            error = short
        else:
            error = refusal(
                "bomb_suspected", f"after row {rows:,} a row takes more memory than any sound one"
            )
    if isinstance(error, FileRefusedError):
        return {"rule": error.rule, "detail": error.detail}
    return {"error": str(error)}


def find_reader(format_name: str) -> Callable[[IO[bytes], int, ReadOptions], Iterator[RawRows]]:
    """Return the function that reads a format; only its module is imported."""
    module, function, _ = TABLE_FORMATS[format_name]
    return getattr(import_module(f"tasks.reading.{module}"), function)  # type: ignore[no-any-return]


def _limit_seconds(until: float) -> float:
    """Let this process be ended soon after it has taken `until` seconds of processor time; return these."""
    _limit_process(resource.RLIMIT_CPU, math.ceil(until))
    return until


def _limit_process(what: int, most: int) -> None:
    """Set a resource limit of this process, to at most the hard limit that it was started with."""
    _, hard = resource.getrlimit(what)
    resource.setrlimit(what, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard))


def _measure_data() -> int:
    """Return the bytes of this process's data memory, roughly as RLIMIT_DATA counts them."""
    with suppress(OSError):
        pages = int(Path("/proc/self/statm").read_text("ascii").split()[5])
        return pages * resource.getpagesize()
    return MOST_MEMORY


if __name__ == "__main__":
    serve(Connection(int(sys.argv[1])))
