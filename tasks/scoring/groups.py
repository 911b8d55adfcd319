"""Turns a group of review files into a part: reads and checks the rows, scores the good ones, quarantines the bad ones.

Nothing here opens the database. The scorer needs ONNX Runtime.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from data_contracts.expectations import CheckResult
from data_contracts.limits import RowLimits
from data_contracts.review_files import NO_KNOWN_WORD, check_rows, measure_rows, merge_results
from data_contracts.storage.faults import pass_fault_point
from models.bundle.scorer import Scorer
from models.tokenizer import mark_texts_with_words
from tasks.inbox.source_files import SkippedFile, SourceFile
from tasks.review_files.reader import ReadOptions, format_of
from tasks.scoring.bad_rows import measure_kept
from tasks.scoring.chunk_scores import ScoredChunk, score_in_background
from tasks.scoring.chunks import read_chunks
from tasks.scoring.file_outcomes import FileOutcome, Tally, judge_file
from tasks.scoring.parts import Part, Write, check_part, open_part, start_part
from tasks.scoring.rows import make_ledger_rows, make_quarantine_rows, make_source_rows
from tasks.warehouse.run_log import Run


@dataclass(frozen=True)
class ScoringJob:
    """What is the same for every group of one run."""

    run: Run
    load_scorer: Callable[[], Scorer]
    """Loads the scorer at the first call; later calls return the same one."""
    limits: RowLimits = field(default_factory=RowLimits)
    options: ReadOptions = field(default_factory=ReadOptions)


@dataclass(frozen=True)
class GroupOutcome:
    """The part of a group, the outcome of each file, and the results of all checks."""

    part: Part
    files: tuple[FileOutcome, ...]
    postponed: tuple[SkippedFile, ...]
    """Files that could not be read or that changed while they were read. The ledger gets no row for them."""
    checks: tuple[CheckResult, ...]


def score_group(
    job: ScoringJob, files: Sequence[SourceFile], report: Callable[[int], None] = lambda size: None
) -> GroupOutcome:
    """Read, check and score a group of files into one part; `report` is called with the bytes of files read.

    A refused file is an outcome, not an error. The caller judges the checks, then calls `keep_part`.
    """
    scorer, run_id = job.load_scorer(), job.run.run_id
    part = start_part(job.run.home.parts, scorer.model_id, files)
    tally = Tally()
    with open_part(part) as write:
        for chunk in score_in_background(scorer, run_id, _read_good(job, files, tally, write, report)):
            _keep_chunk(job, chunk, tally, write)
        pass_fault_point("score: part half written")
        read = [file for file in files if file.source_sha256 not in tally.postponed]
        outcomes = tuple(judge_file(file, tally, job.limits) for file in read)
        entries = map(_make_ledger_entry, outcomes)
        write("scored_files", make_ledger_rows(entries, scorer.model_id, run_id))
    checks = (*merge_results(tally.checks), *_check_scored(part, outcomes))
    return GroupOutcome(part, outcomes, tuple(tally.postponed.values()), checks)


def _read_good(
    job: ScoringJob,
    files: Sequence[SourceFile],
    tally: Tally,
    write: Write,
    report: Callable[[int], None],
) -> Iterator[pa.Table]:
    """Yield the good rows of each chunk of the files; write the bad ones to the quarantine."""
    for chunk in read_chunks(files, job.options, job.limits, tally, report):
        yield _check_chunk(job, chunk, tally, write)


def _check_chunk(job: ScoringJob, chunk: pa.Table, tally: Tally, write: Write) -> pa.Table:
    """Check one chunk, write its bad rows to the quarantine, and return the good ones."""
    chunk = chunk.combine_chunks()
    measures = measure_rows(chunk, mark_texts_with_words(chunk["text"]))
    checks, broken = check_rows(measures, job.limits)
    tally.checks.extend(checks)
    bad = np.zeros(len(chunk), dtype=bool)
    bad[list(broken)] = True
    counted = pc.value_counts(chunk["source_sha256"]).to_pylist()
    tally.rows_read.update({each["values"]: each["counts"] for each in counted})
    _quarantine(job, chunk, broken, tally, write)
    return chunk.filter(pa.array(~bad)) if broken else chunk


def _keep_chunk(job: ScoringJob, chunk: ScoredChunk, tally: Tally, write: Write) -> None:
    """Write the texts and scores of a chunk; write the rows that can't be scored to the quarantine."""
    pass_fault_point("score: batch scored")
    good = chunk.rows
    if chunk.unscored:
        _quarantine(job, good, chunk.unscored, tally, write)
        kept = [position for position in range(len(good)) if position not in chunk.unscored]
        good = good.take(pa.array(kept, pa.int64()))  # Arrow can't infer the type of an empty list
    write("source_reviews", make_source_rows(good))
    write("scored_reviews", chunk.scored)


def _quarantine(
    job: ScoringJob, chunk: pa.Table, broken: Mapping[int, tuple[str, str]], tally: Tally, write: Write
) -> None:
    """Write bad rows to the quarantine and count them; `broken` maps positions in `chunk` to rule and detail."""
    if broken:
        rows = make_quarantine_rows(chunk, broken, job.run.run_id, datetime.now(UTC))
        write("quarantined_rows", rows)
        tally.bytes_kept.update(measure_kept(rows))
    sources, numbers = chunk["source_sha256"], chunk["row_number"]
    for position, (rule, detail) in broken.items():
        source = sources[position].as_py()
        tally.rows_quarantined[source] += 1
        if rule == NO_KNOWN_WORD:
            continue  # a review in another language is no sign of a broken file
        tally.rows_broken[source][rule] += 1
        tally.first_bad.setdefault(source, f"row {numbers[position].as_py()}: {rule}, {detail}")


def _make_ledger_entry(outcome: FileOutcome) -> dict[str, Any]:
    """Return a file's values for the ledger, by column."""
    return {
        "source_sha256": outcome.source.source_sha256,
        "status": outcome.status,
        "rule": outcome.rule,
        "detail": outcome.detail,
        "uri": outcome.source.uri,
        "format": format_of(outcome.source.path),
        "bytes": outcome.source.size,
        "rows_read": outcome.rows_read,
    }


def _check_scored(part: Part, outcomes: Sequence[FileOutcome]) -> list[CheckResult]:
    """Check the scores of all files that were not refused against the contract `scored_reviews`."""
    scored = [each for each in outcomes if each.status == "scored"]
    rows_read = {each.source.source_sha256: each.rows_read for each in scored}
    rows_quarantined = {each.source.source_sha256: each.rows_quarantined for each in scored}
    return check_part(part, rows_read, rows_quarantined)
