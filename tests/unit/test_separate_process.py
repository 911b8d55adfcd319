"""Tests of the process that reads Parquet: its end, its memory, and a file that is closed early."""

import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from data_contracts.errors import FileRefusedError, ReviewsError
from data_contracts.rules_and_limits import RowLimits
from tasks.inbox.source_files import OUT_OF_PROPORTION, SourceFile
from tasks.reading import reader, table_process
from tasks.reading.reader import ReadOptions, read_review_file
from tasks.scoring import chunks
from tasks.scoring.file_outcomes import Tally
from tests.conftest import PROJECT_ROOT
from tests.support.review_file_builders import (
    encode_parquet,
    text_table,
    to_zip,
    write_avro,
    write_delta_bytes,
    write_parquet,
)

pytestmark = pytest.mark.process

only_linux = pytest.mark.skipif(
    sys.platform != "linux", reason="only Linux bounds the memory that a process writes to"
)
ROWS = [{"text": "A good film."}, {"text": "A bad film."}]


def write(folder: Path, data: bytes, name: str = "a.parquet") -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


def count(path: Path) -> int:
    return sum(map(len, read_review_file(path)))


def idle_processes() -> list[int]:
    return [each.process.pid for each in table_process._idle]


def test_files_are_read_by_one_process_refused_ones_too(tmp_path: Path) -> None:
    good, bad = write(tmp_path, encode_parquet(ROWS)), write(tmp_path, b"PAR1 nonsense", "b.parquet")
    assert count(good) == 2
    first = idle_processes()
    with pytest.raises(FileRefusedError, match="parquet_broken"):
        count(bad)
    assert count(good) == 2
    assert idle_processes() == first
    assert len(first) == 1


def test_a_file_that_is_not_read_to_its_end_leaves_nothing_to_the_next(tmp_path: Path) -> None:
    path = write(tmp_path, write_parquet(text_table(["A good film."] * 2000)))
    batches = read_review_file(path, ReadOptions(batch_rows=100))
    next(batches)
    assert count(write(tmp_path, encode_parquet(ROWS), "b.parquet")) == 2
    batches.close()  # type: ignore[attr-defined]
    assert count(write(tmp_path, encode_parquet(ROWS), "c.parquet")) == 2


@pytest.mark.parametrize(
    ("signal_name", "form", "rule"),
    [
        ("SIGSEGV", "parquet", "parquet_broken"),
        ("SIGXCPU", "parquet", "bomb_suspected"),
        ("SIGABRT", "xlsx", "workbook_too_large"),
    ],
)
def test_a_file_on_which_the_process_dies_is_refused(signal_name: str, form: str, rule: str) -> None:
    error = table_process._judge_process_end(-getattr(signal, signal_name), 7, form)
    assert str(error).startswith(f"{rule}: ")


@pytest.mark.parametrize("status", [-signal.SIGKILL, -signal.SIGTERM, 1])
def test_no_file_is_refused_for_a_process_that_was_ended_from_outside(status: int) -> None:
    error = table_process._judge_process_end(status, 7, "parquet")
    assert "Next: run it again." in str(error)
    assert not isinstance(error, FileRefusedError)


def test_a_process_that_is_killed_while_it_reads_refuses_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[table_process._Process] = []
    start = table_process._start_process

    def start_and_tell() -> table_process._Process:
        started.append(start())
        return started[0]

    monkeypatch.setattr(table_process, "_idle", [])
    monkeypatch.setattr(table_process, "_start_process", start_and_tell)
    batches = read_review_file(write(tmp_path, write_parquet(text_table(["A good film. " * 1000] * 2000))))
    next(batches)
    started[0].process.kill()
    with pytest.raises(ReviewsError, match="ended before its time") as error:
        list(batches)
    assert not isinstance(error.value, FileRefusedError)


NODE = {"type": "record", "name": "Node", "fields": [{"name": "next", "type": ["null", "Node"]}]}
SLOW = {
    "type": "record",
    "name": "Review",
    "fields": [
        {"name": "text", "type": "string"},
        {"name": "tags", "type": {"type": "array", "items": "null"}},
        {"name": "node", "type": ["null", NODE]},
    ],
}


def encode_slow_rows(rows: int, nulls: int) -> bytes:
    """Return rows that take long to read, since each has many nulls, and are then only bad: too deep."""
    node: dict[str, Any] | None = None
    for _ in range(70):
        node = {"next": node}
    return write_avro(SLOW, [{"text": "A good film.", "tags": [None] * nulls, "node": node}] * rows)


@pytest.mark.parametrize(
    ("name", "make"),
    [
        ("a.avro", lambda: encode_slow_rows(4, 1_000_000)),
        ("a.zip", lambda: to_zip({f"{name}.avro": encode_slow_rows(1, 1_000_000) for name in range(4)})),
    ],
)
def test_rows_that_take_long_get_no_new_time_with_each_of_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, make: Callable[[], bytes]
) -> None:
    path = write(tmp_path, make(), name)
    monkeypatch.setattr(reader, "TimeLeft", lambda: table_process.TimeLeft(0.3))
    with pytest.raises(FileRefusedError, match="bomb_suspected"):
        list(read_review_file(path, ReadOptions(batch_bytes=1 << 20)))


def test_the_time_of_the_process_counts_when_a_file_is_out_of_proportion(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, tally = write(tmp_path, encode_slow_rows(1, 1_000_000), "a.avro"), Tally()
    file = SourceFile("a.avro", path, path.stat().st_size, path.stat().st_mtime_ns, "0" * 64)
    monkeypatch.setattr(chunks, "MOST_READING_SECONDS", 0.1)
    options = ReadOptions(may_postpone=True)
    list(chunks.read_chunks([file], lambda _: options, lambda _: RowLimits(), tally, lambda _: None))
    assert [each.reason for each in tally.postponed.values()] == [OUT_OF_PROPORTION]


SHORT_OF_MEMORY = """
import os, resource, sys
from pathlib import Path
from data_contracts.errors import FileRefusedError
from tasks.reading import reader, table_process
from tasks.reading.reader import read_review_file
for mebibytes in sys.argv[2:]:
    if os.fork():
        os.wait()
        continue
    limit = table_process._measure_data() + (int(mebibytes) << 20)
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    try:
        for _ in read_review_file(Path(sys.argv[1])): pass
        print("read")
    except FileRefusedError as error:
        print("refused", error)
    break
"""


@only_linux
def test_no_sound_file_is_refused_where_memory_is_short(tmp_path: Path) -> None:
    path = write(tmp_path, write_parquet(text_table(["A good film. " * 100] * 10_000)))
    command = [sys.executable, "-c", SHORT_OF_MEMORY, str(path), "0", "16", "48"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=PROJECT_ROOT)
    said = done.stdout.splitlines()
    assert len(said) < 3  # the others failed
    assert not [each for each in said if each.startswith("refused")]


MEASURE = """
import resource, sys
from pathlib import Path
from data_contracts.errors import FileRefusedError
from tasks.reading.reader import read_review_file
try:
    for _ in read_review_file(Path(sys.argv[1])): pass
    print("read", end=" ")
except FileRefusedError as error:
    print(error.rule, end=" ")
from tasks.reading import reader, table_process
table_process._end_idle()
# The system counts what the parent of a process held before its start as its own peak, but not here.
own = int(Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0])
print((own + resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss) >> 10)
"""


@only_linux
def test_texts_that_repeat_the_one_before_are_read_within_bounded_memory(tmp_path: Path) -> None:
    path = write(tmp_path, write_delta_bytes("x" * (2 << 20), 512))
    assert path.stat().st_size < 10_000
    command = [sys.executable, "-c", MEASURE, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=PROJECT_ROOT)
    _, mebibytes = done.stdout.split()
    assert int(mebibytes) < 1536


def test_one_row_of_a_list_that_holds_a_long_text_many_times_is_refused(tmp_path: Path) -> None:
    texts = pa.DictionaryArray.from_arrays(pa.array([0] * 2000, pa.int32()), pa.array(["x" * (1 << 20)]))
    tags = pa.ListArray.from_arrays(pa.array([0, 2000], pa.int32()), texts)
    path = write(
        tmp_path, write_parquet(pa.table({"text": ["A good film."], "tags": tags}), store_schema=False)
    )
    assert path.stat().st_size < 100_000
    with pytest.raises(FileRefusedError, match="bomb_suspected"):
        count(path)
