"""Tests a short run of the fuzzer, and that the fuzzer finds known failures."""

import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest

from data_contracts.errors import FileRefusedError
from data_contracts.review_files import READ_SCHEMA
from tasks.reading import streams
from tasks.reading.reader import ReadOptions, read_review_file
from tasks.reading.table_process import TABLE_FORMATS
from tests.fuzz import judging, parquet_layout, supervising, zip_mutations
from tests.fuzz.cases import MUTATIONS, build, plan_case
from tests.fuzz.judging import judge
from tests.fuzz.minimising import shrink
from tests.fuzz.seeds import WRAPPINGS, WRAPS, make_contents
from tests.fuzz.supervising import Worker, ask, run_cases
from tests.fuzz.worker import FINDING, read

SEED, CASES = 18, 120
ENDINGS = {"text": "txt"}


@pytest.mark.process
def test_mutated_files_are_read_or_refused_by_a_known_rule(tmp_path: Path) -> None:
    results = list(run_cases(tmp_path, SEED, range(CASES)))
    assert [result.item for result in results] == [f"{SEED}:{number}" for number in range(CASES)]
    assert not [result for result in results if result.outcome == FINDING]
    outcomes = Counter(result.outcome for result in results)
    # They get past the first look: a good part is read, and the others are refused for many reasons.
    assert outcomes["rows"] > CASES // 4
    assert len(outcomes) > 12


@pytest.mark.parametrize(
    "format_name",
    [
        pytest.param(name, marks=[pytest.mark.process] if name in TABLE_FORMATS else [])
        for name in sorted(make_contents())
    ],
)
def test_every_content_to_start_from_is_read(format_name: str, tmp_path: Path) -> None:
    path = tmp_path / f"reviews.{ENDINGS.get(format_name, format_name)}"
    for data in make_contents()[format_name]:
        path.write_bytes(data)
        assert judge(path) == "rows"


@pytest.mark.parametrize("wrapping", sorted(set(WRAPPINGS)), ids=".".join)
def test_every_wrapping_to_start_from_is_read(wrapping: tuple[str, ...], tmp_path: Path) -> None:
    name, data = "reviews.csv", make_contents()["csv"][0]
    for wrap in wrapping:
        name, data = WRAPS[wrap](name, data)
    (tmp_path / name).write_bytes(data)
    assert judge(tmp_path / name) == "rows"


def test_a_case_is_the_same_each_time() -> None:
    assert [build(plan_case(1, number)) for number in range(20)] == [
        build(plan_case(1, number)) for number in range(20)
    ]


@pytest.mark.parametrize("layer", sorted(MUTATIONS))
def test_every_mutation_changes_something(layer: str) -> None:
    name, data = "reviews.csv", make_contents().get(layer, make_contents()["csv"])[0]
    data = WRAPS[layer](name, data)[1] if layer in WRAPS else data
    unchanged = [
        mutation
        for mutation, mutate in MUTATIONS[layer].items()
        if all(mutate(random.Random(chance), data) == data for chance in range(5))
    ]
    assert not unchanged


def test_a_parquet_file_taken_apart_is_put_together_as_it_was() -> None:
    data = make_contents()["parquet"][0]
    assert parquet_layout.join(parquet_layout.split(data)) == data


def test_a_zip_taken_apart_is_put_together_as_it_was() -> None:
    _, data = WRAPS["zip"]("reviews.csv", b"text\nGood.\n")
    assert zip_mutations.join(zip_mutations.split(data)) == data


# What is taken for a finding


def found_by(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, reader: object) -> dict[str, str]:
    monkeypatch.setattr(judging, "read_review_file", reader)
    path = tmp_path / "reviews.csv"
    path.write_bytes(b"text\nGood.\n")
    return read(path)


def make_batch(**changes: object) -> pa.RecordBatch:
    row = {**dict.fromkeys(READ_SCHEMA.names), "row_number": 1, "text": "Good."}
    return pa.RecordBatch.from_pylist([row | changes], READ_SCHEMA)


def test_an_error_that_is_no_refusal_is_a_finding(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def fail(*_: object) -> None:
        raise KeyError("x")

    found = found_by(monkeypatch, tmp_path, fail)
    assert (found["outcome"], found["kind"]) == (FINDING, "KeyError in test_fuzz.py:fail")


def test_a_refusal_by_an_unknown_rule_is_a_finding(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def refuse(*_: object) -> None:
        raise FileRefusedError("no_such_rule", "It is bad.")

    assert found_by(monkeypatch, tmp_path, refuse)["outcome"] == FINDING


@pytest.mark.parametrize(
    "changes",
    [
        {"row_number": 2},
        {"text": None},
        {"rule": "text_blank"},
        {"text": None, "rule": "no_such_rule"},
        {"given_label": "good"},
        {"given_rating": 11.0},
        {"extra": "[]"},
        {"extra": '{"a": NaN}'},
    ],
    ids=str,
)
def test_rows_that_are_not_as_promised_are_a_finding(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, changes: dict[str, object]
) -> None:
    found = found_by(monkeypatch, tmp_path, lambda *_: iter([make_batch(**changes)]))
    assert found["outcome"] == FINDING


def test_rows_that_depend_on_where_pieces_end_are_a_finding(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def read_pieces(*_: object) -> Iterator[pa.RecordBatch]:
        yield make_batch(text=str(streams.CHUNK_BYTES))

    assert found_by(monkeypatch, tmp_path, read_pieces)["outcome"] == FINDING


def test_what_goes_wrong_by_a_profile_alone_is_a_finding(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def read_by(_: Path, options: ReadOptions) -> Iterator[pa.RecordBatch]:
        yield make_batch(given_rating=5.0 if options.profile is None else 11.0)

    assert found_by(monkeypatch, tmp_path, read_by)["outcome"] == FINDING


@pytest.mark.parametrize("format_name", ["csv", "jsonl"])
def test_the_profile_of_the_fuzzer_reads_what_it_starts_from(format_name: str, tmp_path: Path) -> None:
    path = tmp_path / f"a.{format_name}"
    path.write_bytes(make_contents()[format_name][0])
    rows = [
        row
        for batch in read_review_file(path, ReadOptions(profile=judging.PROFILE))
        for row in batch.to_pylist()
    ]
    assert Counter(row["rule"] for row in rows) == {None: 7, "no_review": 3}
    assert sum(row["given_rating"] is not None for row in rows) == len(rows)


def test_rows_as_promised_are_no_finding(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    found = found_by(monkeypatch, tmp_path, lambda *_: iter([make_batch()]))
    assert found == {"outcome": "rows"}


@pytest.mark.slow
@pytest.mark.parametrize(("size", "kind"), [(0, "rows"), (256, "memory")])
def test_memory_is_judged_by_what_a_file_takes_not_by_what_was_held_before(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, size: int, kind: str
) -> None:
    def take(*_: object) -> Iterator[pa.RecordBatch]:
        taken.append(b"x" * (size << 20))
        yield make_batch()

    held, taken = b"x" * (256 << 20), list[bytes]()
    monkeypatch.setattr("tests.fuzz.worker.MEMORY_BYTES", 128 << 20)
    found = found_by(monkeypatch, tmp_path, take)
    assert (found.get("kind", found["outcome"]), len(held)) == (kind, 256 << 20)


@pytest.fixture
def pretended_worker() -> Iterator[list[Worker]]:
    """Collect the workers that `pretend` starts, and stop them."""
    workers: list[Worker] = []
    yield workers
    for worker in workers:
        supervising.stop_worker(worker)


def pretend(workers: list[Worker], folder: Path, then: str) -> Worker:
    """Start a worker that reports reading a file, but runs other code."""
    (folder / "errors.txt").touch()
    script = f"import os, signal; input(); print('> 1:7', flush=True); {then}"
    command = [sys.executable, "-c", script]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    workers.append(Worker(process, folder))
    return workers[0]


@pytest.mark.process
def test_a_worker_that_crashes_is_a_finding(pretended_worker: list[Worker], tmp_path: Path) -> None:
    worker = pretend(pretended_worker, tmp_path, "os.kill(os.getpid(), signal.SIGSEGV)")
    (result,) = ask(worker, "")
    assert (result.item, result.outcome, result.kind) == ("1:7", FINDING, "SIGSEGV")


@pytest.mark.process
def test_a_file_that_takes_too_long_is_a_finding(
    pretended_worker: list[Worker], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervising, "CPU_SECONDS", 0.1)
    worker = pretend(pretended_worker, tmp_path, "any(iter(int, 1))")
    (result,) = ask(worker, "")
    assert (result.item, result.outcome, result.kind) == ("1:7", FINDING, "time")


@pytest.mark.process
def test_a_file_that_takes_too_much_memory_is_a_finding(
    pretended_worker: list[Worker], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervising, "MEMORY_BYTES", 64 << 20)
    worker = pretend(pretended_worker, tmp_path, "held = bytes(1) * (100 << 20); signal.pause()")
    (result,) = ask(worker, "")
    assert (result.item, result.outcome, result.kind) == ("1:7", FINDING, "memory")


def test_what_is_found_is_made_small() -> None:
    data = random.Random(0).randbytes(1000) + b"needle" + random.Random(1).randbytes(500)
    assert shrink(data, lambda fewer: b"needle" in fewer, time.monotonic() + 60) == b"needle"
