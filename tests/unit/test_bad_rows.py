"""Tests that reading stops as soon as a file has too many bad rows to be accepted."""

from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from data_contracts.errors import FileRefusedError
from data_contracts.part_schemas import QUARANTINE_SCHEMA
from data_contracts.rules_and_limits import ROW_RULES, UNCOUNTED_RULES, FileLimits, RowLimits
from data_contracts.storage.home import Home
from tasks.inbox.source_files import SourceFile
from tasks.reading.reader import ReadOptions
from tasks.scoring.bad_rows import UNSUSPECTED_BYTES, can_only_be_refused, require_bounded_bad_rows
from tasks.scoring.chunk_checks import set_aside
from tasks.scoring.file_outcomes import Tally, judge_file
from tasks.scoring.group_to_part import ScoringJob, score_group
from tasks.warehouse.run_log import Run

LIMITS, OPTIONS = RowLimits(), ReadOptions()


def is_hopeless(name: str, size: int, rows_read: int, rows_broken: int) -> bool:
    file: Any = SimpleNamespace(path=Path(name), size=size)
    return can_only_be_refused(file, rows_read, rows_broken, LIMITS, OPTIONS)


@pytest.mark.parametrize(
    ("name", "size", "rows_read", "enough"),
    [
        ("a.parquet", 6000, 50_000, 40_000),
        ("a.csv.gz", 1_000_000, 300_000, 200_000),
        ("a.jsonl", 9_000_000, 300_000, 260_000),
        ("a.csv", 2_000_000, 300_000, 260_000),
    ],
)
def test_a_file_is_hopeless_when_good_rows_could_not_make_up_for_its_bad_ones(
    name: str, size: int, rows_read: int, enough: int
) -> None:
    assert not is_hopeless(name, size, rows_read, enough)
    assert is_hopeless(name, size, rows_read, enough + 1)


def test_a_file_whose_bad_rows_unpack_to_far_more_than_its_size_is_refused() -> None:
    file: Any = SimpleNamespace(path=Path("a.csv.gz"), size=1000)
    require_bounded_bad_rows(file, UNSUSPECTED_BYTES)
    with pytest.raises(FileRefusedError, match="bomb_suspected: its bad rows alone"):
        require_bounded_bad_rows(file, UNSUSPECTED_BYTES + 1)


def test_a_refusal_names_the_first_bad_row_in_a_sentence_of_its_own() -> None:
    source, tally = "0" * 64, Tally(Counter({"0" * 64: 20}))
    empty = {field.name: pa.nulls(20, field.type) for field in QUARANTINE_SCHEMA}
    given = {"source_sha256": [source] * 20, "row_number": list(range(1, 21)), "text": [" "] * 20}
    broken = dict.fromkeys(range(2, 20), ("text_blank", ROW_RULES["text_blank"]))
    set_aside(pa.table(empty | given), broken, "run", tally, lambda table, rows: None)
    file: Any = SimpleNamespace(source_sha256=source)
    detail = str(judge_file(file, tally, FileLimits()).detail)
    assert detail.startswith("18 of 20 rows are bad (text_blank 18)")
    assert f"The first is row 3 (text_blank): {ROW_RULES['text_blank']} Too " in detail


@pytest.mark.parametrize("rule", sorted(UNCOUNTED_RULES))
def test_rows_that_say_nothing_against_their_file_do_not_end_its_reading(rule: str) -> None:
    source, tally = "0" * 64, Tally()
    empty = {field.name: pa.nulls(2, field.type) for field in QUARANTINE_SCHEMA}
    given = {"source_sha256": [source] * 2, "row_number": [1, 2], "text": ["見事な映画", None]}
    broken = {0: (rule, ""), 1: ("text_too_long", "")}
    set_aside(pa.table(empty | given), broken, "run", tally, lambda table, rows: None)
    assert (tally.rows_quarantined, tally.rows_broken) == ({source: 2}, {source: {"text_too_long": 1}})


@pytest.mark.slow
def test_a_file_of_bad_rows_is_refused_before_all_of_it_is_read_and_kept(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"text,id\n" + b",1\n" * 60_000)
    status = path.stat()
    file = SourceFile("a.csv", path, status.st_size, status.st_mtime_ns, "0" * 64)
    scorer: Any = SimpleNamespace(model_id="m")
    outcome = score_group(ScoringJob(Run(Home(tmp_path), "run"), lambda: scorer), [file])
    assert [(each.status, each.rule) for each in outcome.files] == [("refused", "too_many_bad_rows")]
    kept = pq.read_metadata(outcome.part.building / "quarantined_rows.parquet").num_rows
    assert 0 < kept < 45_000
