"""Tests a short run of the fuzzer, and that the fuzzer finds known failures."""

from collections import Counter
from pathlib import Path

import pyarrow as pa
import pytest

from data_contracts.review_files import READ_SCHEMA
from tests.fuzz import judging
from tests.fuzz.supervising import run_cases
from tests.fuzz.worker import FINDING, read

SEED, CASES = 18, 120


@pytest.mark.process
def test_mutated_files_are_read_or_refused_by_a_known_rule(tmp_path: Path) -> None:
    results = list(run_cases(tmp_path, SEED, range(CASES)))
    assert [result.item for result in results] == [f"{SEED}:{number}" for number in range(CASES)]
    assert not [result for result in results if result.outcome == FINDING]
    outcomes = Counter(result.outcome for result in results)
    # They get past the first look: a good part is read, and the others are refused for many reasons.
    assert outcomes["rows"] > CASES // 4
    assert len(outcomes) > 12


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


@pytest.mark.parametrize(
    "changes", [{"row_number": 2}, {"text": None}, {"given_label": "good"}, {"extra": '{"a": NaN}'}], ids=str
)
def test_rows_that_are_not_as_promised_are_a_finding(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, changes: dict[str, object]
) -> None:
    found = found_by(monkeypatch, tmp_path, lambda *_: iter([make_batch(**changes)]))
    assert found["outcome"] == FINDING
