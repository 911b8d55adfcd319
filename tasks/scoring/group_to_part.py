"""Turns a group of review files into a part: reads and checks the rows, scores the good ones, quarantines the bad ones.

Nothing here opens the database. The scorer needs ONNX Runtime.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import pyarrow as pa

from data_contracts.expectations import CheckResult
from data_contracts.readings import judge_columns
from data_contracts.review_files import merge_results
from data_contracts.rules_and_limits import VALUE_RULES, RowLimits
from data_contracts.sources.known_profiles import DEFAULT
from data_contracts.sources.language import judge_language
from data_contracts.storage.faults import pass_fault_point
from models.bundle.scorer import Scorer
from tasks.inbox.source_files import SkippedFile, SourceFile
from tasks.reading.reader import ReadOptions
from tasks.scoring.chunk_checks import (
    check_chunk,
    check_language,
    check_values,
    note_first_rows,
    set_aside,
)
from tasks.scoring.chunk_scores import ScoreChunks, ScoredChunk, score_in_background
from tasks.scoring.chunks import read_chunks
from tasks.scoring.file_outcomes import FileOutcome, Tally, judge_file, make_ledger_entry
from tasks.scoring.part_folders import Part, Write, check_part, open_part, start_part
from tasks.scoring.part_rows import make_ledger_rows, make_source_rows
from tasks.sources.catalogue import Catalogue
from tasks.sources.profile_options import choose_file_limits, choose_file_options
from tasks.support.refusals import refusal
from tasks.warehouse.run_log import Run


@dataclass(frozen=True)
class ScoringJob:
    """What is the same for every group of one run."""

    run: Run
    load_scorer: Callable[[], Scorer]
    """Loads the scorer at the first call; later calls return the same one."""
    limits: RowLimits = field(default_factory=RowLimits)
    options: ReadOptions = field(default_factory=ReadOptions)
    catalogue: Catalogue = field(default_factory=Catalogue)
    score_chunks: ScoreChunks = score_in_background
    """Scores texts in this process, or hands them to workers."""


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
    part = start_part(job.run.home.parts, scorer.model_id, [file.source_sha256 for file in files])
    tally, choose_limits = Tally(), partial(choose_file_limits, job.catalogue, job.limits)
    with open_part(part) as write:
        for chunk in job.score_chunks(scorer, run_id, _read_good(job, files, tally, write, report)):
            _keep_chunk(job, chunk, tally, write)
        pass_fault_point("score: part half written")
        read = [file for file in files if file.source_sha256 not in tally.postponed]
        outcomes = tuple(judge_file(file, tally, choose_limits(file)) for file in read)
        entries = [
            {**make_ledger_entry(each), **job.catalogue.describe(each.source.uri)} for each in outcomes
        ]
        write("scored_files", make_ledger_rows(entries, scorer.model_id, run_id))
    scored = [each for each in outcomes if each.status == "scored"]
    counts = (
        {each.source.source_sha256: each.rows_read for each in scored},
        {each.source.source_sha256: each.rows_quarantined for each in scored},
    )
    checks = (
        *_accept_values(job.catalogue, outcomes, merge_results(tally.checks)),
        *_check_columns(outcomes, tally),
        *_check_languages(job.catalogue, outcomes, tally),
        *check_part(part, *counts),
    )
    return GroupOutcome(part, outcomes, tuple(tally.postponed.values()), checks)


def _read_good(
    job: ScoringJob,
    files: Sequence[SourceFile],
    tally: Tally,
    write: Write,
    report: Callable[[int], None],
) -> Iterator[pa.Table]:
    """Yield the good rows of each chunk of the files, with their `source`; write the bad ones to the quarantine."""
    choose_options = partial(choose_file_options, job.catalogue, job.options)
    choose_limits = partial(choose_file_limits, job.catalogue, job.limits)
    for chunk in read_chunks(files, choose_options, choose_limits, tally, report):
        note_first_rows(chunk, tally)
        good = check_chunk(chunk, job.limits, job.run.run_id, tally, write)
        good = check_values(good, job.catalogue, job.run.run_id, tally, write)
        good = check_language(good, job.catalogue, job.run.run_id, tally, write)
        yield good.append_column("source", _name_sources(good["uri"], job.catalogue))


def _name_sources(uris: pa.ChunkedArray, catalogue: Catalogue) -> pa.Array:
    """Return the name of the source of each row, [n], by the uri of its file."""
    files = uris.combine_chunks().dictionary_encode()
    names = pa.array([catalogue.find(uri).name for uri in files.dictionary.to_pylist()], pa.string())
    return pa.DictionaryArray.from_arrays(files.indices, names)


def _keep_chunk(job: ScoringJob, chunk: ScoredChunk, tally: Tally, write: Write) -> None:
    """Write the texts and scores of a chunk; write the rows that can't be scored to the quarantine.

    Refuse the files whose texts end workers.
    """
    pass_fault_point("score: batch scored")
    for source in chunk.killers:
        tally.refused.setdefault(
            source, refusal("workers_killed", "its texts ended several workers, alone too")
        )
    good = set_aside(chunk.rows, chunk.unscored, job.run.run_id, tally, write)
    write("source_reviews", make_source_rows(good))
    write("scored_reviews", chunk.scored)


def _check_columns(outcomes: Sequence[FileOutcome], tally: Tally) -> Iterator[CheckResult]:
    """Yield, for each of a group's files that were not refused, whether a profile says what all of its columns are."""
    for outcome in outcomes:
        sha256 = outcome.source.source_sha256
        readings = tally.readings[sha256] if outcome.status == "scored" else []
        if not readings:
            continue
        first = readings[0]
        columns = first.profile.columns
        names = {"text": columns.text[-1], **columns.list_fields()}
        names.pop("author", None)
        is_open = any(reading.name == DEFAULT for reading in readings)
        extras = tally.first_extras[sha256] if is_open else []
        yield judge_columns(sha256, first.name, filter(None, extras), names)


def _accept_values(
    catalogue: Catalogue, outcomes: Sequence[FileOutcome], results: Sequence[CheckResult]
) -> list[CheckResult]:
    """Return the results without a warning of values that can't be read where the source wants none."""
    checks = {field_rule: check for check, (field_rule, _) in VALUE_RULES.items()}
    sources = {each.source.source_sha256: catalogue.find(each.source.uri) for each in outcomes}
    return [
        replace(result, success=True)
        if result.rule in checks
        and (source := sources.get(str(result.source_sha256)))
        and source.judge(checks[result.rule]) != "warn"
        else result
        for result in results
    ]


def _check_languages(
    catalogue: Catalogue, outcomes: Sequence[FileOutcome], tally: Tally
) -> list[CheckResult]:
    """Return, for each of a group's files that were not refused, how many of its rows seem not to be in English."""
    results = []
    for outcome in outcomes:
        if outcome.status == "scored":
            sha256, source = outcome.source.source_sha256, catalogue.find(outcome.source.uri)
            counts = (outcome.rows_read, tally.rows_not_english[sha256])
            results.append(judge_language((sha256, source.name), *counts, source.other_languages))
    return results
